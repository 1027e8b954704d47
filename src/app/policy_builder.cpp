#include "app/policy_builder.h"

#include <utility>

namespace weir::app {

std::shared_ptr<const core::Policy> build_policy(const Config& config, store::PolicyParts parts,
                                                 std::shared_ptr<const core::PriceBook> prices,
                                                 std::uint64_t version) {
    auto policy = std::make_shared<core::Policy>();
    policy->version = version;
    for (core::KeyRecord& key : parts.keys) {
        std::string id = key.id;
        policy->keys.emplace(std::move(id), std::move(key));
    }
    policy->teams = std::move(parts.teams);
    policy->environments = config.environments;
    policy->providers = config.providers;
    policy->routes = config.routes;
    policy->budgets = std::move(parts.budgets);
    policy->stops = std::move(parts.stops);
    policy->rate_limits = config.rate_limits;
    policy->access = config.access;
    for (core::AccessRule& rule : policy->access) core::learn(rule.where, policy->teams);
    policy->zone = config.zone;
    policy->observing = std::move(parts.observing);
    policy->prices = std::move(prices);
    policy->expected = config.expected;
    policy->limits = config.limits;
    return policy;
}

}  // namespace weir::app
