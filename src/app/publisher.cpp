#include "app/publisher.h"

#include <algorithm>
#include <utility>

#include "app/policy_builder.h"
#include "store/budget_rows.h"

namespace weir::app {
namespace {

bool has(const std::vector<std::uint64_t>& ids, std::uint64_t id) {
    return std::ranges::find(ids, id) != ids.end();
}

}  // namespace

Result<> Publisher::apply_budgets(const std::vector<core::BudgetSpec>& specs) {
    const bool has_new = std::ranges::any_of(specs, [this](const core::BudgetSpec& spec) {
        return !has(in_force_, store::budget_id_of(spec));
    });
    if (has_new) {
        if (auto flushed = sources_.bookkeeper.flush(); !flushed) return flushed;
    }
    return sources_.directory.apply_config_budgets(specs,
                                                   {"configuration", sources_.treasury.now()});
}

Result<> Publisher::hand_budgets(const std::vector<core::BudgetSpec>& specs) {
    std::vector<std::uint64_t> ids;
    for (const core::BudgetSpec& spec : specs) ids.push_back(spec.id);
    std::vector<gateway::Treasury::Seed> seeds;
    if (!std::ranges::all_of(ids, [this](std::uint64_t id) { return has(in_force_, id); })) {
        if (auto flushed = sources_.bookkeeper.flush(); !flushed) return flushed;
        auto balances = sources_.queries.balances(sources_.treasury.now());
        if (!balances) return std::unexpected(balances.error());
        for (store::Balance& b : *balances) {
            seeds.push_back({b.budget_id, std::move(b.instance), b.window, b.settled, b.overrun});
        }
    }
    sources_.treasury.redefine(specs, seeds);
    in_force_ = std::move(ids);
    return {};
}

Result<> Publisher::publish(const Config& config, std::shared_ptr<const core::PriceBook> prices) {
    auto parts = sources_.directory.load_policy_parts();
    if (!parts) return std::unexpected(parts.error());
    // First, so that nothing a new snapshot allows runs ahead of its budget or rate limit.
    Result<> budgets = hand_budgets(parts->budgets);
    sources_.treasury.limit_rates(config.rate_limits);
    policy_ = build_policy(config, std::move(*parts), std::move(prices),
                           policy_ ? policy_->version + 1 : 1);
    take_(policy_);
    if (budgets) return {};
    return fail(budgets.error().code(),
                "keys, teams and prices are in force, budgets are as they were: " +
                    std::string(budgets.error().message()),
                std::string(budgets.error().detail()));
}

}  // namespace weir::app
