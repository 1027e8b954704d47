#include "core/budget_replay.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "base/random.h"

namespace weir::core {
namespace {

constexpr std::int64_t kMidnight = 1'795'478'400;  // 2026-11-24

UnixTime at(std::int64_t seconds) { return UnixTime::from_seconds(kMidnight + seconds); }
Money usd(std::int64_t dollars) { return Money::from_usd(dollars); }

BudgetSpec pot(std::int64_t dollars, WindowKind window = WindowKind::day) {
    return {.id = 1, .name = "pot", .amount = usd(dollars).pico(), .window = window};
}

// Holds $2 for a second, and costs $1.
PastAttempt call(std::uint64_t seq, std::int64_t second, std::int64_t lasts = 1) {
    PastAttempt out;
    out.id = {{1, 0, seq}, 1};
    out.admitted_at = at(second);
    out.ended_at = at(second + lasts);
    out.attribution.values[static_cast<std::size_t>(Dimension::team)] = "research";
    out.model = "m";
    out.bound = usd(2);
    out.token_bound = 20;
    out.cost = usd(1);
    out.charge = {.usd = usd(1), .tokens = 10};
    return out;
}

void of_trajectory(PastAttempt& attempt, const std::string& name) {
    attempt.attribution.values[static_cast<std::size_t>(Dimension::trajectory)] = name;
}

ReplayReport replay(std::vector<BudgetSpec> specs, const std::vector<PastAttempt>& past,
                    UnixTime from = at(0)) {
    BudgetReplay replaying{std::move(specs), from};
    for (const PastAttempt& attempt : past) EXPECT_TRUE(replaying.add(attempt));
    return replaying.finish().value();
}

std::vector<PastAttempt> calls(std::int64_t count, std::int64_t first_second = 0) {
    std::vector<PastAttempt> out;
    for (std::int64_t i = 0; i < count; ++i) {
        out.push_back(
            call(static_cast<std::uint64_t>(first_second * 1'000 + i + 1), first_second + i * 10));
    }
    return out;
}

TEST(BudgetReplay, SaysWhatWouldHaveBeenRefusedWhenAndWhatItCost) {
    const ReplayReport report = replay({pot(5)}, calls(10));
    EXPECT_EQ(report.seen.calls, 10);
    EXPECT_EQ(report.seen.cost, usd(10));
    // $4 are spent when the fifth asks for $2.
    EXPECT_EQ(report.refused.calls, 6);
    EXPECT_EQ(report.refused.cost, usd(6));
    ASSERT_EQ(report.instances.size(), 1u);
    const ReplayInstance& instance = report.instances[0];
    EXPECT_EQ(instance.refused_at, at(40));
    EXPECT_EQ(instance.alerted_at, at(31)) << "80 % of $5 when the fourth had ended";
    EXPECT_FALSE(instance.reached_at);
    EXPECT_EQ(instance.by_team.at("research").calls, 6);
}

TEST(BudgetReplay, HoldsOverlapAsTheyDidAndWhoWaitsForThemGoesOn) {
    // Three at once ask for $2 each of $5; then two fit.
    std::vector<PastAttempt> past{call(1, 0, 100), call(2, 1, 100), call(3, 2, 100)};
    const ReplayReport report = replay({pot(5)}, past);
    EXPECT_EQ(report.waited, 1);
    EXPECT_EQ(report.refused.calls, 0);
    // Who waits longer than clients do is refused.
    past[0].ended_at = past[1].ended_at = at(5'000);
    const ReplayReport late = replay({pot(5)}, past);
    EXPECT_EQ(late.waited, 0);
    EXPECT_EQ(late.refused.calls, 1);
    // Behind what never ended, too.
    past[0].ended_at = past[1].ended_at = std::nullopt;
    EXPECT_EQ(replay({pot(5)}, past).refused.calls, 1);
}

TEST(BudgetReplay, SpendFromBeforeCountsWhereItsWindowWasStillOpen) {
    std::vector<PastAttempt> past = calls(3);  // this morning
    const std::vector<PastAttempt> noon = calls(3, 43'200);
    past.insert(past.end(), noon.begin(), noon.end());
    const ReplayReport all_day = replay({pot(5)}, past, at(43'200));
    EXPECT_EQ(all_day.seen.calls, 3);
    EXPECT_EQ(all_day.refused.calls, 2);
    EXPECT_EQ(replay({pot(5, WindowKind::hour)}, past, at(43'200)).refused.calls, 0);
    EXPECT_EQ(BudgetReplay({pot(5)}, at(43'200)).needs_from(), at(0));
    EXPECT_EQ(BudgetReplay({pot(5, WindowKind::total)}, at(43'200)).needs_from().ns, 0);
}

TEST(BudgetReplay, WhatCameAfterARefusalInItsTrajectoryIsToldApart) {
    std::vector<PastAttempt> past = calls(4);
    of_trajectory(past[1], "t-1");
    past[1].bound = usd(9);  // does not fit at all
    of_trajectory(past[2], "t-1");
    of_trajectory(past[3], "t-2");
    const ReplayReport report = replay({pot(8)}, past);
    EXPECT_EQ(report.refused.calls, 1);
    EXPECT_EQ(report.after.calls, 1);
    EXPECT_EQ(report.after.cost, usd(1));
    EXPECT_EQ(report.instances[0].after.calls, 1);
}

TEST(BudgetReplay, FurtherTriesOfARefusedCallAreNotMade) {
    std::vector<PastAttempt> past = calls(3);
    past[1].bound = usd(9);
    past[2].id = {past[1].id.call, 2};
    past[2].counts_call = false;
    const ReplayReport report = replay({pot(8)}, past);
    EXPECT_EQ(report.refused.calls, 1);
    EXPECT_EQ(report.refused.cost, usd(2)) << "both tries are saved";
}

TEST(BudgetReplay, ProductionIsToldThatItReachedTheAmountAndNotRefused) {
    std::vector<PastAttempt> past = calls(10);
    for (PastAttempt& attempt : past) attempt.environment_is_lenient = true;
    const ReplayReport report = replay({pot(5)}, past);
    EXPECT_EQ(report.refused.calls, 0);
    EXPECT_EQ(report.instances[0].reached_at, at(41));
}

TEST(BudgetReplay, WhatWasRefusedThenAndFitsNowIsCountedAndSpendsNothing) {
    std::vector<PastAttempt> past = calls(5);
    past[1].refused = past[2].refused = true;
    past[1].cost = past[2].cost = {};
    past[2].bound = usd(50);
    const ReplayReport report = replay({pot(5)}, past);
    EXPECT_EQ(report.passing_calls, 1);
    EXPECT_EQ(report.passing_bound, usd(2));
    EXPECT_EQ(report.seen.calls, 3);
    EXPECT_EQ(report.refused.calls, 0);
}

TEST(BudgetReplay, RaisesOfTodayAreNotThoseOfThen) {
    BudgetSpec raised = pot(5);
    raised.raises = {{.by = usd(100).pico(), .until = at(1'000'000)}};
    EXPECT_EQ(replay({raised}, calls(10)).refused.calls, 6);
}

TEST(BudgetReplay, EachWindowBeginsAnew) {
    std::vector<PastAttempt> past = calls(5);
    const std::vector<PastAttempt> tomorrow = calls(5, 86'400);
    past.insert(past.end(), tomorrow.begin(), tomorrow.end());
    EXPECT_EQ(replay({pot(5)}, past).refused.calls, 2);
}

TEST(BudgetReplay, KeepsSoManyInstancesAndNoMore) {
    BudgetSpec each = pot(5);
    each.by = Dimension::trajectory;
    BudgetReplay replaying{{each}, at(0), {.instances_max = 3}};
    Result<> done;
    for (std::uint64_t i = 0; i < 6 && done; ++i) {
        PastAttempt attempt = call(i + 1, static_cast<std::int64_t>(i) * 10);
        of_trajectory(attempt, std::to_string(i));
        done = replaying.add(attempt);
    }
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::invalid_parameter);
}

// What these very budgets had let pass they let pass again; and under smaller ones no window holds
// more than its amount.
TEST(BudgetReplay, TheSameBudgetsDecideAsTheyDidAndSmallerOnesHold) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SeededRng rng{seed};
        Budgets live;
        live.define({pot(40)});
        std::vector<PastAttempt> past;
        struct Open {
            PastAttempt attempt;
            std::vector<HoldPart> parts;
        };
        std::vector<Open> open;
        for (std::uint64_t i = 0; i < 300; ++i) {
            PastAttempt attempt = call(i + 1, static_cast<std::int64_t>(i));
            attempt.bound = usd(1 + static_cast<std::int64_t>(rng.next() % 8));
            attempt.cost = attempt.charge.usd =
                Money::from_pico(attempt.bound.pico() / static_cast<int>(1 + rng.next() % 30));
            attempt.ended_at = at(static_cast<std::int64_t>(i + 1 + rng.next() % 20));
            std::ranges::sort(open, {}, [](const Open& o) { return *o.attempt.ended_at; });
            while (!open.empty() && *open.front().attempt.ended_at <= attempt.admitted_at) {
                live.settle(open.front().parts, open.front().attempt.charge);
                open.erase(open.begin());
            }
            const Verdict verdict = live.reserve({.attribution = &attempt.attribution,
                                                  .model = attempt.model,
                                                  .usd_bound = attempt.bound,
                                                  .now = attempt.admitted_at})
                                        .value();
            if (verdict.kind != VerdictKind::admitted) continue;
            open.push_back({attempt, verdict.parts});
            past.push_back(attempt);
        }
        const ReplayReport same = replay({pot(40)}, past);
        EXPECT_EQ(same.refused.calls, 0) << seed;
        EXPECT_EQ(same.waited, 0) << seed;
        const ReplayReport half = replay({pot(20)}, past);
        EXPECT_LE(half.seen.cost - half.refused.cost, usd(20)) << seed;
        EXPECT_GT(half.refused.calls, 0) << seed;
    }
}

}  // namespace
}  // namespace weir::core
