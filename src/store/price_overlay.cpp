// The operator's own rates. yaml-cpp reads JSON as well, and hands every scalar out as its text.
#include <algorithm>
#include <array>
#include <set>
#include <yaml-cpp/yaml.h>

#include "store/price_builder.h"
#include "store/price_decimal.h"
#include "store/price_source.h"

namespace weir::store {
namespace {

using core::PriceRow;

constexpr std::size_t kBytesMax = 4u << 20;
constexpr std::size_t kRowsMax = 10'000;
constexpr std::size_t kBandsMax = 16;

// Carries an error through yaml-cpp's callbacks and our own recursion; never leaves this file.
struct Malformed {
    Error error;
};

[[noreturn]] void bad(const YAML::Node& at, const std::string& what) {
    std::string line = at.IsDefined() ? std::to_string(at.Mark().line + 1) : "?";
    throw Malformed{Error{ErrorCode::config_invalid, "price overlay, line " + line + ": " + what}};
}

std::string scalar(const YAML::Node& node, std::string_view what) {
    if (!node.IsScalar()) bad(node, std::string(what) + " must be one value");
    return node.Scalar();
}

Rate price(const YAML::Node& node, std::string_view what, int shift) {
    auto rate = rate_of(scalar(node, what), shift);
    if (!rate) bad(node, std::string(what) + ": " + std::string(rate.error().message()));
    return *rate;
}

std::int64_t count(const YAML::Node& node, std::string_view what) {
    auto value = whole_number(scalar(node, what));
    if (!value || *value == 0) bad(node, std::string(what) + " must be a whole number above zero");
    return *value;
}

UnixTime instant(const YAML::Node& node, std::string_view what) {
    auto time = parse_rfc3339(scalar(node, what));
    if (!time) bad(node, std::string(what) + " must be a date (2026-12-01) or an RFC 3339 instant");
    return *time;
}

template <class Kind, std::size_t N, class Name>
std::optional<Kind> named(std::string_view text, Name name) {
    for (std::size_t i = 0; i < N; ++i) {
        if (name(static_cast<Kind>(i)) == text) return static_cast<Kind>(i);
    }
    return std::nullopt;
}

std::optional<core::TokenClass> class_named(std::string_view text) {
    return named<core::TokenClass, core::kTokenClasses>(text, core::token_class_name);
}

void read_units(RowBuilder& builder, const std::string& tier, const YAML::Node& units) {
    if (!units.IsMap()) bad(units, "units must be a map of unit to USD each");
    for (const auto& entry : units) {
        std::string name = scalar(entry.first, "a unit's name");
        auto unit = named<core::UnitKind, core::kUnitKinds>(name, core::unit_kind_name);
        if (!unit) bad(entry.first, "unknown unit " + name);
        builder.unit(tier, *unit, price(entry.second, name, 0));
    }
}

void read_bands(RowBuilder& builder, const std::string& tier, const YAML::Node& bands) {
    if (!bands.IsSequence() || bands.size() > kBandsMax) {
        bad(bands, "above must be a list of at most 16 bands");
    }
    for (const YAML::Node& band : bands) {
        if (!band.IsMap() || !band["tokens"]) bad(band, "a band needs `tokens`");
        std::int64_t above = count(band["tokens"], "tokens");
        for (const auto& entry : band) {
            std::string name = scalar(entry.first, "a class's name");
            if (name == "tokens") continue;
            auto token = class_named(name);
            if (!token) bad(entry.first, "unknown token class " + name);
            builder.token(tier, *token, above, price(entry.second, name, -6));
        }
    }
}

// Returns false if the key is none of a tier's.
bool read_price_key(RowBuilder& builder, const std::string& tier, const std::string& key,
                    const YAML::Node& value) {
    if (key == "units") {
        read_units(builder, tier, value);
    } else if (key == "above") {
        read_bands(builder, tier, value);
    } else if (auto token = class_named(key)) {
        builder.token(tier, *token, 0, price(value, key, -6));
    } else {
        return false;
    }
    return true;
}

void read_tiers(RowBuilder& builder, const YAML::Node& tiers) {
    if (!tiers.IsMap()) bad(tiers, "tiers must be a map of tier to prices");
    for (const auto& tier : tiers) {
        std::string name = scalar(tier.first, "a tier's name");
        if (!tier.second.IsMap()) bad(tier.second, "tier " + name + " must be a map of prices");
        for (const auto& entry : tier.second) {
            std::string key = scalar(entry.first, "a class's name");
            if (!read_price_key(builder, name, key, entry.second)) {
                bad(entry.first, "unknown key " + key + " in tier " + name);
            }
        }
    }
}

bool read_row_key(PriceRow& row, const std::string& key, const YAML::Node& value) {
    if (key == "provider")
        row.provider = scalar(value, key);
    else if (key == "model")
        row.model = scalar(value, key);
    else if (key == "from")
        row.from = instant(value, key);
    else if (key == "until")
        row.until = instant(value, key);
    else if (key == "context_window")
        row.context_window = count(value, key);
    else if (key == "max_output")
        row.max_output = count(value, key);
    else
        return false;
    return true;
}

void read_free(RowBuilder& builder, const YAML::Node& value) {
    std::string text = scalar(value, "free");
    if (text != "true") bad(value, "free is either `true` or left out");
    builder.token("standard", core::TokenClass::input, 0, Rate{});
    builder.token("standard", core::TokenClass::output, 0, Rate{});
}

PriceRow read_row(const YAML::Node& node) {
    if (!node.IsMap()) bad(node, "each entry of `prices` must be a map");
    PriceRow row;
    row.origin = core::PriceOrigin::overlay;
    RowBuilder builder;
    std::set<std::string> seen;
    for (const auto& entry : node) {
        std::string key = scalar(entry.first, "a key");
        if (!seen.insert(key).second) bad(entry.first, key + " appears twice");
        if (read_row_key(row, key, entry.second)) continue;
        if (key == "tiers")
            read_tiers(builder, entry.second);
        else if (key == "free")
            read_free(builder, entry.second);
        else if (!read_price_key(builder, "standard", key, entry.second)) {
            bad(entry.first, "unknown key " + key);
        }
    }
    if (row.provider.empty() || row.model.empty())
        bad(node, "an entry needs a provider and a model");
    if (!builder.is_usable()) bad(node, row.model + " has no price of input");
    row.match = match_of_glob(row.model);
    row.tiers = builder.tiers();
    row.id = row_id(row);
    return row;
}

std::vector<PriceRow> read_overlay(const YAML::Node& root) {
    if (root.IsNull()) return {};
    if (!root.IsMap()) bad(root, "the file must be a map with `prices`");
    for (const auto& entry : root) {
        std::string key = scalar(entry.first, "a key");
        if (key != "prices") bad(entry.first, "unknown key " + key);
    }
    const YAML::Node prices = root["prices"];
    if (!prices.IsSequence() || prices.size() > kRowsMax) {
        bad(prices, "`prices` must be a list of at most 10,000 entries");
    }
    std::vector<PriceRow> rows;
    for (const YAML::Node& node : prices) rows.push_back(read_row(node));
    return rows;
}

}  // namespace

Result<std::vector<PriceRow>> parse_overlay(std::string_view text) {
    if (text.size() > kBytesMax) {
        return fail(ErrorCode::config_invalid, "a price overlay is at most 4 MiB");
    }
    try {
        return read_overlay(YAML::Load(std::string(text)));
    } catch (const Malformed& malformed) {
        return std::unexpected(malformed.error);
    } catch (const YAML::Exception& e) {
        return fail(ErrorCode::config_invalid,
                    "price overlay, line " + std::to_string(e.mark.line + 1) + ": " + e.msg);
    }
}

}  // namespace weir::store
