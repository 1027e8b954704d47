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

Result<> Publisher::apply_budgets(const std::vector<core::BudgetSpec>& specs,
                                  const std::shared_ptr<const core::Zone>& zone) {
    const std::string zone_name = zone ? zone->name() : core::Zone{}.name();
    const bool has_new = std::ranges::any_of(specs, [this](const core::BudgetSpec& spec) {
        return !has(in_force_, store::budget_id_of(spec));
    });
    if (has_new || zone_name != zone_) {
        if (auto flushed = sources_.bookkeeper.flush(); !flushed) return flushed;
    }
    Result<> applied = sources_.directory.apply_config_budgets(
        specs, zone, {"configuration", sources_.treasury.now()});
    if (applied) zone_ = zone_name;
    return applied;
}

Result<> Publisher::hand_budgets(const std::vector<core::BudgetSpec>& specs) {
    std::vector<core::BudgetSpec> fresh;
    for (const core::BudgetSpec& spec : specs) {
        if (!has(in_force_, spec.id)) fresh.push_back(spec);
    }
    std::vector<gateway::Treasury::Seed> seeds;
    if (!fresh.empty()) {
        if (auto flushed = sources_.bookkeeper.flush(); !flushed) return flushed;
        auto balances = sources_.queries.balances(sources_.treasury.now());
        if (!balances) return std::unexpected(balances.error());
        for (store::Balance& b : *balances) {
            seeds.push_back(
                {b.budget_id, std::move(b.instance), b.window, b.settled, b.overrun, b.counted});
        }
    }
    sources_.treasury.redefine(specs, seeds);
    // Before the first policy nobody calls.
    Result<> level = policy_ && !fresh.empty() ? catch_up(fresh) : Result<>{};
    std::erase_if(in_force_, [&specs](std::uint64_t id) {
        return std::ranges::find(specs, id, &core::BudgetSpec::id) == specs.end();
    });
    if (!level) return level;
    for (const core::BudgetSpec& spec : fresh) in_force_.push_back(spec.id);
    return {};
}

// Calls that were admitted after a budget's past was counted, and before it was in force, held
// nothing of it: the ledger knows them by now.
Result<> Publisher::catch_up(const std::vector<core::BudgetSpec>& fresh) {
    if (auto flushed = sources_.bookkeeper.flush(); !flushed) return flushed;
    auto added = sources_.directory.seed_again(fresh, sources_.treasury.now());
    if (!added) return std::unexpected(added.error());
    for (const store::Balance& b : *added) {
        sources_.treasury.count_more(b.budget_id, b.instance, b.window, b.settled);
    }
    return {};
}

Result<> Publisher::publish(const Config& config, std::shared_ptr<const core::PriceBook> prices) {
    auto parts = sources_.directory.load_policy_parts();
    if (!parts) return std::unexpected(parts.error());
    // First, so that nothing a new snapshot allows runs ahead of its budget or rate limit.
    Result<> budgets = hand_budgets(parts->budgets);
    std::vector<core::RateLimitSpec> rates = config.rate_limits;
    for (core::RateLimitSpec& spec : rates) {
        core::learn(spec.where, parts->teams);
        if (spec.by) spec.by->learn(parts->teams);
    }
    sources_.treasury.limit_rates(std::move(rates));
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
