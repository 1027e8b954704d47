// Which events a batch of records brings about: the bookkeeper's, in its transaction, so that what
// is told follows from the journal alone and is told once (ledger.md W8, I14).
//
// Alerts go by what is settled, never by what is merely held, which comes back. A budget is
// exhausted at the first final refusal, or when all of it is used where nothing is refused.
// Thread: the bookkeeper's.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "ledger/record.h"
#include "store/events.h"
#include "store/tally.h"

namespace weir::store {

class EventFold {
 public:
    // `database` must outlive it.
    static Result<EventFold> open(Database& database);

    // At the start of each transaction: what budgets there are now.
    Result<> begin();
    Result<> add_refusal(const ledger::RefusalRecord& refusal);
    Result<> add_end(const ledger::EndRecord& end);
    // What a balance has come to, and through what.
    Result<> add_balance(const BalanceKey& key, const BalanceDelta& delta,
                         const BalanceDelta& total);

 private:
    explicit EventFold(Database& database) : database_(&database) {}
    const core::BudgetSpec* spec_of(std::uint64_t id) const;

    Database* database_;
    std::optional<EventWriter> writer_;
    Statement data_version_;
    Statement find_;
    Statement add_orphan_;
    std::optional<std::int64_t> version_;  // of the database when `specs_` were read
    std::unordered_map<std::uint64_t, core::BudgetSpec> specs_;
};

}  // namespace weir::store
