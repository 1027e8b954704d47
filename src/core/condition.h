// What calls are told apart by, and what is asked of it: the `where` and `by` of budgets, rate
// limits, stops, access rules and spend (product.md §1). Values; pure. Thread: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/attribution.h"
#include "core/team.h"

namespace weir::core {

inline constexpr std::string_view kNoValue = "(none)";

// A dimension, or an attribute of the call's team: what the team's is now, whenever the call was.
struct Facet {
    Dimension dimension = Dimension::team;  // an attribute's: team
    std::string attribute = {};             // empty: the dimension itself
    // Of an attribute: its value for each team that has one. Told by `learn`.
    std::map<std::string, std::string> by_team = {};

    Facet() = default;
    Facet(Dimension d) : dimension(d) {}  // NOLINT(google-explicit-constructor): most are one
    // As people write it: "team", "department", "team.region". nullopt: there is none of that name.
    static std::optional<Facet> named(std::string_view name);
    std::string name() const;
    // What the teams' attributes are; of a dimension nothing.
    void learn(const Teams& teams);
    // Of that team, or "(none)". Of an attribute.
    std::string_view value_of(const std::string& team) const;

    // Apart from what was learned.
    bool operator==(const Facet& o) const {
        return dimension == o.dimension && attribute == o.attribute;
    }
    bool operator==(Dimension d) const { return attribute.empty() && dimension == d; }
};
// All dimensions, and the attributes that need no "team." before them.
std::vector<std::string_view> facet_names();

struct Condition {
    Facet facet;
    // Exact values or globs with '*'; "(none)" matches a missing value, and nothing else does.
    std::vector<std::string> any_of;

    bool holds(std::string_view value) const;  // empty and "(none)": missing
    // Of an attribute: the teams of which it says something else than of an unknown one.
    std::vector<std::string> teams() const;
};

void learn(std::vector<Condition>& where, const Teams& teams);

// "agent=triage and department=support|sales", "everything"
std::string conditions_text(const std::vector<Condition>& where,
                            std::string_view without = "everything");

}  // namespace weir::core
