// Budgets and their figures as JSON: for the admin API and for /weir/me on the data listener.
// Figures are decimal text in the budget's unit: dollars, tokens or calls. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "admin/json.h"
#include "core/budget.h"
#include "core/budget_outlook.h"

namespace weir::admin {

// The terms, without figures.
Json budget_terms(const core::BudgetSpec& spec);
// instance, window, amount, used, held, remaining, overrun.
Json budget_figures(const core::BudgetSpec& spec, const core::InstanceFigures& figures);
// burn_per_day, burn_since, reached_at and days_left; the last two null where the amount is not
// reached within the window at that rate.
Json budget_outlook(const core::BudgetSpec& spec, const core::Outlook& outlook, UnixTime now);

}  // namespace weir::admin
