// Hands what people set to the road: keys, teams and prices to the workers as one policy snapshot,
// budgets to the treasury. Owner: the service. Thread: the control thread's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "app/config.h"
#include "core/policy.h"
#include "gateway/treasury.h"
#include "store/bookkeeper.h"
#include "store/directory.h"
#include "store/queries.h"

namespace weir::app {

class Publisher {
 public:
    // All outlive the publisher.
    struct Sources {
        store::Directory& directory;
        store::Queries& queries;
        store::BookkeeperThread& bookkeeper;
        gateway::Treasury& treasury;
    };
    using Take = std::function<void(std::shared_ptr<const core::Policy>)>;
    Publisher(Sources sources, Take take) : sources_(sources), take_(std::move(take)) {}

    // Stores the configuration's budgets, and whose calendar all windows follow. Errors: those of
    // the directory; of the bookkeeper where one of them is new, or has new windows, since it
    // starts with what the books hold: then nothing has changed.
    Result<> apply_budgets(const std::vector<core::BudgetSpec>& specs,
                           const std::shared_ptr<const core::Zone>& zone = nullptr);

    // What the directory holds now. Only budgets that are new to the treasury wait for the books;
    // if these cannot follow, budgets stay as they were, and the error says so: a key that was
    // revoked is revoked all the same.
    Result<> publish(const Config& config, std::shared_ptr<const core::PriceBook> prices);

    // nullptr before the first publish.
    std::shared_ptr<const core::Policy> policy() const { return policy_; }

 private:
    Result<> hand_budgets(const std::vector<core::BudgetSpec>& specs);
    Result<> catch_up(const std::vector<core::BudgetSpec>& fresh);

    Sources sources_;
    Take take_;
    std::shared_ptr<const core::Policy> policy_;
    std::string zone_;                     // the last that was applied
    std::vector<std::uint64_t> in_force_;  // ids of the treasury's budgets
};

}  // namespace weir::app
