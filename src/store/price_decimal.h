// Decimal text of catalogues → exact unit prices.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/money.h"

namespace weir::store {

// text × 10^shift USD a unit: shift −6 for "per million", −3 for "per thousand". Text of 16 or more
// significant digits is a printed double: it is rounded to the 15 that a double always keeps. What
// is then still finer than a femto-USD goes up to the next one. Errors: invalid_parameter.
Result<Rate> rate_of(std::string_view text, int shift);

// A whole number written as "8192", "8192.0" or "2e5"; nullopt if it is none, or negative.
std::optional<std::int64_t> whole_number(std::string_view text);

// rate × factor, a decimal such as "1.1"; rounded up to a femto-USD. Errors: invalid_parameter.
Result<Rate> scaled_rate(Rate rate, std::string_view factor);

}  // namespace weir::store
