#include "core/budget_outlook.h"

#include <algorithm>
#include <limits>

#include "core/budget_judge.h"

namespace weir::core {
namespace {

constexpr std::int64_t kHour = 3'600;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kLeast = 60;

}  // namespace

std::string_view budget_kind(const BudgetSpec& spec) {
    if (spec.observe) return "observed only";
    switch (spec.blocking) {
        case Blocking::always:
            return "hard";
        case Blocking::never:
            return "alert only";
        case Blocking::by_environment:
            break;
    }
    const bool everywhere = spec.by == Dimension::trajectory || spec.by == Dimension::goal;
    return everywhere ? "hard" : "hard outside production";
}

std::string amount_text(BudgetUnit unit, Int128 amount) {
    return unit == BudgetUnit::usd ? Money::from_pico(amount).to_usd() : to_string(amount);
}

Int128 alert_amount(Int128 amount, int alert_percent) {
    // Not ×100, which could pass 128 bits; and rounded up.
    return amount / 100 * alert_percent + (amount % 100 * alert_percent + 99) / 100;
}

UnixTime burn_since(WindowSpan window, UnixTime now) {
    const std::int64_t since = std::max(window.start, now.seconds() - kDay);
    return UnixTime::from_seconds(since - since % kHour);
}

Outlook outlook_of(const InstanceFigures& figures, Int128 spent, UnixTime since, UnixTime now) {
    Outlook out{.since = since};
    const Int128 seconds = std::max(now.seconds() - since.seconds(), kLeast);
    spent = std::max<Int128>(spent, 0);
    out.per_day = spent * kDay / seconds;
    const Int128 left = figures.amount - figures.settled;
    if (left <= 0) {
        out.reached_at = now;
    } else if (spent > 0) {
        // Whole periods and the rest apart, so that no product passes 128 bits.
        const Int128 lasts = left / spent * seconds + left % spent * seconds / spent;
        const Int128 at = now.seconds() + lasts;
        constexpr Int128 kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
        const bool in_window = at < figures.window.end && at <= kMost;
        if (in_window) out.reached_at = UnixTime::from_seconds(static_cast<std::int64_t>(at));
    }
    return out;
}

bool is_tighter(const InstanceFigures& a, const InstanceFigures& b) {
    return tightness(a.amount - a.settled - a.held, a.amount) <
           tightness(b.amount - b.settled - b.held, b.amount);
}

}  // namespace weir::core
