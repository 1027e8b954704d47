// models.dev's api.json: providers → models → cost in USD per million tokens, with `tiers` by
// context size and `experimental.modes` for service tiers.
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

struct CostKey {
    const char* name;
    TokenClass token;
};
constexpr std::array kCostKeys{
    CostKey{"input", TokenClass::input},
    CostKey{"output", TokenClass::output},
    CostKey{"reasoning", TokenClass::output},
    CostKey{"cache_read", TokenClass::cache_read},
    CostKey{"cached_input", TokenClass::cache_read},
    CostKey{"cache_input", TokenClass::cache_read},
    CostKey{"cache_write", TokenClass::cache_write_short},
    CostKey{"cached_write", TokenClass::cache_write_short},
    CostKey{"input_audio", TokenClass::input_audio},
    CostKey{"output_audio", TokenClass::output_audio},
};

std::unexpected<Error> bad(std::string_view what) {
    return fail(ErrorCode::config_invalid, std::string(what));
}

Result<> add_cost(RowBuilder& builder, std::string_view tier, std::int64_t above,
                  const Json& cost) {
    for (const CostKey& key : kCostKeys) {
        const Json* value = member(cost, key.name);
        if (value == nullptr || value->is_null()) continue;
        auto rate = rate_of(text_of(*value).value_or(""), -6);
        if (!rate) return std::unexpected(rate.error());
        builder.token(tier, key.token, above, *rate);
    }
    return {};
}

Result<> add_context_tiers(RowBuilder& builder, std::string_view tier, const Json& cost) {
    if (const Json* old = member(cost, "context_over_200k")) {
        if (auto added = add_cost(builder, tier, 200'000, *old); !added) return added;
    }
    const Json* tiers = member(cost, "tiers");
    if (tiers == nullptr || !tiers->is_array()) return {};
    for (const Json& band : *tiers) {
        const Json* limit = member(band, "tier");
        auto size = limit == nullptr ? std::nullopt
                                     : whole_number(text_member(*limit, "size").value_or(""));
        if (!size || *size == 0) return bad("a context tier without a size");
        if (auto added = add_cost(builder, tier, *size, band); !added) return added;
    }
    return {};
}

// What a mode sends in the body names the service tier that serves it.
std::string tier_of_mode(const std::string& name, const Json& mode) {
    const Json* provider = member(mode, "provider");
    const Json* body = provider == nullptr ? nullptr : member(*provider, "body");
    if (body == nullptr) return name;
    return std::string(
        text_member(*body, "service_tier").value_or(text_member(*body, "speed").value_or(name)));
}

Result<> add_modes(RowBuilder& builder, const Json& model) {
    const Json* experimental = member(model, "experimental");
    const Json* modes = experimental == nullptr ? nullptr : member(*experimental, "modes");
    if (modes == nullptr || !modes->is_object()) return {};
    for (const auto& [name, mode] : modes->items()) {
        const Json* cost = member(mode, "cost");
        if (cost == nullptr) continue;
        std::string tier = tier_of_mode(name, mode);
        if (auto added = add_cost(builder, tier, 0, *cost); !added) return added;
        if (auto added = add_context_tiers(builder, tier, *cost); !added) return added;
    }
    return {};
}

std::int64_t limit(const Json& model, const char* name) {
    const Json* limits = member(model, "limit");
    if (limits == nullptr) return 0;
    return whole_number(text_member(*limits, name).value_or("0")).value_or(0);
}

Result<PriceRow> read_model(std::string_view provider, const std::string& id, const Json& model) {
    const Json* cost = member(model, "cost");
    if (cost == nullptr) return bad("has no cost");
    RowBuilder builder;
    if (auto added = add_cost(builder, "standard", 0, *cost); !added) {
        return std::unexpected(added.error());
    }
    if (auto added = add_context_tiers(builder, "standard", *cost); !added) {
        return std::unexpected(added.error());
    }
    if (auto added = add_modes(builder, model); !added) return std::unexpected(added.error());
    if (!builder.is_usable()) return bad("is not priced by tokens");
    PriceRow row;
    row.provider = vendor_of_models_dev(provider);
    row.model = id;
    row.match = {.kind = core::ModelMatch::Kind::equals, .text = id, .parts = {}};
    row.origin = core::PriceOrigin::imported;
    row.id = row_id(row);
    row.context_window = limit(model, "context");
    row.max_output = limit(model, "output");
    row.tiers = builder.tiers();
    return row;
}

}  // namespace

Result<ParsedPrices> parse_models_dev(std::string_view json) {
    auto root = parse_json_numbers_as_text(json);
    if (!root) return std::unexpected(root.error());
    if (!root->is_object()) return bad("the file is not models.dev's catalogue");
    ParsedPrices out;
    std::set<std::string> ids;
    bool any = false;
    for (const auto& [name, provider] : root->items()) {
        const Json* models = member(provider, "models");
        if (models == nullptr || !models->is_object()) continue;
        any = true;
        for (const auto& [id, model] : models->items()) {
            auto row = read_model(name, id, model);
            if (!row) {
                out.skipped.push_back({name + "/" + id, std::string(row.error().message())});
            } else if (!ids.insert(row->id).second) {
                out.skipped.push_back({name + "/" + id, "repeats " + row->id});
            } else {
                out.rows.push_back(std::move(*row));
            }
        }
    }
    if (!any) return bad("the file is not models.dev's catalogue");
    return out;
}

}  // namespace weir::store
