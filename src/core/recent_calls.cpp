#include "core/recent_calls.h"

#include <algorithm>

namespace weir::core {

bool RecentCalls::has(std::uint64_t fingerprint) const {
    return std::ranges::find(calls_, fingerprint, &Call::fingerprint) != calls_.end();
}

void RecentCalls::begin(std::uint64_t fingerprint) {
    auto known = std::ranges::find(calls_, fingerprint, &Call::fingerprint);
    if (known == calls_.end()) {
        if (calls_.size() == kKept) calls_.erase(calls_.begin());
        known = calls_.insert(calls_.end(), {.fingerprint = fingerprint});
    }
    ++known->in_flight;
}

void RecentCalls::end(std::uint64_t fingerprint, bool delivered) {
    auto known = std::ranges::find(calls_, fingerprint, &Call::fingerprint);
    if (known == calls_.end() || known->in_flight == 0) return;
    --known->in_flight;
    known->delivered = known->delivered || delivered;
    if (known->in_flight == 0 && !known->delivered) calls_.erase(known);
}

}  // namespace weir::core
