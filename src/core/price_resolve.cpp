#include "core/price_resolve.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "core/price_match.h"

namespace weir::core {
namespace {

// What to ask next where a class has no price of its own. Cached audio is rated as fresh audio
// where audio has its own price, else as cached text.
std::optional<TokenClass> parent_of(const PriceList& list, TokenClass c) {
    switch (c) {
        case TokenClass::cache_write_long:
            return TokenClass::cache_write_short;
        case TokenClass::cache_read_audio:
            return list.of(TokenClass::input_audio) ? TokenClass::input_audio
                                                    : TokenClass::cache_read;
        case TokenClass::cache_read:
        case TokenClass::cache_write_short:
        case TokenClass::input_audio:
        case TokenClass::input_image:
            return TokenClass::input;
        case TokenClass::output_audio:
        case TokenClass::output_image:
            return TokenClass::output;
        case TokenClass::input:
        case TokenClass::output:
            return std::nullopt;
    }
    return std::nullopt;
}

void add_part(std::string& name, std::string_view part) {
    if (part.empty() || part == kStandardTier) return;
    if (!name.empty()) name.push_back('+');
    name += part;
}

// wire.md §1.4: inference_geo is "not_available" where a model has no such choice.
bool is_no_geo(std::string_view geo) {
    return geo.empty() || geo == "not_available" || geo == "global";
}

Rate dearest_output(const PriceTier& tier) {
    Rate most;
    for (const PriceBand& band : tier.bands) {
        if (auto price = class_price(band.prices, TokenClass::output)) {
            most = std::max(most, price->rate);
        }
        if (auto price = class_price(band.prices, TokenClass::input)) {
            most = std::max(most, price->rate);
        }
    }
    return most;
}

template <std::size_t N>
bool all_zero(const std::array<std::optional<Rate>, N>& rates) {
    return std::ranges::all_of(rates, [](const auto& r) { return !r || r->is_zero(); });
}

}  // namespace

std::string canonical_tier(std::string_view word) {
    std::string lower = lower_ascii(word);
    for (std::string_view standard :
         {"", "auto", "default", "standard", "standard_only", "on_demand"}) {
        if (lower == standard) return std::string(kStandardTier);
    }
    return lower;
}

std::string served_tier(const UsageLine& line) {
    if (line.tier.empty() && line.speed.empty() && line.geo.empty()) {
        return std::string(kStandardTier);
    }
    std::string name;
    add_part(name, canonical_tier(line.tier));
    add_part(name, canonical_tier(line.speed));
    if (std::string geo = lower_ascii(line.geo); !is_no_geo(geo)) add_part(name, geo);
    return name.empty() ? std::string(kStandardTier) : name;
}

const PriceTier* tier_named(const PriceRow& row, std::string_view name) {
    auto it = std::ranges::find(row.tiers, name, &PriceTier::name);
    return it == row.tiers.end() ? nullptr : &*it;
}

const PriceTier& standard_tier(const PriceRow& row) {
    const PriceTier* tier = tier_named(row, kStandardTier);
    WEIR_CHECK(tier != nullptr);  // PriceBook::build lets no other row in
    return *tier;
}

ChosenTier choose_tier(const PriceRow& row, std::string_view served) {
    if (const PriceTier* tier = tier_named(row, served)) return {tier, false};
    const PriceTier* best = &standard_tier(row);
    bool found = false;
    while (!served.empty()) {
        auto plus = served.find('+');
        std::string_view part = served.substr(0, plus);
        served = plus == std::string_view::npos ? std::string_view{} : served.substr(plus + 1);
        const PriceTier* tier = tier_named(row, part);
        if (tier == nullptr) continue;
        if (!found || dearest_output(*tier) > dearest_output(*best)) best = tier;
        found = true;
    }
    return {best, true};
}

const PriceBand& band_for(const PriceTier& tier, std::int64_t input_total) {
    const PriceBand* band = &tier.bands.front();
    for (const PriceBand& next : tier.bands) {
        if (input_total > next.above_input_tokens) band = &next;
    }
    return *band;
}

std::optional<ClassPrice> class_price(const PriceList& list, TokenClass c) {
    if (auto rate = list.of(c)) return ClassPrice{*rate, false};
    for (auto parent = parent_of(list, c); parent; parent = parent_of(list, *parent)) {
        if (auto rate = list.of(*parent)) return ClassPrice{*rate, true};
    }
    return std::nullopt;
}

bool free_unless_listed(UnitKind kind) {
    // Anthropic's fetch tool is counted but bears no fee; an image is billed by its tokens.
    return kind == UnitKind::web_fetch || kind == UnitKind::image || kind == UnitKind::request;
}

bool is_free(const PriceRow& row) {
    for (const PriceTier& tier : row.tiers) {
        for (const PriceBand& band : tier.bands) {
            if (!all_zero(band.prices.token) || !all_zero(band.prices.unit)) return false;
        }
    }
    return true;
}

}  // namespace weir::core
