#include "gateway/target_choice.h"

#include <algorithm>
#include <fmt/format.h>

namespace weir::gateway {
namespace {

std::string name_of(const core::Target& target) {
    return core::TargetName{target.provider->name, target.model, target.key}.text();
}

// Of the whole catalogue row; 0: unknown.
std::int64_t window_of(const core::Target& target) {
    return target.price == nullptr || target.provisional ? 0 : target.price->context_window;
}

}  // namespace

void TargetChoice::note_left_out(const core::Target& target, TargetWatch::Rest rest) {
    notes_.choices.push_back(
        fmt::format("{} left out: cools for {:.1f} s after {}", name_of(target),
                    std::chrono::duration<double>(rest.left).count(), trouble_name(rest.why)));
}

const core::Target& TargetChoice::take(std::size_t index) {
    tried_[index] = true;
    return targets_[index];
}

const core::Target& TargetChoice::first() {
    if (targets_.size() == 1) return take(0);
    const MonoTime now = road_.clock.mono_now();
    std::size_t soonest = 0;
    Duration least = Duration::max();
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        const TargetWatch::Rest rest = road_.targets.ask(targets_[i], now);
        if (rest.left <= Duration{}) return take(i);
        note_left_out(targets_[i], rest);
        if (rest.left < least) {
            least = rest.left;
            soonest = i;
        }
    }
    notes_.choices.push_back(fmt::format("{} tried all the same: all cool, and it is back soonest",
                                         name_of(targets_[soonest])));
    return take(soonest);
}

bool TargetChoice::others_follow() const {
    return std::ranges::find(tried_, false) != tried_.end() &&
           road_.clock.mono_now() < call_.give_up;
}

bool TargetChoice::may_better(const core::Target& target, const core::Target& failed,
                              core::Trouble trouble) const {
    switch (trouble) {
        case core::Trouble::unreachable:  // by whichever key
            return target.provider != failed.provider;
        case core::Trouble::too_long: {
            const std::int64_t window = window_of(target);
            return window == 0 || window > too_small_;
        }
        case core::Trouble::filtered:
            return call_.plan.filtered_goes_on &&
                   (target.provider != failed.provider || target.model != failed.model);
        default:
            return trouble != core::Trouble::none;
    }
}

const core::Target* TargetChoice::next(const core::Target& failed, core::Trouble trouble) {
    if (!others_follow()) return nullptr;
    if (trouble == core::Trouble::too_long) too_small_ = std::max(too_small_, window_of(failed));
    const MonoTime now = road_.clock.mono_now();
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        if (tried_[i] || !may_better(targets_[i], failed, trouble)) continue;
        if (const auto rest = road_.targets.look(targets_[i], now); rest.left > Duration{}) {
            note_left_out(targets_[i], rest);
            continue;
        }
        if (!road_.retries.spend()) return nullptr;
        road_.targets.ask(targets_[i], now);
        notes_.choices.push_back(
            fmt::format("follows {}, which came to {}", name_of(failed), trouble_name(trouble)));
        return &take(i);
    }
    return nullptr;
}

}  // namespace weir::gateway
