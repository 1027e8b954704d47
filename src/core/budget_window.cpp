// Calendar windows of a zone: half-open, without gap or overlap (ledger.md I11). One begins at the
// first instant whose hour, day, week, month or quarter on the wall is a new one (ledger.md W6), so
// a day without midnight begins with its first hour, and an hour that clocks repeat is one window.
#include <chrono>
#include <limits>

#include "core/budget_spec.h"

namespace weir::core {
namespace {

using std::chrono::days;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

std::int64_t seconds_of(sys_days day) { return day.time_since_epoch().count() * kDay; }

// Months are counted from the start of the year in steps of `length`.
WindowSpan months_at(sys_days day, unsigned length) {
    const year_month_day date{day};
    const unsigned month = (static_cast<unsigned>(date.month()) - 1) / length * length + 1;
    const year_month first{date.year(), std::chrono::month{month}};
    const year_month next = first + months{static_cast<int>(length)};
    return {seconds_of(sys_days{first / 1}), seconds_of(sys_days{next / 1})};
}

// As the wall shows it.
WindowSpan local_window(WindowKind kind, std::int64_t local) {
    const std::int64_t day = floor_div(local, kDay);
    switch (kind) {
        case WindowKind::hour: {
            const std::int64_t start = floor_div(local, kHour) * kHour;
            return {start, start + kHour};
        }
        case WindowKind::day:
            return {day * kDay, (day + 1) * kDay};
        case WindowKind::week: {
            // 1970-01-01 was a Thursday, so weeks start three days before a multiple of seven.
            const std::int64_t monday = floor_div(day + 3, 7) * 7 - 3;
            return {monday * kDay, (monday + 7) * kDay};
        }
        case WindowKind::month:
            return months_at(sys_days{days{day}}, 1);
        case WindowKind::quarter:
            return months_at(sys_days{days{day}}, 3);
        case WindowKind::total:
            break;
    }
    return {0, std::numeric_limits<std::int64_t>::max()};
}

}  // namespace

std::string_view window_name(WindowKind w) {
    switch (w) {
        case WindowKind::hour:
            return "hour";
        case WindowKind::day:
            return "day";
        case WindowKind::week:
            return "week";
        case WindowKind::month:
            return "month";
        case WindowKind::quarter:
            return "quarter";
        case WindowKind::total:
            return "total";
    }
    return "total";
}

WindowSpan window_at(WindowKind kind, UnixTime at, const Zone& zone) {
    if (kind == WindowKind::total) return local_window(kind, 0);
    const std::int64_t now = floor_div(at.ns, 1'000'000'000);
    const WindowSpan shown = local_window(kind, zone.latest_local(now));
    return {zone.first_at(shown.start), zone.first_at(shown.end)};
}

WindowSpan window_at(const BudgetSpec& spec, UnixTime at) {
    static const Zone kUtc;
    return window_at(spec.window, at, spec.zone ? *spec.zone : kUtc);
}

}  // namespace weir::core
