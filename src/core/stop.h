// What an operator has ended: new calls of that kind are refused, open ones are cut
// (product.md §3.16). A stop is no budget and no rate: it lasts until somebody resumes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/attribution.h"
#include "core/condition.h"

namespace weir::core {

struct StopRule {
    std::int64_t id = 0;                // never used again
    std::vector<Condition> where = {};  // all must hold; none: every call
    std::string reason = {};            // told to callers
    std::string actor = {};             // not told
    UnixTime since = {};
};

// The first that holds for such a call; nullptr: it may go on.
const StopRule* stopped_by(const std::vector<StopRule>& stops, const Attribution& attribution,
                           std::string_view provider, std::string_view model);

// For callers: what was stopped, and why.
std::string stop_message(const StopRule& stop);

}  // namespace weir::core
