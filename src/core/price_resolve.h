// Which price of a row applies: tier, band, class. Shared by `rate` and `quote`, so that a bound
// and a charge can never disagree about where a price comes from.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/price.h"

namespace weir::core {

inline constexpr std::string_view kStandardTier = "standard";

// A provider's word for a service tier in the book's words: "", auto, default, on_demand … →
// standard; anything else in lower case.
std::string canonical_tier(std::string_view word);

// The book's name for what a line was served at: tier, speed and geography that differ from the
// standard, joined by '+': "priority", "fast+us"; "standard" if none does.
std::string served_tier(const UsageLine& line);

const PriceTier* tier_named(const PriceRow& row, std::string_view name);  // nullptr: not in the row
const PriceTier& standard_tier(const PriceRow& row);

struct ChosenTier {
    const PriceTier* tier = nullptr;
    bool fallback = false;  // the row does not price the served tier as such
};
// Exactly that tier; else the dearest single part of it that the row has; else standard.
ChosenTier choose_tier(const PriceRow& row, std::string_view served);

const PriceBand& band_for(const PriceTier& tier, std::int64_t input_total);

struct ClassPrice {
    Rate rate;
    bool fallback = false;  // a parent class's
};
// nullopt: neither the class nor any parent has a price.
std::optional<ClassPrice> class_price(const PriceList& list, TokenClass c);

// Does a provider charge this unit although a catalogue does not list it?
bool free_unless_listed(UnitKind kind);

bool is_free(const PriceRow& row);  // every price there is is zero

}  // namespace weir::core
