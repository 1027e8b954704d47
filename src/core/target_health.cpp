#include "core/target_health.h"

#include <algorithm>
#include <cmath>

namespace weir::core {
namespace {

constexpr double kHalfLifeSeconds = 60;
constexpr double kNewestShare = 0.1;  // of the moving average

double decay(MonoTime from, MonoTime to) {
    return std::exp2(-std::chrono::duration<double>(to - from).count() / kHalfLifeSeconds);
}

}  // namespace

std::string_view trouble_name(Trouble trouble) {
    switch (trouble) {
        case Trouble::none:
            return "none";
        case Trouble::unreachable:
            return "unreachable";
        case Trouble::timed_out:
            return "timed_out";
        case Trouble::cut_off:
            return "cut_off";
        case Trouble::rate_limited:
            return "rate_limited";
        case Trouble::overloaded:
            return "overloaded";
        case Trouble::server_error:
            return "server_error";
        case Trouble::unauthorized:
            return "unauthorized";
        case Trouble::too_long:
            return "too_long";
        case Trouble::filtered:
            return "filtered";
    }
    return "none";
}

bool weighs_on_target(Trouble trouble) {
    return trouble != Trouble::none && trouble != Trouble::too_long && trouble != Trouble::filtered;
}

std::string TargetName::text() const {
    std::string out{provider};
    out.append("/").append(model);
    if (key != 0) out += " #" + std::to_string(key + 1);
    return out;
}

const TargetHealth::Target* TargetHealth::find(TargetName target) const {
    const auto at = targets_.find(target);
    return at == targets_.end() ? nullptr : at->second.get();
}

Duration TargetHealth::rest_of_cooldown(TargetName target, MonoTime now) const {
    const Target* const t = find(target);
    if (t == nullptr || !t->cooled) return {};
    return std::max(Duration{}, std::max(t->cool_until, t->probe_until) - now);
}

Duration TargetHealth::ask(TargetName target, MonoTime now) {
    const Duration rest = rest_of_cooldown(target, now);
    if (rest > Duration{}) return rest;
    const auto at = targets_.find(target);
    if (at != targets_.end() && at->second->cooled) at->second->probe_until = now + kProbePatience;
    return {};
}

Trouble TargetHealth::last_trouble(TargetName target) const {
    const Target* const t = find(target);
    return t == nullptr ? Trouble::none : t->last_trouble;
}

// The provider's word counts at once, and so does its saying that it has too much to do; anything
// else may be chance until it is seen in a row. Each further time it lasts twice as long.
void TargetHealth::cool(Target& target, const Sighting& sighting, MonoTime now) {
    const bool was_probe = target.cooled;
    const bool says_so = sighting.trouble == Trouble::rate_limited ||
                         sighting.trouble == Trouble::overloaded ||
                         sighting.trouble == Trouble::unauthorized;
    if (!was_probe && !says_so && !sighting.retry_after &&
        target.failures_in_a_row < kFailuresInARow) {
        return;
    }
    const int doublings = std::min(target.cooldowns_in_a_row, 10);
    Duration rest = std::min(kShortestCooldown * (1 << doublings), kLongestCooldown);
    if (sighting.retry_after) {
        rest = std::max(rest, std::min(*sighting.retry_after, kLongestRetryAfter));
    }
    ++target.cooldowns_in_a_row;
    target.cooled = true;
    target.cool_until = std::max(target.cool_until, now + rest);
    target.probe_until = {};
}

void TargetHealth::saw(TargetName name, const Sighting& sighting, MonoTime now) {
    auto at = targets_.find(name);
    if (at == targets_.end()) {
        if (targets_.size() >= kTargetsMax) return;
        auto made = std::make_unique<Target>();
        made->provider = name.provider;
        made->model = name.model;
        made->key = name.key;
        const TargetName own{made->provider, made->model, made->key};
        at = targets_.emplace(own, std::move(made)).first;
    }
    Target& target = *at->second;
    const bool failed = weighs_on_target(sighting.trouble);
    const double kept = target.attempts == 0 ? 0 : decay(target.recent_at, now);
    target.recent_attempts = target.recent_attempts * kept + 1;
    target.recent_failures = target.recent_failures * kept + (failed ? 1 : 0);
    target.recent_at = now;
    ++target.attempts;
    if (sighting.quota.said()) target.quota = sighting.quota;
    if (!failed) {
        target.failures_in_a_row = 0;
        target.cooldowns_in_a_row = 0;
        target.cooled = false;
        if (sighting.first_byte > Duration{}) {
            const auto ns = static_cast<double>(sighting.first_byte.count());
            const double share = target.first_byte_ns == 0 ? 1 : kNewestShare;
            target.first_byte_ns += (ns - target.first_byte_ns) * share;
        }
        return;
    }
    ++target.failures;
    ++target.failures_in_a_row;
    target.last_trouble = sighting.trouble;
    cool(target, sighting, now);
}

std::vector<TargetHealth::Figures> TargetHealth::figures(MonoTime now) const {
    std::vector<Figures> out;
    out.reserve(targets_.size());
    for (const auto& [name, target] : targets_) {
        const Target& t = *target;
        Figures f{.provider = t.provider,
                  .model = t.model,
                  .key = t.key,
                  .cooldown_left = t.cooled ? std::max(Duration{}, t.cool_until - now) : Duration{},
                  .last_trouble = t.last_trouble,
                  .attempts = t.attempts,
                  .failures = t.failures,
                  .first_byte = Duration{static_cast<std::int64_t>(t.first_byte_ns)},
                  .quota = t.quota};
        if (t.cooled) f.state = f.cooldown_left > Duration{} ? State::cooling : State::probing;
        const double kept = decay(t.recent_at, now);
        // A failure of long ago says little, whatever the share was then.
        f.recent_failure_rate = t.recent_failures * kept / std::max(t.recent_attempts * kept, 1.0);
        out.push_back(std::move(f));
    }
    return out;
}

}  // namespace weir::core
