// What people ask of a budget beside its figures: what happens when it is reached, and when that
// will be. Pure. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/budget.h"

namespace weir::core {

// What a budget does when its amount is reached, in the words that all of Weir prints: "hard",
// "hard outside production", "alert only", "observed only".
std::string_view budget_kind(const BudgetSpec& spec);

// Of an amount in its unit: dollars exact to the pico, or a count.
std::string amount_text(BudgetUnit unit, Int128 amount);

// What has to be settled of the amount before it alerts.
Int128 alert_amount(Int128 amount, int alert_percent);

// The recent past that a burn rate is taken from: 24 hours, or since the window began where that is
// shorter. It begins with a whole hour, since that is how spend is summed.
UnixTime burn_since(WindowSpan window, UnixTime now);

// How fast an instance is spent, and when its amount is reached if that goes on.
struct Outlook {
    UnixTime since = {};  // as burn_since
    Int128 per_day = 0;   // in the budget's unit
    // nullopt: not within its window. What calls in flight hold is not counted as spent.
    std::optional<UnixTime> reached_at = {};
};
// `spent`: what was charged since `since`. A time of less than a minute counts as one.
Outlook outlook_of(const InstanceFigures& figures, Int128 spent, UnixTime since, UnixTime now);

// Has `a` less of its amount left than `b`, what is held included? An order for lists.
bool is_tighter(const InstanceFigures& a, const InstanceFigures& b);

}  // namespace weir::core
