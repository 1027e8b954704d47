#include "admin/price_json.h"

#include <algorithm>
#include <set>

namespace weir::admin {
namespace {

Json list_json(const core::PriceList& list) {
    Json out = Json::object();
    for (std::size_t i = 0; i < core::kTokenClasses; ++i) {
        if (!list.token[i]) continue;
        out[std::string{core::token_class_name(static_cast<core::TokenClass>(i))}] =
            list.token[i]->to_usd_per_million();
    }
    return out;
}

Json units_json(const core::PriceList& list) {
    Json out = Json::object();
    for (std::size_t i = 0; i < core::kUnitKinds; ++i) {
        if (!list.unit[i]) continue;
        out[std::string{core::unit_kind_name(static_cast<core::UnitKind>(i))}] =
            list.unit[i]->to_usd_per_unit();
    }
    return out;
}

Json rate_json(const std::optional<Rate>& rate, std::string_view what) {
    if (!rate) return nullptr;
    // "standard web_search": a price for one.
    for (std::size_t i = 0; i < core::kUnitKinds; ++i) {
        const std::string_view kind = core::unit_kind_name(static_cast<core::UnitKind>(i));
        const std::size_t at = what.find(' ');
        if (at != std::string_view::npos && what.substr(at + 1).starts_with(kind)) {
            return rate->to_usd_per_unit();
        }
    }
    return rate->to_usd_per_million();
}

// When to compare: now, or when the row begins, or ended.
UnixTime instant_of(const core::PriceRow& row, UnixTime now) {
    if (row.from && *row.from > now) return *row.from;
    if (row.until && *row.until <= now) return *row.until - Duration{1};
    return now;
}

}  // namespace

Json price_row_json(const core::PriceRow& row) {
    Json tiers = Json::array();
    for (const core::PriceTier& tier : row.tiers) {
        Json bands = Json::array();
        for (const core::PriceBand& band : tier.bands) {
            bands.push_back({{"above_input_tokens", band.above_input_tokens},
                             {"usd_per_million", list_json(band.prices)},
                             {"usd_each", units_json(band.prices)}});
        }
        tiers.push_back({{"tier", tier.name}, {"bands", std::move(bands)}});
    }
    Json out = {{"id", row.id},
                {"provider", row.provider},
                {"model", row.model},
                {"origin", core::price_origin_name(row.origin)},
                {"from", json_time(row.from)},
                {"until", json_time(row.until)},
                {"context_window", row.context_window},
                {"max_output", row.max_output},
                {"tiers", std::move(tiers)}};
    if (row.daily) {
        out["daily_utc_seconds"] = {{"from", row.daily->from_s}, {"until", row.daily->until_s}};
    }
    return out;
}

Json price_change_json(const store::PriceChange& change) {
    return {{"kind", store::price_change_name(change.kind)},
            {"id", change.id},
            {"provider", change.provider},
            {"model", change.model},
            {"what", json_text(change.what)},
            {"before", rate_json(change.before, change.what)},
            {"after", rate_json(change.after, change.what)},
            {"factor_permille", change.factor_permille},
            {"jump", change.jump}};
}

ImportEffect effect_of(const core::PriceBook& book, const std::vector<core::PriceRow>& rows,
                       UnixTime now) {
    ImportEffect effect;
    std::vector<core::PriceRow> before;
    std::vector<core::PriceRow> after;
    for (const core::PriceRow& row : rows) {
        const core::PriceRow* present = book.find(row.provider, row.model, instant_of(row, now));
        if (present != nullptr && present->origin > core::PriceOrigin::imported) {
            ++effect.overruled;
            continue;
        }
        after.push_back(row);
        if (present == nullptr) {
            ++effect.added;
            continue;
        }
        before.push_back(*present);
        before.back().id = row.id;  // the same place in two books, whatever they call it
    }
    effect.changes = store::diff_prices(before, after);
    std::set<std::string_view> changed;
    for (const store::PriceChange& change : effect.changes) {
        if (change.kind != store::PriceChange::Kind::changed) continue;
        changed.insert(change.id);
        if (change.jump) ++effect.jumps;
    }
    effect.changed = changed.size();
    effect.same = before.size() - changed.size();
    return effect;
}

}  // namespace weir::admin
