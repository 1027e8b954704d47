// Checks the books of the second world (ledger.md §3): the treasury's memory, the journal and the
// providers' own bill must tell one story, at every instant. What does not is a line of text.
//
//   auditor.cpp            I1, I2, I7, I8: balances in memory, in the journal, and after a crash
//   auditor_calls.cpp      I3, I4, I5, I10: what providers billed, call by call; the store
//   auditor_decisions.cpp  I1, I9, I11, I12, I13: each decision, by what the ledger knew then
//
// Thread: the scheduler's.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/rate_limit.h"
#include "ledger/fold.h"
#include "sim/world/customers.h"
#include "sim/world/vendor.h"
#include "sim/world/weir_process.h"
#include "store/queries.h"

namespace weir::world {

class Auditor {
 public:
    // `company`: its keys and environments; what else is set is the process's to tell.
    Auditor(Scheduler& scheduler, const core::Policy& company, const Vendor& vendor,
            const Customers& customers)
        : scheduler_(scheduler), company_(company), vendor_(vendor), customers_(customers) {}

    // A process has started on a data directory. After a power cut that lost the journal's tail,
    // its memory comes from a database that may know more than the journal.
    // `after_power`: what was not synced, although it was to be, may stand in the store alone.
    void begin(WeirProcess& process, bool lossy, bool after_power = false);
    // It has died or ended: its files are nobody's until the next start.
    void leave() { reader_.reset(); }
    // Something that is set was changed, and may be in force; or an entry was corrected.
    void changed(WeirProcess& process);
    // Between two events.
    void look(WeirProcess& process);
    // I4, I5, I6, I7 and I10, when all is quiet.
    void close(WeirProcess& process);
    // I3 and I8 of what a start would make of the data directory at this very step. Asks nothing of
    // the process, which may hold locks.
    void look_at_crash();

    const std::vector<std::string>& findings() const { return findings_; }
    std::uint64_t looks() const { return looks_; }
    std::uint64_t decisions() const { return decisions_; }
    std::uint64_t probes() const { return probes_; }
    std::size_t attempts() const { return admitted_.size(); }
    std::size_t tried_again() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(admitted_, [](const AttemptId& id) { return id.ordinal > 1; }));
    }
    std::size_t overflows() const { return overflows_; }
    // Ended at a bound, and billed less as the provider knows by now; nullptr: none.
    struct Overcharge {
        const ledger::EndRecord* end = nullptr;
        Int128 billed = 0;
        std::int64_t tokens = 0;
    };
    std::optional<Overcharge> overcharge() const;
    // Told of every record once it is in the journal, for who wants to read a history.
    std::function<void(const ledger::Record&)> on_record;

 private:
    struct Key {
        std::uint64_t budget = 0;
        std::string instance;
        std::int64_t start = 0;
        auto operator<=>(const Key&) const = default;
    };
    struct Figures {
        Int128 settled = 0;
        Int128 held = 0;
        Int128 overrun = 0;
        bool operator==(const Figures&) const = default;
    };
    using Books = std::map<Key, Figures>;
    // What moves whenever a balance may have.
    struct Pulse {
        std::uint64_t attempts = 0;
        std::uint64_t refused = 0;
        std::size_t open = 0;
        std::size_t unsynced = 0;
        std::size_t truths = 0;
        bool operator==(const Pulse&) const = default;
    };
    struct Attempt {
        ledger::AdmitRecord admit;
        bool dispatched = false;
        std::optional<ledger::EndRecord> end;
        std::vector<ledger::CorrectionRecord> corrections;
    };
    struct Refused {
        ledger::RefusalRecord record;
        std::vector<core::HoldPart> refusing;
    };

    void find(std::string what);
    void read_on(bool live);
    static Key key_of(const core::HoldPart& part) {
        return {part.budget_id, part.instance, part.window.start};
    }
    static Books of_memory(WeirProcess& process);
    Books of_journal() const;
    void compare(const Books& memory, const Books& journal, const char* when);
    void take_what_is_new(WeirProcess& process);
    void take_late_bases(WeirProcess& process);
    void take_seeds(const WeirProcess& process);
    void check_new_budgets(WeirProcess& process, const std::set<std::uint64_t>& fresh);
    void check_ceilings(const Books& sums, const char* when);
    void check_falling(const Books& memory);
    void check_dead_holds(WeirProcess& process, bool after_power);
    bool is_refused(WeirProcess& process, const ledger::AttemptHead& head);

    void note(const ledger::Record& record, bool live);
    void see_admit(const ledger::AdmitRecord& admit, bool live);
    void see_end(const ledger::EndRecord& end);
    void see_refusal(const ledger::RefusalRecord& refusal);
    void check_windows(const ledger::AdmitRecord& admit);
    void check_figures(const std::vector<core::HoldPart>& parts, bool is_refusal);
    void enter_rates(const ledger::AdmitRecord& admit);
    void compare_rates(WeirProcess& process);
    void ask_again(WeirProcess& process);
    bool still_holds(const Refused& refused, WeirProcess& process) const;

    void check_calls(bool after_crash, const char* when);
    void check_call(const std::string& mark, const std::vector<const Truth*>& truths,
                    bool after_crash, const char* when);
    void check_entries();
    void check_entry(const Attempt& attempt, const Truth& truth);
    void check_store(WeirProcess& process);
    bool is_shut(WeirProcess& process, const store::Balance& balance);
    void check_sums(store::Queries& queries);

    Scheduler& scheduler_;
    const core::Policy& company_;
    const Vendor& vendor_;
    const Customers& customers_;
    std::vector<std::string> findings_;
    std::uint64_t looks_ = 0;
    std::uint64_t decisions_ = 0;
    std::uint64_t probes_ = 0;
    std::size_t overflows_ = 0;

    // Of the journal that is read now.
    std::string journal_;
    std::unique_ptr<ledger::JournalReader> reader_;
    ledger::Fold fold_;
    std::map<AttemptId, Attempt> attempts_;
    std::map<std::string, std::vector<AttemptId>> by_mark_;  // the client's
    bool news_ = false;
    std::uint32_t epoch_ = 0;
    std::vector<core::BudgetSpec> specs_;  // in force
    std::set<std::uint64_t> in_force_;     // their ids
    std::set<std::uint64_t> late_;         // of these, whose base is still to be taken

    Books base_;  // what memory knew beyond the journal, once it was asked
    Books last_;
    std::map<Key, Int128> corrected_;  // by how much corrections let settled fall
    // I2: settled + held − overrun stay at or below it. Set by each admission.
    std::map<Key, Int128> ceilings_;
    std::set<AttemptId> admitted_;                   // whose admission has set them
    std::map<std::uint64_t, std::int64_t> windows_;  // I11: the latest of each budget
    std::unique_ptr<core::RateLimits> rates_;        // I9: what the journal's records come to
    std::map<AttemptId, core::RateTicket> tickets_;
    std::vector<Refused> refused_;  // for good, in this window
    std::size_t next_probe_ = 0;
    bool memory_lags_ = false;  // ends wait for a sync, or did a moment ago
    std::optional<Pulse> last_pulse_;
    std::uint64_t quiet_ = 0;  // events since the last look
    bool was_dark_ = false;
    std::set<AttemptId> ended_ahead_;  // by ends that the store has read, and a power cut took
    std::size_t truths_ = 0;
    std::size_t lost_before_ = 0;  // truths that a power cut may have taken from the journal
    bool has_lost_ = false;
};

}  // namespace weir::world
