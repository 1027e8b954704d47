#include "gateway/target_watch.h"

#include <algorithm>
#include <functional>

namespace weir::gateway {
namespace {

core::TargetName name_of(const core::Target& target) {
    return {target.provider->name, target.model, target.key};
}

std::uint64_t hash_of(const core::Target& target) {
    const std::hash<std::string_view> hash;
    return (hash(target.provider->name) * 31 + hash(target.model)) * 31 + target.key + 1;
}

}  // namespace

std::uint64_t trajectory_hash(const core::Attribution& attribution) {
    const std::string_view trajectory = attribution.of(core::Dimension::trajectory);
    if (trajectory.empty()) return 0;
    const std::hash<std::string_view> hash;
    // Trajectories are of a team (product.md §3.9).
    return (hash(trajectory) ^ hash(attribution.of(core::Dimension::team)) * 31) | 1;
}

TargetWatch::Rest TargetWatch::ask(const core::Target& target, MonoTime now) {
    const core::TargetName name = name_of(target);
    std::lock_guard lock(mutex_);
    return {health_.ask(name, now), health_.last_trouble(name)};
}

TargetWatch::Rest TargetWatch::look(const core::Target& target, MonoTime now) {
    const core::TargetName name = name_of(target);
    std::lock_guard lock(mutex_);
    return {health_.rest_of_cooldown(name, now), health_.last_trouble(name)};
}

void TargetWatch::saw(const core::Target& target, const core::Sighting& sighting, MonoTime now) {
    const core::TargetName name = name_of(target);
    std::lock_guard lock(mutex_);
    health_.saw(name, sighting, now);
}

std::vector<core::TargetHealth::Figures> TargetWatch::figures(MonoTime now) {
    std::lock_guard lock(mutex_);
    return health_.figures(now);
}

void TargetWatch::follow_pin(core::Plan& plan, const core::Attribution& attribution, MonoTime now) {
    const std::uint64_t trajectory = trajectory_hash(attribution);
    if (plan.targets.size() < 2 || trajectory == 0) return;
    std::optional<std::uint64_t> pinned;
    {
        std::lock_guard lock(mutex_);
        pinned = pins_.find(trajectory, now);
    }
    if (!pinned) return;
    const auto at = std::ranges::find(plan.targets, *pinned, hash_of);
    if (at != plan.targets.end()) std::rotate(plan.targets.begin(), at, at + 1);
}

void TargetWatch::pin(const core::Target& target, const core::Attribution& attribution,
                      MonoTime now) {
    const std::uint64_t trajectory = trajectory_hash(attribution);
    if (trajectory == 0) return;
    std::lock_guard lock(mutex_);
    pins_.pin(trajectory, hash_of(target), now);
}

}  // namespace weir::gateway
