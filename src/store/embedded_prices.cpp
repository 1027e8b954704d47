#include "store/embedded_prices.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "store/price_decimal.h"
#include "store/price_source.h"

extern "C" {
extern const char weir_embed_catalogue[];
extern const std::size_t weir_embed_catalogue_size;
}

namespace weir::store {
namespace {

// Service tiers that genai-prices does not carry, as factors on every price of a token.
struct ExtraTier {
    std::string_view provider;
    std::string_view model;
    std::string_view tier;
    std::string_view factor;
};
constexpr std::array kExtraTiers{
    // wire.md §1.4: speed fast, Opus 5 $10/$50 against $5/$25.
    ExtraTier{"anthropic", "claude-opus-5", "fast", "2"},
    // wire.md §1.1: gpt-5.5 priority 2.5 times.
    ExtraTier{"openai", "gpt-5.5", "priority", "2.5"},
};

Result<> add_tier(core::PriceRow& row, const ExtraTier& extra) {
    core::PriceTier tier = row.tiers.front();  // the standard one
    tier.name = extra.tier;
    for (core::PriceBand& band : tier.bands) {
        for (auto& rate : band.prices.token) {
            if (!rate) continue;
            auto scaled = scaled_rate(*rate, extra.factor);
            if (!scaled) return std::unexpected(scaled.error());
            rate = *scaled;
        }
    }
    row.tiers.push_back(std::move(tier));
    return {};
}

}  // namespace

std::string_view embedded_prices_json() {
    return {static_cast<const char*>(weir_embed_catalogue), weir_embed_catalogue_size};
}

Result<std::vector<core::PriceRow>> embedded_prices() {
    auto parsed = parse_genai_prices(embedded_prices_json());
    if (!parsed) return std::unexpected(parsed.error());
    for (core::PriceRow& row : parsed->rows) {
        row.origin = core::PriceOrigin::embedded;
        for (const ExtraTier& extra : kExtraTiers) {
            if (row.provider != extra.provider || row.model != extra.model) continue;
            if (auto added = add_tier(row, extra); !added) return std::unexpected(added.error());
        }
    }
    return std::move(parsed->rows);
}

}  // namespace weir::store
