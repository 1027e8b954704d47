#include "core/budget_outlook.h"

#include <gtest/gtest.h>
#include <limits>

namespace weir::core {
namespace {

constexpr std::int64_t kHour = 3'600;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kMidnight = 1'795'478'400;  // 2026-11-24
constexpr WindowSpan kMonth{1'793'491'200, 1'796'083'200};

UnixTime at(std::int64_t seconds) { return UnixTime::from_seconds(seconds); }

InstanceFigures figures(Int128 amount, Int128 settled, WindowSpan window = kMonth) {
    return {.budget_id = 1, .instance = {}, .window = window, .amount = amount, .settled = settled};
}

TEST(BudgetKind, SaysWhatReachingTheAmountDoes) {
    BudgetSpec spec;
    EXPECT_EQ(budget_kind(spec), "hard outside production");
    spec.by = Dimension::team;
    EXPECT_EQ(budget_kind(spec), "hard outside production");
    spec.by = Dimension::trajectory;
    EXPECT_EQ(budget_kind(spec), "hard");
    spec.blocking = Blocking::never;
    EXPECT_EQ(budget_kind(spec), "alert only");
    spec.by.reset();
    spec.blocking = Blocking::always;
    EXPECT_EQ(budget_kind(spec), "hard");
    spec.observe = true;
    EXPECT_EQ(budget_kind(spec), "observed only");
}

TEST(BurnSince, IsADayAgoOrTheWindowsStartAndAWholeHour) {
    EXPECT_EQ(burn_since(kMonth, at(kMidnight + 90)).seconds(), kMidnight - kDay);
    const WindowSpan day{kMidnight, kMidnight + kDay};
    EXPECT_EQ(burn_since(day, at(kMidnight + 3 * kHour)).seconds(), kMidnight);
    const WindowSpan total{0, std::numeric_limits<std::int64_t>::max()};
    EXPECT_EQ(burn_since(total, at(kMidnight + kHour - 1)).seconds(), kMidnight - kDay);
}

TEST(Outlook, HalfOfTheAmountInADayLastsAnotherDay) {
    const UnixTime now = at(kMidnight);
    const Outlook out = outlook_of(figures(100, 50), 50, at(kMidnight - kDay), now);
    EXPECT_EQ(out.per_day, 50);
    ASSERT_TRUE(out.reached_at);
    EXPECT_EQ(out.reached_at->seconds(), kMidnight + kDay);
}

TEST(Outlook, WhatIsReachedOnlyAfterTheWindowIsNotReached) {
    const Outlook out = outlook_of(figures(1'000, 50), 50, at(kMidnight - kDay), at(kMidnight));
    EXPECT_EQ(out.per_day, 50);
    EXPECT_FALSE(out.reached_at);  // in 19 days; 7 are left of the month
}

TEST(Outlook, NothingSpentLatelyIsNeverReachedAndASpentOneIsNow) {
    EXPECT_FALSE(outlook_of(figures(100, 50), 0, at(kMidnight - kDay), at(kMidnight)).reached_at);
    const Outlook spent = outlook_of(figures(100, 120), 0, at(kMidnight - kDay), at(kMidnight));
    EXPECT_EQ(spent.reached_at, at(kMidnight));
    // A correction took back more than was spent.
    EXPECT_EQ(outlook_of(figures(100, 50), -5, at(kMidnight - kDay), at(kMidnight)).per_day, 0);
}

TEST(Outlook, AWindowThatHasJustBegunIsReckonedByAMinute) {
    const WindowSpan hour{kMidnight, kMidnight + kHour};
    const Outlook out = outlook_of(figures(10, 1, hour), 1, at(kMidnight), at(kMidnight + 1));
    EXPECT_EQ(out.per_day, 24 * 60);
    ASSERT_TRUE(out.reached_at);
    EXPECT_EQ(out.reached_at->seconds(), kMidnight + 1 + 9 * 60);
}

TEST(Outlook, LargestAmountsDoNotOverflow) {
    const Int128 billion = Money::from_usd(1'000'000'000).pico();
    const WindowSpan total{0, std::numeric_limits<std::int64_t>::max()};
    const Outlook slow =
        outlook_of(figures(billion, 0, total), 1, at(kMidnight - kDay), at(kMidnight));
    EXPECT_FALSE(slow.reached_at);  // in more years than a time can tell
    const Outlook fast = outlook_of(figures(2 * billion, billion, total), billion,
                                    at(kMidnight - kDay), at(kMidnight));
    EXPECT_EQ(fast.per_day, billion);
    EXPECT_EQ(fast.reached_at, at(kMidnight + kDay));
}

}  // namespace
}  // namespace weir::core
