// Which calls a budget or a rate limit counts, and against which of its instances: for core/budget,
// core/rate_limit, and for who goes over the ledger by the million.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/attribution.h"
#include "core/budget.h"
#include "core/call.h"

namespace weir::core {

// Calls to these bill nothing: they are in the ledger, and count against no budget.
inline constexpr std::array kEndpointsOutsideBudgets = {Endpoint::responses_input_tokens,
                                                        Endpoint::count_tokens, Endpoint::models};

// What of a call a budget may ask about.
struct BudgetSubject {
    const Attribution* attribution = nullptr;
    std::string_view provider;  // empty: as the attribution says
    std::string_view model;

    // The value, or "(none)".
    std::string_view of(Dimension d) const;
    std::string_view of(const Facet& facet) const;
};

// A budget's `where` and `by`, made ready for the hot path.
class BudgetMatch {
 public:
    BudgetMatch(std::vector<Condition> where, std::optional<Facet> by);
    explicit BudgetMatch(const BudgetSpec& spec) : BudgetMatch(spec.where, spec.by) {}
    bool matches(const BudgetSubject& subject) const;
    // Writes the instance's name, reusing what `out` has. Trajectories are scoped to the team
    // ("team/trajectory"), so that a guessed id joins nothing (product.md §3.9).
    void instance(const BudgetSubject& subject, std::string& out) const;
    // A condition on a dimension, of exact values, that every match fulfils; nullptr: none.
    const Condition* exact_condition() const { return exact_ ? &*exact_ : nullptr; }

 private:
    std::vector<Condition> where_;
    std::optional<Facet> by_;
    std::optional<Condition> exact_;
};

// As budget_is_of_team and budget_is_shown_to, of whatever has a `where` and perhaps a `by`.
bool is_of_team(const std::vector<Condition>& where, const std::optional<Facet>& by,
                std::string_view instance, std::string_view team);
bool is_shown_to(const Attribution& caller, const std::vector<Condition>& where,
                 const std::optional<Facet>& by, std::string_view instance);

}  // namespace weir::core
