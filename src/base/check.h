// WEIR_CHECK: for broken invariants of our own only, never for what a network, vendor or disk can
// cause. Always on; prints the expression and place, then aborts.
#pragma once

namespace weir {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace weir

#define WEIR_CHECK(expression)               \
    (static_cast<bool>(expression) ? void(0) \
                                   : ::weir::check_failed(#expression, __FILE__, __LINE__))
