// What must hold of every usage that a meter gives, whatever it was fed.
#pragma once

#include "base/check.h"
#include "core/usage.h"

namespace weir::fuzz {

inline void check_usage(const core::Usage& usage) {
    // Beyond this no figure can be tokens; sums of some thousand lines still fit.
    constexpr std::int64_t kMost = std::int64_t{1} << 53;
    for (const core::UsageLine& line : usage.lines) {
        for (std::int64_t n : line.tokens) WEIR_CHECK(n >= 0 && n <= kMost);
        WEIR_CHECK(line.input_total() >= 0 && line.output_total() >= 0);
    }
    for (std::int64_t n : usage.units) WEIR_CHECK(n >= 0 && n <= kMost);
    WEIR_CHECK(usage.reasoning_tokens >= 0);
    WEIR_CHECK(usage.completeness <= core::Completeness::exact);
}

inline void check_same_usage(const core::Usage& a, const core::Usage& b) {
    WEIR_CHECK(a.lines == b.lines && a.units == b.units);
    WEIR_CHECK(a.completeness == b.completeness && a.notes == b.notes);
    WEIR_CHECK(a.reasoning_tokens == b.reasoning_tokens);
    WEIR_CHECK(a.response_id == b.response_id && a.finish_reason == b.finish_reason);
}

}  // namespace weir::fuzz
