// Budgets and their figures as JSON: for the admin API and for /weir/me on the data listener.
// Figures are decimal text in the budget's unit: dollars, tokens or calls. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "admin/json.h"
#include "core/budget.h"

namespace weir::admin {

// The terms, without figures.
Json budget_terms(const core::BudgetSpec& spec);
// instance, window, amount, used, held, remaining, overrun.
Json budget_figures(const core::BudgetSpec& spec, const core::InstanceFigures& figures);

}  // namespace weir::admin
