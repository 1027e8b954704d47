// Other budgets, or other prices, over a time of the ledger: its attempts are read in the order of
// admission, and core/budget_replay decides on them again. Reads page by page, so that no reader
// keeps the database from being checkpointed; memory grows with the budgets' instances and with the
// calls in flight, not with the time.
// Thread: any, on a connection of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/budget_replay.h"
#include "core/policy.h"

namespace weir::store {

struct Simulation {
    UnixTime from;
    UnixTime until;                         // exclusive
    std::vector<core::BudgetSpec> budgets;  // ids as of budget_id_of
    // Whose environments are lenient.
    std::shared_ptr<const core::Policy> policy;
    // What calls cost; nullptr: what they did cost. Bounds change as the cost of their call does,
    // since the ledger does not keep what they were reckoned from.
    std::shared_ptr<const core::PriceBook> prices;
    // Asked every few thousand attempts; its error ends it.
    std::function<Result<>()> may_go_on;
};

struct SimulationResult {
    core::ReplayReport report;
    std::int64_t unpriced = 0;  // attempts that the given prices do not know: as recorded
};

// Errors: of the replay; of may_go_on; io, corrupt.
Result<SimulationResult> simulate_budgets(const std::string& database_path,
                                          const Simulation& simulation);

}  // namespace weir::store
