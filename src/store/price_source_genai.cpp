// The catalogue of pydantic/genai-prices: an array of providers with match rules, prices per
// million tokens or per thousand uses, thresholds on the whole input, start dates and hours of the
// day.
#include <algorithm>
#include <array>

#include "store/price_builder.h"
#include "store/price_decimal.h"
#include "store/price_json.h"
#include "store/price_source.h"

namespace weir::store {
namespace {

using core::ModelMatch;
using core::PriceRow;
using core::TokenClass;
using core::UnitKind;

constexpr int kMatchDepthMax = 8;

struct TokenKey {
    std::string_view name;
    TokenClass token;
};
constexpr std::array kTokenKeys{
    TokenKey{"input_mtok", TokenClass::input},
    TokenKey{"cache_read_mtok", TokenClass::cache_read},
    TokenKey{"cache_write_mtok", TokenClass::cache_write_short},
    TokenKey{"cache_write_5m_mtok", TokenClass::cache_write_short},
    TokenKey{"cache_write_1h_mtok", TokenClass::cache_write_long},
    TokenKey{"input_audio_mtok", TokenClass::input_audio},
    TokenKey{"input_image_mtok", TokenClass::input_image},
    TokenKey{"cache_audio_read_mtok", TokenClass::cache_read_audio},
    TokenKey{"output_mtok", TokenClass::output},
    TokenKey{"output_reasoning_mtok", TokenClass::output},
    TokenKey{"output_audio_mtok", TokenClass::output_audio},
    TokenKey{"output_image_mtok", TokenClass::output_image},
};

struct UnitKey {
    std::string_view name;
    UnitKind unit;
};
constexpr std::array kUnitKeys{
    UnitKey{"web_searches_kcount", UnitKind::web_search},
    UnitKey{"storage_searches_kcount", UnitKind::file_search},
    UnitKey{"requests_kcount", UnitKind::request},
};

struct KindKey {
    const char* name;
    ModelMatch::Kind kind;
};
constexpr std::array kMatchKeys{
    KindKey{"equals", ModelMatch::Kind::equals},
    KindKey{"starts_with", ModelMatch::Kind::starts_with},
    KindKey{"ends_with", ModelMatch::Kind::ends_with},
    KindKey{"contains", ModelMatch::Kind::contains},
    KindKey{"regex", ModelMatch::Kind::regex},
    KindKey{"or", ModelMatch::Kind::any_of},
    KindKey{"and", ModelMatch::Kind::all_of},
};

std::unexpected<Error> bad(std::string_view what) {
    return fail(ErrorCode::config_invalid, std::string(what));
}

Result<ModelMatch> read_match(const Json& json, int depth) {
    if (depth > kMatchDepthMax) return bad("its match rule is nested too deeply");
    for (const KindKey& key : kMatchKeys) {
        const Json* value = member(json, key.name);
        if (value == nullptr) continue;
        ModelMatch out{.kind = key.kind, .text = {}, .parts = {}};
        if (auto text = text_of(*value)) {
            out.text = *text;
            return out;
        }
        if (!value->is_array()) return bad("its match rule is malformed");
        for (const Json& part : *value) {
            auto read = read_match(part, depth + 1);
            if (!read) return read;
            out.parts.push_back(std::move(*read));
        }
        return out;
    }
    return bad("its match rule is of an unknown kind");
}

Result<> add_token_price(RowBuilder& builder, TokenClass c, const Json& value) {
    auto add = [&](std::int64_t above, std::optional<std::string_view> text) -> Result<> {
        auto rate = rate_of(text.value_or(""), -6);
        if (!rate) return std::unexpected(rate.error());
        builder.token("standard", c, above, *rate);
        return {};
    };
    if (auto text = text_of(value)) return add(0, text);
    if (auto added = add(0, text_member(value, "base")); !added) return added;
    const Json* tiers = member(value, "tiers");
    if (tiers == nullptr || !tiers->is_array()) return bad("a tiered price without tiers");
    for (const Json& tier : *tiers) {
        auto start = whole_number(text_member(tier, "start").value_or(""));
        if (!start || *start == 0) return bad("a tiered price with a malformed start");
        if (auto added = add(*start, text_member(tier, "price")); !added) return added;
    }
    return {};
}

Result<RowBuilder> read_prices(const Json* prices) {
    if (prices == nullptr || !prices->is_object()) return bad("has no prices");
    RowBuilder builder;
    for (const auto& [name, value] : prices->items()) {
        Result<> added;
        if (auto token = std::ranges::find(kTokenKeys, name, &TokenKey::name);
            token != kTokenKeys.end()) {
            added = add_token_price(builder, token->token, value);
        } else if (auto unit = std::ranges::find(kUnitKeys, name, &UnitKey::name);
                   unit != kUnitKeys.end()) {
            auto rate = rate_of(text_of(value).value_or(""), -3);
            if (!rate) return std::unexpected(rate.error());
            builder.unit("standard", unit->unit, *rate);
        }
        if (!added) return std::unexpected(added.error());
    }
    if (!builder.is_usable()) return bad("is not priced by tokens");
    return builder;
}

// A model that its vendor calls free, and that has an empty price list, costs nothing. Any other
// empty list only means that nobody has written the price down.
bool is_declared_free(const Json& prices, std::string_view model) {
    return prices.is_object() && prices.empty() && model.ends_with(":free");
}

RowBuilder free_prices() {
    RowBuilder builder;
    builder.token("standard", TokenClass::input, 0, Rate{});
    builder.token("standard", TokenClass::output, 0, Rate{});
    return builder;
}

// "HH:MM:SS", with Z or nothing behind it.
std::optional<std::int32_t> second_of_day(std::string_view text) {
    if (text.ends_with('Z')) text.remove_suffix(1);
    if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
    auto hours = whole_number(text.substr(0, 2));
    auto minutes = whole_number(text.substr(3, 2));
    auto seconds = whole_number(text.substr(6, 2));
    if (!hours || !minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 59) {
        return std::nullopt;
    }
    return static_cast<std::int32_t>(*hours * 3600 + *minutes * 60 + *seconds);
}

Result<> read_constraint(const Json& json, PriceRow& row) {
    if (auto date = text_member(json, "start_date")) {
        row.from = parse_rfc3339(*date);
        return row.from ? Result<>{} : bad("a start date is malformed");
    }
    auto from = second_of_day(text_member(json, "start_time").value_or(""));
    auto until = second_of_day(text_member(json, "end_time").value_or(""));
    if (!from || !until) return bad("a price holds under an unknown constraint");
    row.daily = core::DailyWindow{.from_s = *from, .until_s = *until};
    return {};
}

std::string window_text(const core::DailyWindow& window) {
    return "+" + std::to_string(window.from_s) + "-" + std::to_string(window.until_s) + "s";
}

// The rows of one model, the ones that hold for some hours of the day first. Of a list the last
// price whose constraint holds counts, so that each dated one ends where the next begins.
Result<std::vector<PriceRow>> read_model(const Json& model, const PriceRow& blank) {
    const Json* prices = member(model, "prices");
    if (prices == nullptr) return bad("has no prices");
    std::vector<PriceRow> rows;
    std::vector<PriceRow> of_hours;
    auto add = [&](const Json* price_object, const Json* constraint) -> Result<> {
        bool is_free = price_object != nullptr && is_declared_free(*price_object, blank.model);
        Result<RowBuilder> builder = is_free ? free_prices() : read_prices(price_object);
        if (!builder) return std::unexpected(builder.error());
        PriceRow row = blank;
        if (constraint != nullptr) {
            if (auto read = read_constraint(*constraint, row); !read) return read;
        }
        row.tiers = builder->tiers();
        row.id = row_id(row) + (row.daily ? window_text(*row.daily) : "");
        (row.daily ? of_hours : rows).push_back(std::move(row));
        return {};
    };
    if (prices->is_array()) {
        for (const Json& dated : *prices) {
            auto added = add(member(dated, "prices"), member(dated, "constraint"));
            if (!added) return std::unexpected(added.error());
        }
    } else if (auto added = add(prices, nullptr); !added) {
        return std::unexpected(added.error());
    }
    for (std::size_t i = 1; i < rows.size(); ++i) rows[i - 1].until = rows[i].from;
    std::ranges::reverse(of_hours);
    std::ranges::move(rows, std::back_inserter(of_hours));
    return of_hours;
}

struct Reader {
    ParsedPrices out;

    // Once, under the vendor that lists the model.
    void skip(const PriceRow& row, bool is_own, const Error& why) {
        if (!is_own) return;
        out.skipped.push_back({row.provider + "/" + row.model, std::string(why.message())});
    }

    // `vendor` sells these models; they are listed under `owner`, who is named in the row if
    // another.
    void read_models(const Json& provider, std::string_view vendor, std::string_view owner) {
        const Json* models = member(provider, "models");
        if (models == nullptr || !models->is_array()) return;
        for (const Json& model : *models) {
            PriceRow blank;
            blank.provider = vendor;
            blank.model = text_member(model, "id").value_or("");
            if (blank.model.empty() || owner.empty() || vendor.empty()) {
                skip(blank, owner == vendor, Error{ErrorCode::config_invalid, "has no id"});
                continue;
            }
            if (owner != vendor) blank.model = std::string(owner) + "/" + blank.model;
            blank.origin = core::PriceOrigin::imported;
            blank.context_window =
                whole_number(text_member(model, "context_window").value_or("0")).value_or(0);
            const Json* rule = member(model, "match");
            auto match = read_match(rule == nullptr ? Json{} : *rule, 0);
            if (!match) {
                skip(blank, owner == vendor, match.error());
                continue;
            }
            blank.match = std::move(*match);
            auto rows = read_model(model, blank);
            if (!rows) {
                skip(blank, owner == vendor, rows.error());
                continue;
            }
            std::ranges::move(*rows, std::back_inserter(out.rows));
        }
    }
};

}  // namespace

Result<ParsedPrices> parse_genai_prices(std::string_view json) {
    auto root = parse_json_numbers_as_text(json);
    if (!root) return std::unexpected(root.error());
    if (!root->is_array() || root->empty() || member(root->front(), "models") == nullptr) {
        return bad("the file is not a genai-prices catalogue");
    }
    Reader reader;
    for (const Json& provider : *root) {
        std::string_view vendor = text_member(provider, "id").value_or("");
        reader.read_models(provider, vendor, vendor);
        // A vendor that sells others' models at their prices lists whose.
        const Json* others = member(provider, "fallback_model_providers");
        if (others == nullptr || !others->is_array()) continue;
        for (const Json& other : *others) {
            for (const Json& owner : *root) {
                auto id = text_member(owner, "id");
                if (id && id == text_of(other)) reader.read_models(owner, vendor, *id);
            }
        }
    }
    return std::move(reader.out);
}

}  // namespace weir::store
