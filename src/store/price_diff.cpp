#include <algorithm>
#include <map>

#include "store/price_source.h"

namespace weir::store {
namespace {

using core::PriceRow;
using Prices = std::map<std::string, Rate>;  // by what they are the price of

constexpr std::int64_t kJump = 3;

template <std::size_t N, class Name>
void add_rates(Prices& out, const std::array<std::optional<Rate>, N>& rates,
               const std::string& before, const std::string& after, Name name) {
    for (std::size_t i = 0; i < N; ++i) {
        if (rates[i]) out[before + std::string(name(i)) + after] = *rates[i];
    }
}

Prices prices_of(const PriceRow& row) {
    Prices out;
    for (const core::PriceTier& tier : row.tiers) {
        for (const core::PriceBand& band : tier.bands) {
            std::string above;
            if (band.above_input_tokens > 0) {
                above = " above " + std::to_string(band.above_input_tokens) + " tokens";
            }
            add_rates(out, band.prices.token, tier.name + " ", above, [](std::size_t i) {
                return core::token_class_name(static_cast<core::TokenClass>(i));
            });
            add_rates(out, band.prices.unit, tier.name + " ", above, [](std::size_t i) {
                return core::unit_kind_name(static_cast<core::UnitKind>(i));
            });
        }
    }
    return out;
}

bool is_jump(const std::optional<Rate>& before, const std::optional<Rate>& after) {
    if (!before || !after) return false;
    if (before->is_zero() || after->is_zero()) return *before != *after;
    Int128 low = std::min(before->femto(), after->femto());
    return std::max(before->femto(), after->femto()) >= low * kJump;
}

std::int64_t permille(const std::optional<Rate>& before, const std::optional<Rate>& after) {
    if (!before || !after || before->is_zero() || after->is_zero()) return 0;
    Int128 factor = Int128{after->femto()} * 1000 / before->femto();
    return static_cast<std::int64_t>(factor);
}

PriceChange change_of(PriceChange::Kind kind, const PriceRow& row) {
    PriceChange out;
    out.kind = kind;
    out.id = row.id;
    out.provider = row.provider;
    out.model = row.model;
    return out;
}

std::optional<Rate> rate_in(const Prices& prices, const std::string& what) {
    auto it = prices.find(what);
    return it == prices.end() ? std::nullopt : std::optional{it->second};
}

void compare(const PriceRow& before, const PriceRow& after, std::vector<PriceChange>& out) {
    Prices old_prices = prices_of(before);
    Prices new_prices = prices_of(after);
    Prices all = old_prices;
    all.insert(new_prices.begin(), new_prices.end());
    for (const auto& [what, ignored] : all) {
        PriceChange change = change_of(PriceChange::Kind::changed, after);
        change.what = what;
        change.before = rate_in(old_prices, what);
        change.after = rate_in(new_prices, what);
        if (change.before == change.after) continue;
        change.factor_permille = permille(change.before, change.after);
        change.jump = is_jump(change.before, change.after);
        out.push_back(std::move(change));
    }
}

}  // namespace

std::string_view price_change_name(PriceChange::Kind kind) {
    switch (kind) {
        case PriceChange::Kind::changed:
            return "changed";
        case PriceChange::Kind::added:
            return "added";
        case PriceChange::Kind::removed:
            return "removed";
    }
    return "unknown";
}

std::vector<PriceChange> diff_prices(const std::vector<PriceRow>& before,
                                     const std::vector<PriceRow>& after) {
    std::map<std::string_view, std::pair<const PriceRow*, const PriceRow*>> rows;
    for (const PriceRow& row : before) rows[row.id].first = &row;
    for (const PriceRow& row : after) rows[row.id].second = &row;
    std::vector<PriceChange> out;
    for (const auto& [id, pair] : rows) {
        if (pair.first == nullptr) {
            out.push_back(change_of(PriceChange::Kind::added, *pair.second));
        } else if (pair.second == nullptr) {
            out.push_back(change_of(PriceChange::Kind::removed, *pair.first));
        } else {
            compare(*pair.first, *pair.second, out);
        }
    }
    return out;
}

}  // namespace weir::store
