// The name of a price book: a 128-bit digest of its rows in their order. It tells books apart and
// finds one again; it is no protection against someone who forges a catalogue.
#pragma once

#include <string>
#include <vector>

#include "core/price.h"

namespace weir::core {

// 32 lower-case hex digits.
std::string hash_of_rows(const std::vector<PriceRow>& rows);

}  // namespace weir::core
