#include <gtest/gtest.h>
#include <limits>

#include "base/random.h"
#include "core/budget.h"

namespace weir::core {
namespace {

constexpr WindowKind kCalendar[] = {WindowKind::hour, WindowKind::day, WindowKind::week,
                                    WindowKind::month, WindowKind::quarter};

UnixTime at(std::string_view text) { return *parse_rfc3339(text); }

void expect_window(WindowKind kind, std::string_view when, std::string_view start,
                   std::string_view end) {
    const WindowSpan window = window_at(kind, at(when));
    EXPECT_EQ(to_rfc3339(UnixTime::from_seconds(window.start)), start) << when;
    EXPECT_EQ(to_rfc3339(UnixTime::from_seconds(window.end)), end) << when;
}

TEST(BudgetWindow, months_have_their_own_lengths) {
    expect_window(WindowKind::month, "2028-02-29T23:59:59Z", "2028-02-01T00:00:00Z",
                  "2028-03-01T00:00:00Z");
    expect_window(WindowKind::month, "2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z",
                  "2027-01-01T00:00:00Z");
    expect_window(WindowKind::month, "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z",
                  "2027-02-01T00:00:00Z");
}

TEST(BudgetWindow, quarters_start_in_january_april_july_and_october) {
    expect_window(WindowKind::quarter, "2026-03-31T23:59:59Z", "2026-01-01T00:00:00Z",
                  "2026-04-01T00:00:00Z");
    expect_window(WindowKind::quarter, "2026-06-01T00:00:00Z", "2026-04-01T00:00:00Z",
                  "2026-07-01T00:00:00Z");
    expect_window(WindowKind::quarter, "2026-11-24T04:00:00Z", "2026-10-01T00:00:00Z",
                  "2027-01-01T00:00:00Z");
}

TEST(BudgetWindow, weeks_start_on_monday) {
    // 2026-11-23 is a Monday.
    expect_window(WindowKind::week, "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z",
                  "2026-11-23T00:00:00Z");
    expect_window(WindowKind::week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z",
                  "2026-11-30T00:00:00Z");
    expect_window(WindowKind::week, "2027-01-01T12:00:00Z", "2026-12-28T00:00:00Z",
                  "2027-01-04T00:00:00Z");
}

TEST(BudgetWindow, days_and_hours_start_on_the_full) {
    expect_window(WindowKind::day, "2026-11-24T23:59:59Z", "2026-11-24T00:00:00Z",
                  "2026-11-25T00:00:00Z");
    expect_window(WindowKind::hour, "2026-11-24T23:59:59Z", "2026-11-24T23:00:00Z",
                  "2026-11-25T00:00:00Z");
}

TEST(BudgetWindow, total_never_closes) {
    const WindowSpan window = window_at(WindowKind::total, at("2026-11-24T00:00:00Z"));
    EXPECT_EQ(window.start, 0);
    EXPECT_EQ(window.end, std::numeric_limits<std::int64_t>::max());
}

// I11: windows partition time.
TEST(BudgetWindow, windows_leave_no_gap_and_do_not_overlap_from_1970_to_2100) {
    const std::int64_t stop = at("2100-01-01T00:00:00Z").seconds();
    for (const WindowKind kind : kCalendar) {
        if (kind == WindowKind::hour) continue;
        for (WindowSpan window = window_at(kind, {}); window.start < stop;) {
            ASSERT_LT(window.start, window.end);
            ASSERT_EQ(window_at(kind, UnixTime::from_seconds(window.start)), window);
            ASSERT_EQ(window_at(kind, {window.end * 1'000'000'000 - 1}), window);
            const WindowSpan next = window_at(kind, UnixTime::from_seconds(window.end));
            ASSERT_EQ(next.start, window.end) << window_name(kind);
            window = next;
        }
    }
}

TEST(BudgetWindow, every_instant_lies_in_its_window_also_before_1970) {
    SeededRng rng{3};
    for (int i = 0; i < 20'000; ++i) {
        const UnixTime when{static_cast<std::int64_t>(rng.below(8'000'000'000'000'000'000)) -
                            4'000'000'000'000'000'000};
        for (const WindowKind kind : kCalendar) {
            const WindowSpan window = window_at(kind, when);
            ASSERT_LE(window.start * 1'000'000'000, when.ns);
            ASSERT_LT(when.ns, window.end * 1'000'000'000);
        }
    }
}

}  // namespace
}  // namespace weir::core
