// Checks the books of the second world (ledger.md §3): the treasury's memory, the journal and the
// providers' own bill must tell one story, at every instant. What does not is a line of text.
// Thread: the scheduler's.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "ledger/fold.h"
#include "sim/world/customers.h"
#include "sim/world/vendor.h"
#include "sim/world/weir_process.h"
#include "store/queries.h"

namespace weir::world {

class Auditor {
 public:
    Auditor(Scheduler& scheduler, const core::Policy& policy, const Vendor& vendor,
            const Customers& customers)
        : scheduler_(scheduler), policy_(policy), vendor_(vendor), customers_(customers) {}

    // A process has started on a data directory. After a power cut that lost the journal's tail,
    // its memory comes from a database that may know more than the journal.
    void begin(WeirProcess& process, bool lossy);
    // I1, I2, I3 and I7, between two events.
    void look(WeirProcess& process);
    // I4, I5, I6, I7 and I10, when all is quiet.
    void close(WeirProcess& process);
    // I3 and I8 of what a start would make of the data directory at this very step. Asks nothing of
    // the process, which may hold locks.
    void look_at_crash();

    const std::vector<std::string>& findings() const { return findings_; }
    std::uint64_t looks() const { return looks_; }

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

    void find(std::string what);
    void read_on();
    static Books of_fold(const ledger::Fold& fold);
    static Books of_memory(WeirProcess& process);
    bool blocks(std::uint64_t budget, std::string_view instance) const;
    void compare(const Books& memory, const Books& journal, const char* when);
    void check_amounts(WeirProcess& process, const char* when);
    void check_truth(const ledger::Fold& fold, const char* when);
    void check_entries();
    void check_store(WeirProcess& process);
    void check_sums(store::Queries& queries);

    Scheduler& scheduler_;
    const core::Policy& policy_;
    const Vendor& vendor_;
    const Customers& customers_;
    std::vector<std::string> findings_;
    std::uint64_t looks_ = 0;

    std::string journal_;
    std::unique_ptr<ledger::JournalReader> reader_;
    ledger::Fold fold_;
    std::vector<ledger::EndRecord> ends_;
    std::set<AttemptId> ended_;
    std::map<std::string, int> dispatched_;  // attempts by the client's mark
    std::map<AttemptId, std::string> marks_;
    std::size_t truths_ = 0;
    bool news_ = false;
    Books base_;  // what memory knew at the start beyond the journal
    Books last_;
    std::pair<std::size_t, std::size_t> last_truths_;
    std::size_t lost_before_ = 0;  // truths that a power cut may have taken from the journal
    bool has_lost_ = false;
};

}  // namespace weir::world
