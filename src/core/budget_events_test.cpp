// Budgets of what happens (calls made again, tries at a provider), and budgets that are raised for
// a while (product.md §3.16; ledger.md W5, W11, W12).
#include <gtest/gtest.h>

#include "core/budget.h"

namespace weir::core {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'478'400);  // 2026-11-24T00:00:00Z
constexpr std::uint64_t kHello = 1;
constexpr std::uint64_t kOther = 2;

BudgetSpec budget(BudgetUnit unit, Int128 amount) {
    return {.id = 1, .name = "b", .by = Dimension::trajectory, .unit = unit, .amount = amount};
}

class BudgetEvents : public ::testing::Test {
 protected:
    BudgetEvents() {
        who_.offer(Dimension::team, "support", Source::key);
        who_.offer(Dimension::trajectory, "t1", Source::header);
    }
    void define(BudgetSpec spec) { budgets_.define({std::move(spec)}); }
    Verdict ask(std::uint64_t fingerprint, bool first_attempt = true) {
        Result<Verdict> verdict = budgets_.reserve({.attribution = &who_,
                                                    .usd_bound = Money::from_usd(1),
                                                    .first_attempt = first_attempt,
                                                    .fingerprint = fingerprint,
                                                    .now = now_});
        EXPECT_TRUE(verdict && budgets_.books_balance());
        return verdict ? *verdict : Verdict{};
    }
    // Asks, and ends at once.
    VerdictKind make(std::uint64_t fingerprint, bool delivered = true) {
        const Verdict verdict = ask(fingerprint);
        if (verdict.kind == VerdictKind::admitted) end(verdict, delivered);
        return verdict.kind;
    }
    void end(const Verdict& verdict, bool delivered = true) {
        budgets_.settle(verdict.parts, {.usd = Money::from_usd(1), .delivered = delivered});
        EXPECT_TRUE(budgets_.books_balance());
    }
    Int128 settled() { return budgets_.figures(now_).at(0).settled; }

    Budgets budgets_{{.instances_max = 64}};
    Attribution who_;
    UnixTime now_ = kNow;
};

TEST_F(BudgetEvents, ASpiralOfTheSameCallEndsAndOtherCallsGoOn) {
    define(budget(BudgetUnit::repeats, 2));
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    EXPECT_EQ(settled(), 2) << "the first is no repeat";
    EXPECT_EQ(make(kHello), VerdictKind::exhausted);
    EXPECT_EQ(make(kOther), VerdictKind::admitted);
    EXPECT_EQ(make(kOther), VerdictKind::exhausted);
}

TEST_F(BudgetEvents, ACycleOfTwoCallsIsASpiralToo) {
    define(budget(BudgetUnit::repeats, 2));
    for (const std::uint64_t call : {kHello, kOther, kHello, kOther}) {
        EXPECT_EQ(make(call), VerdictKind::admitted);
    }
    EXPECT_EQ(make(kHello), VerdictKind::exhausted);
}

TEST_F(BudgetEvents, AllButOneOfManyAtOnceAreRepeats) {
    define(budget(BudgetUnit::repeats, 2));
    const Verdict first = ask(kHello);
    const Verdict second = ask(kHello);
    const Verdict third = ask(kHello);
    EXPECT_EQ(third.kind, VerdictKind::admitted);
    EXPECT_EQ(ask(kHello).kind, VerdictKind::busy) << "those in flight may never have been sent";
    budgets_.release(third.parts);
    EXPECT_EQ(ask(kHello).kind, VerdictKind::admitted);
}

TEST_F(BudgetEvents, WhoGotNoAnswerMayTryAgain) {
    define(budget(BudgetUnit::repeats, 1));
    EXPECT_EQ(make(kHello, false), VerdictKind::admitted);
    EXPECT_EQ(make(kHello, false), VerdictKind::admitted);
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    EXPECT_EQ(settled(), 0);
}

TEST_F(BudgetEvents, ARetryOfWeirsOwnIsNoRepeat) {
    define(budget(BudgetUnit::repeats, 1));
    const Verdict first = ask(kHello);
    const Verdict again = ask(kHello, false);
    EXPECT_EQ(again.parts.at(0).held, 0);
    end(first);
    end(again);
    EXPECT_EQ(settled(), 0);
}

TEST_F(BudgetEvents, ATrajectoryRepeatsItselfAlone) {
    define(budget(BudgetUnit::repeats, 1));
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    who_.values[static_cast<std::size_t>(Dimension::trajectory)] = "t2";
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    for (const InstanceFigures& figures : budgets_.figures(now_)) EXPECT_EQ(figures.settled, 0);
}

TEST_F(BudgetEvents, CallsOfWhichNothingIsKnownRepeatNothing) {
    define(budget(BudgetUnit::repeats, 1));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(make(0), VerdictKind::admitted);
}

TEST_F(BudgetEvents, EveryTryAtAProviderIsAnAttempt) {
    define(budget(BudgetUnit::attempts, 2));
    end(ask(kHello));
    end(ask(kHello, false));
    EXPECT_EQ(settled(), 2);
    EXPECT_EQ(ask(kOther).kind, VerdictKind::exhausted);
}

TEST_F(BudgetEvents, LessOutputSavesNoEvent) {
    define(budget(BudgetUnit::attempts, 1));
    end(ask(kHello));
    const OutputRoom room{.asked = 1'000, .least = 1};
    Result<Verdict> verdict = budgets_.reserve(
        {.attribution = &who_, .usd_bound = Money::from_usd(1), .room = &room, .now = now_});
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->kind, VerdictKind::exhausted);
}

TEST_F(BudgetEvents, ARaiseMakesRoomUntilItIsOver) {
    BudgetSpec spec = budget(BudgetUnit::usd, Money::from_usd(2).pico());
    define(spec);
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    EXPECT_EQ(make(kHello), VerdictKind::exhausted);
    spec.raises = {{.by = Money::from_usd(3).pico(), .until = kNow + std::chrono::hours{1}}};
    define(spec);
    EXPECT_EQ(budgets_.figures(now_).at(0).amount, Money::from_usd(5).pico());
    EXPECT_EQ(make(kHello), VerdictKind::admitted);
    now_ = kNow + std::chrono::hours{1};
    EXPECT_EQ(make(kHello), VerdictKind::exhausted) << "it has ended by itself";
    EXPECT_EQ(budgets_.figures(now_).at(0).amount, Money::from_usd(2).pico());
    EXPECT_EQ(settled(), Money::from_usd(3).pico()) << "and refunds nothing";
}

TEST_F(BudgetEvents, ARaiseMayBeOfOneInstanceAndComesOnTopOfItsOwnAmount) {
    BudgetSpec spec = budget(BudgetUnit::calls, 10);
    spec.except = {{"support/t1", 20}};
    spec.raises = {{.instance = "support/t1", .by = 5, .until = kNow + Duration{1}},
                   {.instance = "", .by = 1, .until = kNow + Duration{1}}};
    EXPECT_EQ(amount_for(spec, "support/t1", kNow), 26);
    EXPECT_EQ(amount_for(spec, "support/t2", kNow), 11);
    EXPECT_EQ(amount_for(spec, "support/t1", kNow + Duration{1}), 20);
}

}  // namespace
}  // namespace weir::core
