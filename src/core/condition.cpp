#include "core/condition.h"

#include <algorithm>
#include <array>

#include "core/identify.h"

namespace weir::core {
namespace {

constexpr std::string_view kPrefix = "team.";
constexpr std::array<std::string_view, 4> kAttributes{"department", "cost_center", "owner",
                                                      "group"};

bool has_short_name(std::string_view attribute) {
    return std::ranges::find(kAttributes, attribute) != kAttributes.end();
}

}  // namespace

std::optional<Facet> Facet::named(std::string_view name) {
    if (const auto dimension = dimension_named(name)) return Facet{*dimension};
    const bool prefixed = name.starts_with(kPrefix) && name.size() > kPrefix.size();
    if (!prefixed && !has_short_name(name)) return std::nullopt;
    Facet facet;
    facet.attribute = prefixed ? name.substr(kPrefix.size()) : name;
    return facet;
}

std::string Facet::name() const {
    if (attribute.empty()) return std::string{dimension_name(dimension)};
    return has_short_name(attribute) ? attribute : std::string{kPrefix} + attribute;
}

void Facet::learn(const Teams& teams) {
    if (attribute.empty()) return;
    by_team.clear();
    for (const auto& [name, team] : teams) {
        const auto value = team.attributes.find(attribute);
        if (value == team.attributes.end() || value->second.empty()) continue;
        by_team.emplace(name, value->second);
    }
}

std::string_view Facet::value_of(const std::string& team) const {
    const auto value = by_team.find(team);
    return value == by_team.end() ? kNoValue : std::string_view{value->second};
}

std::vector<std::string_view> facet_names() {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        names.push_back(dimension_name(static_cast<Dimension>(i)));
    }
    names.insert(names.end(), kAttributes.begin(), kAttributes.end());
    return names;
}

bool Condition::holds(std::string_view value) const {
    const bool missing = value.empty() || value == kNoValue;
    return std::ranges::any_of(any_of, [value, missing](const std::string& pattern) {
        // A missing value is matched by its name alone, not by a glob over values.
        return missing ? pattern == kNoValue : glob_matches(pattern, value);
    });
}

std::vector<std::string> Condition::teams() const {
    std::vector<std::string> out;
    for (const auto& [team, value] : facet.by_team) {
        if (holds(value) != holds(kNoValue)) out.push_back(team);
    }
    return out;
}

void learn(std::vector<Condition>& where, const Teams& teams) {
    for (Condition& condition : where) condition.facet.learn(teams);
}

std::string conditions_text(const std::vector<Condition>& where, std::string_view without) {
    std::string out;
    for (const Condition& condition : where) {
        if (!out.empty()) out += " and ";
        out += condition.facet.name();
        for (std::size_t i = 0; i < condition.any_of.size(); ++i) {
            out += i == 0 ? "=" : "|";
            out += condition.any_of[i];
        }
    }
    return out.empty() ? std::string{without} : out;
}

}  // namespace weir::core
