#include "core/budget_match.h"

#include <algorithm>

#include "core/identify.h"

namespace weir::core {

std::string_view BudgetSubject::of(Dimension d) const {
    std::string_view value;
    if (d == Dimension::provider) value = provider;
    if (d == Dimension::model) value = model;
    if (value.empty()) value = attribution->of(d);
    return value.empty() ? kNoValue : value;
}

BudgetMatch::BudgetMatch(const std::vector<BudgetCondition>& where, std::optional<Dimension> by)
    : by_(by) {
    for (const BudgetCondition& condition : where) {
        Condition made{.dimension = condition.dimension, .any_of = {}};
        for (const std::string& text : condition.any_of) {
            made.any_of.push_back({.text = text, .glob = text.contains('*')});
        }
        const bool exact = std::ranges::none_of(made.any_of, &Pattern::glob);
        if (exact && !exact_) exact_ = condition;
        where_.push_back(std::move(made));
    }
}

bool BudgetMatch::holds(const Condition& condition, std::string_view value) {
    return std::ranges::any_of(condition.any_of, [value](const Pattern& pattern) {
        // A missing value is matched by its name alone, not by a glob over values.
        if (!pattern.glob) return value == pattern.text;
        return value != kNoValue && glob_matches(pattern.text, value);
    });
}

bool BudgetMatch::matches(const BudgetSubject& subject) const {
    return std::ranges::all_of(where_, [&subject](const Condition& condition) {
        return holds(condition, subject.of(condition.dimension));
    });
}

void BudgetMatch::instance(const BudgetSubject& subject, std::string& out) const {
    out.clear();
    if (!by_) return;
    if (*by_ == Dimension::trajectory) out.append(subject.of(Dimension::team)).push_back('/');
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

bool is_of_team(const std::vector<BudgetCondition>& where, std::optional<Dimension> by,
                std::string_view instance, std::string_view team) {
    for (const BudgetCondition& condition : where) {
        if (condition.dimension == Dimension::team) {
            return condition.any_of.size() == 1 && condition.any_of.front() == team;
        }
    }
    if (!by) return false;
    if (*by == Dimension::team) return instance == team;
    // Instances by trajectory are named "team/trajectory".
    return *by == Dimension::trajectory && instance.size() > team.size() &&
           instance.starts_with(team) && instance[team.size()] == '/';
}

bool budget_is_of_team(const BudgetSpec& spec, std::string_view instance, std::string_view team) {
    return is_of_team(spec.where, spec.by, instance, team);
}

bool is_shown_to(const Attribution& caller, const std::vector<BudgetCondition>& where,
                 std::optional<Dimension> by, std::string_view instance) {
    const std::string& key = caller.of(Dimension::key);
    const bool by_key = by == Dimension::key && instance == key;
    const bool of_key = std::ranges::any_of(where, [&key](const BudgetCondition& condition) {
        return condition.dimension == Dimension::key && condition.any_of.size() == 1 &&
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
