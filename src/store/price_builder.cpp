#include "store/price_builder.h"

#include <algorithm>
#include <limits>
#include <set>

namespace weir::store {
namespace {

using core::ModelMatch;
using core::TokenClass;

constexpr std::string_view kStandard = "standard";

struct Step {
    std::int64_t above;
    Rate rate;
};

std::optional<Step> latest(const std::map<std::int64_t, Rate>& steps, std::int64_t threshold) {
    auto after = steps.upper_bound(threshold);
    if (after == steps.begin()) return std::nullopt;
    --after;
    return Step{after->first, after->second};
}

std::optional<Rate> rate_in(const std::optional<Step>& step) {
    return step ? std::optional{step->rate} : std::nullopt;
}

// price × mine ÷ usual, rounded up; the price itself where the usual one is nothing to compare
// with.
Rate in_proportion(Rate price, Rate mine, Rate usual) {
    if (usual.is_zero()) return std::max(price, mine);
    Int128 femto = (Int128{price.femto()} * mine.femto() + usual.femto() - 1) / usual.femto();
    return Rate::from_femto(static_cast<std::int64_t>(
        std::min(femto, Int128{std::numeric_limits<std::int64_t>::max()})));
}

std::string escaped(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (std::string_view{R"(\^$.|?*+()[]{}/-)"}.find(c) != std::string_view::npos) {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    return out;
}

}  // namespace

void RowBuilder::token(std::string_view tier, TokenClass c, std::int64_t above, Rate rate) {
    auto& steps = tiers_[std::string(tier)].token[static_cast<std::size_t>(c)];
    auto [it, added] = steps.emplace(above, rate);
    if (!added) it->second = std::max(it->second, rate);
}

void RowBuilder::unit(std::string_view tier, core::UnitKind kind, Rate rate) {
    auto& price = tiers_[std::string(tier)].unit[static_cast<std::size_t>(kind)];
    price = std::max(price.value_or(rate), rate);
}

bool RowBuilder::is_usable() const {
    auto standard = tiers_.find(std::string(kStandard));
    if (standard == tiers_.end()) return false;
    const Tier& tier = standard->second;
    return tier.token[static_cast<std::size_t>(TokenClass::input)].contains(0) ||
           tier.unit[static_cast<std::size_t>(core::UnitKind::request)].has_value();
}

std::optional<Rate> RowBuilder::price_of(const Tier& own, const Tier& standard, TokenClass c,
                                         std::int64_t threshold) {
    auto i = static_cast<std::size_t>(c);
    auto mine = latest(own.token[i], threshold);
    auto usual = latest(standard.token[i], threshold);
    if (!usual || (mine && mine->above >= usual->above)) return rate_in(mine);
    if (mine) {  // the standard tier knows a further band
        auto base = latest(standard.token[i], mine->above);
        if (!base) return std::max(mine->rate, usual->rate);
        return std::max(mine->rate, in_proportion(usual->rate, mine->rate, base->rate));
    }
    TokenClass main_class = core::is_output(c) ? TokenClass::output : TokenClass::input;
    if (c == main_class) return usual->rate;
    auto my_main = price_of(own, standard, main_class, threshold);
    auto usual_main = latest(standard.token[static_cast<std::size_t>(main_class)], threshold);
    if (!my_main || !usual_main) return usual->rate;
    return in_proportion(usual->rate, *my_main, usual_main->rate);
}

core::PriceTier RowBuilder::tier(const std::string& name, const Tier& own) const {
    auto standard_at = tiers_.find(std::string(kStandard));
    const Tier& standard = standard_at == tiers_.end() ? own : standard_at->second;
    std::set<std::int64_t> thresholds{0};
    for (const Tier* tier : {&own, &standard}) {
        for (const Steps& steps : tier->token) {
            for (const auto& [above, rate] : steps) thresholds.insert(above);
        }
    }
    core::PriceTier out{.name = name, .bands = {}};
    for (std::int64_t threshold : thresholds) {
        core::PriceBand band{.above_input_tokens = threshold, .prices = {}};
        for (std::size_t i = 0; i < core::kTokenClasses; ++i) {
            band.prices.token[i] = price_of(own, standard, static_cast<TokenClass>(i), threshold);
        }
        for (std::size_t i = 0; i < core::kUnitKinds; ++i) {
            band.prices.unit[i] = own.unit[i] ? own.unit[i] : standard.unit[i];
        }
        out.bands.push_back(band);
    }
    return out;
}

std::vector<core::PriceTier> RowBuilder::tiers() const {
    std::vector<core::PriceTier> out;
    for (const auto& [name, own] : tiers_) {
        out.insert(name == kStandard ? out.begin() : out.end(), tier(name, own));
    }
    return out;
}

ModelMatch match_of_glob(std::string_view glob) {
    auto stars = std::ranges::count(glob, '*');
    auto leaf = [](ModelMatch::Kind kind, std::string_view text) {
        return ModelMatch{.kind = kind, .text = std::string(text), .parts = {}};
    };
    if (stars == 0) return leaf(ModelMatch::Kind::equals, glob);
    if (stars == 1 && glob.ends_with('*')) {
        return leaf(ModelMatch::Kind::starts_with, glob.substr(0, glob.size() - 1));
    }
    if (stars == 1 && glob.starts_with('*')) {
        return leaf(ModelMatch::Kind::ends_with, glob.substr(1));
    }
    if (stars == 2 && glob.size() > 2 && glob.starts_with('*') && glob.ends_with('*')) {
        return leaf(ModelMatch::Kind::contains, glob.substr(1, glob.size() - 2));
    }
    std::string regex = "^";
    while (true) {
        auto star = glob.find('*');
        regex += escaped(glob.substr(0, star));
        if (star == std::string_view::npos) break;
        regex += ".*";
        glob.remove_prefix(star + 1);
    }
    return leaf(ModelMatch::Kind::regex, regex + "$");
}

std::string row_id(const core::PriceRow& row) {
    std::string id = row.provider + "/" + row.model + "@";
    if (!row.from) return id;
    std::string text = to_rfc3339(*row.from);
    constexpr std::string_view kMidnight = "T00:00:00Z";
    if (text.ends_with(kMidnight)) text.resize(text.size() - kMidnight.size());
    return id + text;
}

}  // namespace weir::store
