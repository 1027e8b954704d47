// LiteLLM's model map: one flat object a model, prices per token under names that carry class,
// threshold and service tier: input_cost_per_token_above_272k_tokens_priority.
#include <algorithm>
#include <array>
#include <set>

#include "store/price_builder.h"
#include "store/price_decimal.h"
#include "store/price_json.h"
#include "store/price_source.h"
#include "store/price_vendors.h"

namespace weir::store {
namespace {

using core::PriceRow;
using core::TokenClass;
using core::UnitKind;

struct TokenKey {
    std::string_view name;
    TokenClass token;
};
// Longer names first where one begins another.
constexpr std::array kTokenKeys{
    TokenKey{"cache_creation_input_token_cost_above_1hr", TokenClass::cache_write_long},
    TokenKey{"cache_creation_input_token_cost", TokenClass::cache_write_short},
    TokenKey{"cache_read_input_audio_token_cost", TokenClass::cache_read_audio},
    TokenKey{"cache_read_input_token_cost", TokenClass::cache_read},
    TokenKey{"input_cost_per_token_cache_hit", TokenClass::cache_read},
    TokenKey{"input_cost_per_audio_token", TokenClass::input_audio},
    TokenKey{"input_cost_per_image_token", TokenClass::input_image},
    TokenKey{"input_cost_per_token", TokenClass::input},
    TokenKey{"output_cost_per_reasoning_token", TokenClass::output},
    TokenKey{"output_cost_per_audio_token", TokenClass::output_audio},
    TokenKey{"output_cost_per_image_token", TokenClass::output_image},
    TokenKey{"output_cost_per_token", TokenClass::output},
};

constexpr std::array<std::string_view, 4> kModes{"chat", "completion", "responses", "embedding"};

struct PriceName {
    TokenClass token = TokenClass::input;
    std::int64_t above = 0;
    std::string tier = "standard";
};

// nullopt: not the price of a token class.
std::optional<PriceName> read_name(std::string_view name) {
    auto key = std::ranges::find_if(kTokenKeys,
                                    [&](const TokenKey& k) { return name.starts_with(k.name); });
    if (key == kTokenKeys.end()) return std::nullopt;
    PriceName out{.token = key->token};
    name.remove_prefix(key->name.size());
    constexpr std::string_view kAbove = "_above_";
    if (name.starts_with(kAbove)) {
        name.remove_prefix(kAbove.size());
        auto k = name.find("k_tokens");
        if (k == std::string_view::npos) return std::nullopt;
        auto thousands = whole_number(name.substr(0, k));
        if (!thousands || *thousands == 0 || *thousands > 1'000'000) return std::nullopt;
        out.above = *thousands * 1000;
        name.remove_prefix(k + std::string_view("k_tokens").size());
    }
    if (name.empty()) return out;
    if (name == "_batches")
        out.tier = "batch";
    else if (name == "_flex")
        out.tier = "flex";
    else if (name == "_priority")
        out.tier = "priority";
    else
        return std::nullopt;
    return out;
}

std::unexpected<Error> bad(std::string_view what) {
    return fail(ErrorCode::config_invalid, std::string(what));
}

Result<> add_flat_prices(RowBuilder& builder, const Json& entry) {
    for (const auto& [name, value] : entry.items()) {
        auto price = read_name(name);
        if (!price || value.is_null()) continue;
        auto rate = rate_of(text_of(value).value_or(""), 0);
        if (!rate) return std::unexpected(rate.error());
        builder.token(price->tier, price->token, price->above, *rate);
    }
    return {};
}

// [{"range": [0, 256000], "input_cost_per_token": …}, …]: prices by the size of the input.
Result<> add_ranges(RowBuilder& builder, const Json& entry) {
    const Json* ranges = member(entry, "tiered_pricing");
    if (ranges == nullptr || !ranges->is_array()) return {};
    for (const Json& range : *ranges) {
        const Json* limits = member(range, "range");
        if (limits == nullptr || !limits->is_array() || limits->empty()) {
            return bad("a price range without limits");
        }
        auto above = whole_number(text_of(limits->front()).value_or(""));
        if (!above) return bad("a price range with malformed limits");
        for (const auto& [name, value] : range.items()) {
            auto price = read_name(name);
            if (!price) continue;
            auto rate = rate_of(text_of(value).value_or(""), 0);
            if (!rate) return std::unexpected(rate.error());
            builder.token(price->tier, price->token, *above, *rate);
        }
    }
    return {};
}

Result<> add_unit(RowBuilder& builder, const Json& value, UnitKind unit, int shift) {
    auto rate = rate_of(text_of(value).value_or(""), shift);
    if (!rate) return std::unexpected(rate.error());
    builder.unit("standard", unit, *rate);
    return {};
}

Result<> add_units(RowBuilder& builder, const Json& entry) {
    // The price of a search depends on how much context it brings: the dearest counts.
    if (const Json* sizes = member(entry, "search_context_cost_per_query");
        sizes != nullptr && sizes->is_object()) {
        for (const auto& [name, value] : sizes->items()) {
            auto added = add_unit(builder, value, UnitKind::web_search, 0);
            if (!added) return added;
        }
    }
    if (const Json* calls = member(entry, "file_search_cost_per_1k_calls")) {
        if (auto added = add_unit(builder, *calls, UnitKind::file_search, -3); !added) return added;
    }
    if (const Json* request = member(entry, "input_cost_per_request")) {
        if (auto added = add_unit(builder, *request, UnitKind::request, 0); !added) return added;
    }
    return {};
}

// "provider_specific_entry": {"us": 1.1, "fast": 2.0}: factors on every price of a token.
Result<> add_factors(std::vector<core::PriceTier>& tiers, const Json& entry) {
    const Json* factors = member(entry, "provider_specific_entry");
    if (factors == nullptr || !factors->is_object()) return {};
    for (std::string_view name : {"us", "fast"}) {
        auto factor = text_member(*factors, std::string(name).c_str());
        if (!factor) continue;
        for (std::size_t i = 0, n = tiers.size(); i < n; ++i) {
            bool combines =
                tiers[i].name == "standard" || (name == "fast" && tiers[i].name == "us");
            if (!combines) continue;
            core::PriceTier tier = tiers[i];
            tier.name = tier.name == "standard" ? std::string(name) : "fast+us";
            for (core::PriceBand& band : tier.bands) {
                for (auto& rate : band.prices.token) {
                    if (!rate) continue;
                    auto scaled = scaled_rate(*rate, *factor);
                    if (!scaled) return std::unexpected(scaled.error());
                    rate = *scaled;
                }
            }
            tiers.push_back(std::move(tier));
        }
    }
    return {};
}

std::int64_t limit(const Json& entry, const char* name) {
    return whole_number(text_member(entry, name).value_or("0")).value_or(0);
}

// The name that the vendor itself uses: keys of vendors other than the first few begin with theirs.
std::string_view own_name(std::string_view key, std::string_view litellm_provider,
                          std::string_view vendor) {
    auto slash = key.find('/');
    if (slash == std::string_view::npos) return key;
    std::string_view first = key.substr(0, slash);
    bool is_vendors = first == litellm_provider || vendor_of_litellm(first) == vendor;
    return is_vendors ? key.substr(slash + 1) : key;
}

Result<PriceRow> read_entry(const std::string& key, const Json& entry) {
    std::string_view provider = text_member(entry, "litellm_provider").value_or("");
    std::string_view mode = text_member(entry, "mode").value_or("chat");
    if (provider.empty()) return bad("names no provider");
    if (std::ranges::find(kModes, mode) == kModes.end()) {
        return bad("is of a kind that is not priced by tokens: " + std::string(mode));
    }
    PriceRow row;
    row.provider = vendor_of_litellm(provider);
    row.model = own_name(key, provider, row.provider);
    row.match = match_of_glob(row.model);
    // Names of fine-tuned models go on after the base model's.
    if (row.model.starts_with("ft:")) row.match.kind = core::ModelMatch::Kind::starts_with;
    row.origin = core::PriceOrigin::imported;
    row.id = row_id(row);
    row.context_window = limit(entry, "max_input_tokens");
    if (mode != "embedding") {
        row.max_output = limit(entry, "max_output_tokens");
        if (row.max_output == 0) row.max_output = limit(entry, "max_tokens");
    }
    RowBuilder builder;
    for (auto add : {add_flat_prices, add_ranges, add_units}) {
        if (auto added = add(builder, entry); !added) return std::unexpected(added.error());
    }
    if (!builder.is_usable()) return bad("is not priced by tokens");
    row.tiers = builder.tiers();
    if (auto added = add_factors(row.tiers, entry); !added) return std::unexpected(added.error());
    return row;
}

}  // namespace

Result<ParsedPrices> parse_litellm(std::string_view json) {
    auto root = parse_json_numbers_as_text(json);
    if (!root) return std::unexpected(root.error());
    auto is_entry = [](const Json& value) {
        return member(value, "litellm_provider") != nullptr;
    };
    if (!root->is_object() || !std::ranges::any_of(*root, is_entry)) {
        return bad("the file is not LiteLLM's model map");
    }
    ParsedPrices out;
    std::set<std::string> ids;
    for (const auto& [key, entry] : root->items()) {
        if (key == "sample_spec" || !is_entry(entry)) continue;
        auto row = read_entry(key, entry);
        if (!row) {
            out.skipped.push_back({key, std::string(row.error().message())});
        } else if (!ids.insert(row->id).second) {
            out.skipped.push_back({key, "repeats " + row->id});
        } else {
            out.rows.push_back(std::move(*row));
        }
    }
    return out;
}

}  // namespace weir::store
