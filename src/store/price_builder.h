// Composes a price row from prices that a catalogue gives one by one: class, tier, threshold.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/price.h"

namespace weir::store {

class RowBuilder {
 public:
    // From `above` input tokens on. Of two prices for the same the dearer counts: catalogues that
    // price reasoning apart from other output give both, and usage knows output as a whole.
    void token(std::string_view tier, core::TokenClass c, std::int64_t above, Rate rate);
    void unit(std::string_view tier, core::UnitKind kind, Rate rate);

    // The price bands of every tier. Where a tier leaves out a class or a band that the standard
    // tier prices, it has it in the same proportion as the price that both name (input, output,
    // band below).
    std::vector<core::PriceTier> tiers() const;

    // Can anything be rated with it: is there a standard price of input, or a fee for the call?
    bool is_usable() const;

 private:
    using Steps = std::map<std::int64_t, Rate>;  // threshold → price
    struct Tier {
        std::array<Steps, core::kTokenClasses> token;
        std::array<std::optional<Rate>, core::kUnitKinds> unit;
    };
    static std::optional<Rate> price_of(const Tier& own, const Tier& standard, core::TokenClass c,
                                        std::int64_t threshold);
    core::PriceTier tier(const std::string& name, const Tier& own) const;

    std::map<std::string, Tier> tiers_;
};

// `model` as a catalogue or an operator writes it, '*' standing for anything.
core::ModelMatch match_of_glob(std::string_view glob);

// "<provider>/<model>@<date>", the date empty for a row without beginning.
std::string row_id(const core::PriceRow& row);

}  // namespace weir::store
