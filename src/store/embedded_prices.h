// The price catalogue that is built into the program: what `packages/` pins, plus the few tiers
// that it lacks. Thread: any.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/price.h"

namespace weir::store {

// genai-prices' data as JSON, as far as prices are read from it; points into the program itself.
std::string_view embedded_prices_json();

// Its rows, with origin `embedded`. Reads the whole catalogue at each call: call once.
Result<std::vector<core::PriceRow>> embedded_prices();

}  // namespace weir::store
