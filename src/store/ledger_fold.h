// Folds journal records into the database: entries, charges, refusals, corrections, rollups and
// balances, with the cursors in the same transaction (design.md §7, ledger.md J5, J6).
//
// State is a join by attempt id, so records may come in any order and in any batches. Of several
// ends of one attempt the earliest by its own instant counts, as in ledger/fold.h; repeats are
// counted. Folding the same records again changes nothing. After an error nothing of the batch is
// kept. Thread: one, the bookkeeper's; it is the only writer of the tables it fills.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ledger/journal.h"
#include "ledger/record.h"
#include "store/entry_writer.h"
#include "store/event_fold.h"
#include "store/sqlite.h"
#include "store/tally.h"

namespace weir::store {

struct FoldCounters {
    std::int64_t records = 0;
    std::int64_t entries_ended = 0;
    std::int64_t refusals = 0;
    std::int64_t corrections = 0;
    std::int64_t duplicates = 0;  // of any kind of record
    bool operator==(const FoldCounters&) const = default;
};

class LedgerFold {
 public:
    // `database` must outlive the fold.
    static Result<LedgerFold> open(Database& database);

    // One transaction: all of `records`, and `cursors` as the new place in the journal.
    // Errors: those of sqlite.h; then the batch has to be folded again.
    Result<> fold(const std::vector<ledger::Record>& records,
                  const std::vector<ledger::Cursor>& cursors);
    Result<std::vector<ledger::Cursor>> cursors();
    // Since the database was made.
    const FoldCounters& counters() const { return counters_; }

 private:
    // An attempt that has not ended, as its row stands.
    struct OpenRow {
        std::int64_t row = 0;
        std::int64_t scope = 0;
        bool admitted = false;
        std::optional<UnixTime> dispatched;
    };
    // All that one batch says of one attempt.
    struct Pending {
        AttemptId id;
        AttemptFacts facts;
    };
    struct Sorted;

    explicit LedgerFold(Database& database) : database_(&database) {}
    Result<> prepare();
    Result<> reload();
    Result<> fold_in_transaction(const std::vector<ledger::Record>& records,
                                 const std::vector<ledger::Cursor>& cursors);
    void sort(const std::vector<ledger::Record>& records, Sorted& out);
    Result<> apply(const Pending& pending);
    Result<> apply_to_open(const Pending& pending, OpenRow& open);
    Result<> apply_to_unseen(const Pending& pending, std::optional<UnixTime> dispatched);
    Result<> apply_to_ended(const Pending& pending);
    Result<> accept_end(std::int64_t row, std::int64_t scope, const ledger::EndRecord& end);
    Result<> replace_later_end(std::int64_t row, const ledger::EndRecord& end);
    Result<> apply_refusal(const ledger::RefusalRecord& refusal);
    Result<> apply_correction(const ledger::CorrectionRecord& correction);
    Result<> apply_waiting_corrections(const AttemptId& id);
    Result<bool> settle_correction(const ledger::CorrectionRecord& correction);
    Result<std::int64_t> scope_of(const ledger::AttemptHead& head);
    Result<> save_cursors(const std::vector<ledger::Cursor>& cursors);
    Result<> save_counters();

    Database* database_;
    std::optional<EntryWriter> writer_;
    std::optional<Tally> tally_;
    std::optional<EventFold> events_;
    Statement find_entry_;
    Statement find_end_;
    Statement remove_charges_;
    Statement find_scope_;
    Statement insert_scope_;
    Statement insert_correction_;
    Statement waiting_corrections_;
    Statement mark_corrections_;
    Statement upsert_cursor_;
    Statement delete_cursor_;
    Statement upsert_counter_;
    std::string scratch_;

    // Mirrors of the database, dropped when a transaction fails.
    bool stale_ = true;
    std::unordered_map<AttemptId, OpenRow> open_;
    std::unordered_map<std::string, std::int64_t> scopes_;
    std::unordered_set<AttemptId> waiting_;  // corrections whose end has not been read
    std::map<ledger::SegmentName, std::uint64_t> cursors_;
    FoldCounters counters_;
};

}  // namespace weir::store
