// Rows of the price book, and differences between them, as JSON. Prices are decimal text: dollars
// per million tokens, or for one search or image. Pure. Thread: any.
#pragma once

#include <vector>

#include "admin/json.h"
#include "core/price.h"
#include "store/price_source.h"

namespace weir::admin {

Json price_row_json(const core::PriceRow& row);
Json price_change_json(const store::PriceChange& change);

// What an import would change for calls: each of its rows beside the row that the book uses in its
// place. Rows that the overlay keeps in place change nothing and are counted in `overruled`.
struct ImportEffect {
    std::vector<store::PriceChange> changes;
    std::size_t added = 0;
    std::size_t changed = 0;  // rows
    std::size_t same = 0;
    std::size_t overruled = 0;
    std::size_t jumps = 0;  // prices that change threefold or more
};
ImportEffect effect_of(const core::PriceBook& book, const std::vector<core::PriceRow>& rows,
                       UnixTime now);

}  // namespace weir::admin
