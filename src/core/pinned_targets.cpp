#include "core/pinned_targets.h"

#include <algorithm>
#include <bit>

namespace weir::core {

PinnedTargets::PinnedTargets(std::size_t entries_max)
    : places_(std::bit_ceil(std::max(entries_max, kWays)) / kWays) {}

PinnedTargets::Entry* PinnedTargets::ways(std::uint64_t trajectory) {
    return &entries_[(trajectory & (places_ - 1)) * kWays];
}

std::optional<std::uint64_t> PinnedTargets::find(std::uint64_t trajectory, MonoTime now) {
    if (entries_.empty()) return std::nullopt;
    Entry* const first = ways(trajectory);
    Entry* const found = std::ranges::find(first, first + kWays, trajectory, &Entry::trajectory);
    if (found == first + kWays || now - found->used > kKept) return std::nullopt;
    found->used = now;
    return found->target;
}

void PinnedTargets::pin(std::uint64_t trajectory, std::uint64_t target, MonoTime now) {
    if (entries_.empty()) entries_.resize(places_ * kWays);
    Entry* const first = ways(trajectory);
    Entry* chosen = std::ranges::find(first, first + kWays, trajectory, &Entry::trajectory);
    if (chosen == first + kWays) {
        chosen = std::ranges::min_element(first, first + kWays, {}, &Entry::used);
    }
    *chosen = {trajectory, target, now};
}

}  // namespace weir::core
