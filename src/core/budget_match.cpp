#include "core/budget_match.h"

#include <algorithm>

namespace weir::core {

std::string_view BudgetSubject::of(Dimension d) const {
    std::string_view value;
    if (d == Dimension::provider) value = provider;
    if (d == Dimension::model) value = model;
    if (value.empty()) value = attribution->of(d);
    return value.empty() ? kNoValue : value;
}

std::string_view BudgetSubject::of(const Facet& facet) const {
    if (facet.attribute.empty()) return of(facet.dimension);
    return facet.value_of(attribution->of(facet.dimension));
}

namespace {

// The same of a dimension, for the index of budgets. Unknown teams are not to be listed.
std::optional<Condition> exact_form(const Condition& condition) {
    if (!condition.facet.attribute.empty()) {
        if (condition.holds(kNoValue)) return std::nullopt;
        return Condition{condition.facet.dimension, condition.teams()};
    }
    const bool exact = std::ranges::none_of(
        condition.any_of, [](const std::string& text) { return text.contains('*'); });
    return exact ? std::optional{condition} : std::nullopt;
}

}  // namespace

BudgetMatch::BudgetMatch(std::vector<Condition> where, std::optional<Facet> by)
    : where_(std::move(where)), by_(std::move(by)) {
    for (const Condition& condition : where_) {
        if (!exact_) exact_ = exact_form(condition);
    }
}

bool BudgetMatch::matches(const BudgetSubject& subject) const {
    return std::ranges::all_of(where_, [&subject](const Condition& condition) {
        return condition.holds(subject.of(condition.facet));
    });
}

void BudgetMatch::instance(const BudgetSubject& subject, std::string& out) const {
    out.clear();
    if (!by_) return;
    if (by_ == Dimension::trajectory) out.append(subject.of(Dimension::team)).push_back('/');
    out.append(subject.of(*by_));
}

bool budget_matches(const BudgetSpec& spec, const Attribution& attribution,
                    std::string_view provider, std::string_view model) {
    return BudgetMatch{spec}.matches({&attribution, provider, model});
}

std::string budget_instance(const BudgetSpec& spec, const Attribution& attribution,
                            std::string_view provider, std::string_view model) {
    std::string name;
    BudgetMatch{spec}.instance({&attribution, provider, model}, name);
    return name;
}

bool is_of_team(const std::vector<Condition>& where, const std::optional<Facet>& by,
                std::string_view instance, std::string_view team) {
    for (const Condition& condition : where) {
        if (condition.facet == Dimension::team) {
            return condition.any_of.size() == 1 && condition.any_of.front() == team;
        }
    }
    if (by == Dimension::team) return instance == team;
    // Instances by trajectory are named "team/trajectory".
    return by == Dimension::trajectory && instance.size() > team.size() &&
           instance.starts_with(team) && instance[team.size()] == '/';
}

bool budget_is_of_team(const BudgetSpec& spec, std::string_view instance, std::string_view team) {
    return is_of_team(spec.where, spec.by, instance, team);
}

bool is_shown_to(const Attribution& caller, const std::vector<Condition>& where,
                 const std::optional<Facet>& by, std::string_view instance) {
    const std::string& key = caller.of(Dimension::key);
    const bool by_key = by == Dimension::key && instance == key;
    const bool of_key = std::ranges::any_of(where, [&key](const Condition& condition) {
        return condition.facet == Dimension::key && condition.any_of.size() == 1 &&
               condition.any_of.front() == key;
    });
    return (!key.empty() && (by_key || of_key)) ||
           is_of_team(where, by, instance, caller.of(Dimension::team));
}

bool budget_is_shown_to(const Attribution& caller, const BudgetSpec& spec,
                        std::string_view instance) {
    return is_shown_to(caller, spec.where, spec.by, instance);
}

}  // namespace weir::core
