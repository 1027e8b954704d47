// Writes attempts, charges and refusals as rows. Binds straight from the records: nothing is copied
// but the few columns that are JSON. Thread: the bookkeeper's. Errors: those of sqlite.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ledger/record.h"
#include "store/sqlite.h"

namespace weir::store {

// What is known of one attempt; whatever is not known yet is null.
struct AttemptFacts {
    const ledger::AdmitRecord* admit = nullptr;
    const ledger::EndRecord* end = nullptr;
    std::optional<UnixTime> dispatched;
};

class EntryWriter {
 public:
    static Result<EntryWriter> open(Database& database);

    // True if the row is new; false if there was one of that id already, which is left as it is.
    Result<bool> insert(const ledger::AttemptHead& head, std::int64_t scope,
                        const AttemptFacts& facts);
    // A dispatched mark whose admit has not been read yet.
    Result<bool> insert_stub(const AttemptId& id, UnixTime dispatched);
    // Completes the row of an attempt whose end was read first.
    Result<> complete(std::int64_t row, std::int64_t scope, const ledger::AdmitRecord& admit);
    Result<> mark_dispatched(std::int64_t row, UnixTime at);
    // Of a row whose admit is there. `dispatched`: a mark that was read together with the end.
    Result<> end(std::int64_t row, const ledger::EndRecord& end,
                 std::optional<UnixTime> dispatched);
    Result<> remove_stub(std::int64_t row);
    Result<> insert_charges(std::int64_t row, const core::Bill& bill);
    // False if there was one of that id already.
    Result<bool> insert_refusal(const ledger::RefusalRecord& refusal, std::int64_t scope);
    std::int64_t last_row() const { return database_->last_row(); }

 private:
    explicit EntryWriter(Database& database) : database_(&database) {}
    int bind_head(Statement& to, int at, const ledger::AttemptHead& head, std::int64_t scope);
    int bind_admit(Statement& to, int at, const AttemptFacts& facts);
    int bind_end(Statement& to, int at, const ledger::EndRecord* end, bool parts_are_same);
    int bind_usage(Statement& to, int at, const ledger::EndRecord& end);
    int bind_outcome(Statement& to, int at, const ledger::EndRecord& end);

    Database* database_;
    Statement insert_;
    Statement stub_;
    Statement complete_;
    Statement dispatched_;
    Statement end_;
    Statement remove_;
    Statement charge_;
    Statement refusal_;
    // Texts that are bound until the statement is stepped.
    std::string sources_;
    std::string tags_;
    std::string parts_;
    std::string end_parts_;
    std::string notes_;
    std::string usage_lines_;
};

}  // namespace weir::store
