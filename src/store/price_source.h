// Reads price catalogues that others keep, and the operator's own rates, into rows of the price
// book. Money is read as decimal text, never through a double; float noise of a catalogue
// (2.9999900000000002e-06) is taken off exactly. Vendors are named as genai-prices names them.
// Thread: any; nothing is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/price.h"

namespace weir::store {

// A catalogue's entry that gives no row, and why: shown by an import, so that nothing vanishes.
struct SkippedPrice {
    std::string model;
    std::string reason;
};

struct ParsedPrices {
    std::vector<core::PriceRow> rows;
    std::vector<SkippedPrice> skipped;
};

// The three catalogues. Rows get origin `imported`. Errors: config_invalid (not that format at
// all). What one entry gets wrong only skips that entry: its model is then unpriced, which is loud.
Result<ParsedPrices> parse_genai_prices(std::string_view json);
Result<ParsedPrices> parse_litellm(std::string_view json);
Result<ParsedPrices> parse_models_dev(std::string_view json);
// Which of the three it is, by its shape.
Result<ParsedPrices> parse_catalogue(std::string_view json);

// The operator's own rates, YAML or JSON; origin `overlay`. Strict: an unknown key or a price that
// is no decimal is config_invalid with its line. Prices are USD per million tokens, of units USD
// each:
//   prices:
//     - provider: openai          # the book's vendor name
//       model: gpt-5.5*           # '*' stands for anything
//       from: 2026-12-01          # inclusive; optional, as until (exclusive)
//       context_window: 400000    # optional, as max_output
//       input: 1.10               # classes by the names in usage.h; free: true for a free model
//       output: 8.80
//       units: {web_search: 0.008}
//       above: [{tokens: 200000, input: 2.20}]       # others go on from the band below
//       tiers: {priority: {input: 2.20, output: 17.60}}
Result<std::vector<core::PriceRow>> parse_overlay(std::string_view text);

// One difference between two sets of rows, told by `weir prices diff` and `import`.
struct PriceChange {
    enum class Kind : std::uint8_t { changed, added, removed };
    Kind kind = Kind::changed;
    std::string id;
    std::string provider;
    std::string model;
    std::string
        what;  // "standard input", "priority output above 272000 tokens"; empty unless changed
    std::optional<Rate> before;
    std::optional<Rate> after;
    std::int64_t factor_permille = 0;  // after ÷ before × 1,000; 0 if either is zero or absent
    bool jump = false;                 // three times or more, up or down, or to or from nothing
};
std::string_view price_change_name(PriceChange::Kind kind);
// Rows are the same if their ids are. Sorted by id.
std::vector<PriceChange> diff_prices(const std::vector<core::PriceRow>& before,
                                     const std::vector<core::PriceRow>& after);

}  // namespace weir::store
