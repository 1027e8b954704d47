// Clamping and waiting in line (ledger.md §2, "Policy, exactly"; L11; product.md §3.4, §3.5).
#include <gtest/gtest.h>

#include "core/budget.h"

namespace weir::core {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'478'400);
constexpr std::int64_t kAmount = 20'000;
constexpr std::int64_t kInput = 100;
constexpr std::int64_t kAsked = 1'024;

class ClampTest : public ::testing::Test {
 protected:
    ClampTest() {
        who_.offer(Dimension::team, "research", Source::key);
        define(Clamp::tail);
    }
    void define(Clamp clamp) {
        BudgetSpec spec{.id = 1, .name = "tokens", .where = {}, .by = {}};
        spec.unit = BudgetUnit::tokens;
        spec.amount = kAmount;
        spec.clamp = clamp;
        budgets_.define({spec});
    }
    // Answers of 1 … 1000 tokens, evenly: 0.7 of them end by 700, 0.99 by 990, each to 1/32.
    void learn() {
        for (int i = 1; i <= 1'000; ++i) budgets_.lengths().ended("gpt", "", i, false);
    }
    Verdict ask(std::uint64_t ticket = 0, std::int64_t output = kAsked) {
        room_.asked = output;
        const ReserveRequest request{.attribution = &who_,
                                     .provider = "openai",
                                     .model = "gpt",
                                     .token_bound = kInput + output,
                                     .room = shortens_ ? &room_ : nullptr,
                                     .ticket = ticket,
                                     .now = kNow};
        Result<Verdict> verdict = budgets_.reserve(request);
        EXPECT_TRUE(verdict);
        EXPECT_TRUE(budgets_.books_balance());
        return verdict.value_or(Verdict{});
    }
    // What a call would be clamped to; it gives back what it held.
    std::optional<std::int64_t> clamped(std::int64_t output = kAsked) {
        const Verdict verdict = ask(0, output);
        EXPECT_EQ(verdict.kind, VerdictKind::admitted);
        if (verdict.kind == VerdictKind::admitted) budgets_.release(verdict.parts);
        return verdict.clamped_to;
    }
    // Leaves so much of the budget unspent, and nothing held.
    void leave(std::int64_t tokens) {
        budgets_.seed(1, "", window_at(WindowKind::month, kNow), kAmount - tokens, 0);
    }
    void settle(const Verdict& verdict, std::int64_t tokens) {
        budgets_.settle(verdict.parts, {.usd = {}, .tokens = tokens});
    }

    Budgets budgets_{{.instances_max = 64}};
    Attribution who_;
    OutputRoom room_;
    bool shortens_ = true;
};

TEST_F(ClampTest, ALastCallAloneGetsWhatIsLeftIfSevenOfTenNeedNoMore) {
    learn();
    leave(kInput + 800);
    const Verdict verdict = ask();
    EXPECT_EQ(verdict.kind, VerdictKind::admitted);
    EXPECT_EQ(verdict.clamped_to, 800);
    EXPECT_EQ(verdict.parts[0].held, kInput + 800);
}

TEST_F(ClampTest, WhatIsLessThanThatIsExhausted) {
    learn();
    leave(kInput + 690);
    const Verdict verdict = ask();
    EXPECT_EQ(verdict.kind, VerdictKind::exhausted);
    EXPECT_FALSE(verdict.clamped_to);
    EXPECT_TRUE(verdict.parts[0].refused);
    EXPECT_EQ(verdict.parts[0].held, kInput + kAsked) << "what it asked for, as it is told";
}

TEST_F(ClampTest, MoneyMerelyHeldIsWaitedForAndNeverClampedTo) {
    learn();
    leave(2 * (kInput + kAsked) - 1);
    ASSERT_EQ(ask().kind, VerdictKind::admitted);
    EXPECT_EQ(ask().kind, VerdictKind::busy);
}

TEST_F(ClampTest, BesideOthersOnlyWhatIsEnoughForNearlyAll) {
    learn();
    room_.least = 1;
    leave(2'000);
    const Verdict small = ask(0, 100);  // holds 200, so 1,800 are free
    ASSERT_EQ(small.kind, VerdictKind::admitted);
    settle(ask(0, 800), 900);  // 1,100 unspent, 900 of them free: the whole call does not fit
    EXPECT_EQ(ask().kind, VerdictKind::busy) << "800 are too few beside another";
    settle(small, 10);  // alone now, with 1,090: 990 for the answer
    EXPECT_EQ(clamped(), 990);
}

TEST_F(ClampTest, NothingLearnedMeansAQuarterOfAThousandAloneAndNothingBesideOthers) {
    leave(kInput + 256);
    EXPECT_EQ(clamped(), 256);
    leave(kInput + 255);
    EXPECT_EQ(ask().kind, VerdictKind::exhausted);
}

TEST_F(ClampTest, NeverBelowTheLeastThatIsOfUse) {
    learn();
    room_.least = 900;
    leave(kInput + 899);
    EXPECT_EQ(ask().kind, VerdictKind::exhausted);
    room_.least = 899;
    EXPECT_EQ(clamped(), 899);
}

TEST_F(ClampTest, ACallThatNeedsItsWholeOutputIsNotClamped) {
    learn();
    shortens_ = false;
    leave(kInput + kAsked - 1);
    EXPECT_EQ(ask().kind, VerdictKind::exhausted);
}

TEST_F(ClampTest, EachBudgetSaysHowFarItClamps) {
    learn();
    define(Clamp::off);
    leave(kInput + kAsked - 1);
    EXPECT_EQ(ask().kind, VerdictKind::exhausted);
    define(Clamp::rare);
    EXPECT_EQ(clamped(), kAsked - 1);
    leave(kInput + 20);
    EXPECT_EQ(ask().kind, VerdictKind::exhausted);
    define(Clamp::always);
    EXPECT_EQ(clamped(), 20);
}

TEST_F(ClampTest, AskingForMoreThanTheWholeBudgetIsTooLargeOnlyIfEvenLittleIs) {
    learn();
    EXPECT_EQ(clamped(50'000), kAmount - kInput);
    define(Clamp::off);
    EXPECT_EQ(ask(0, 50'000).kind, VerdictKind::too_large);
}

TEST_F(ClampTest, OfSeveralBudgetsTheTightestClampsAndAllHoldThatMuch) {
    learn();
    BudgetSpec tokens{.id = 1, .name = "tokens", .where = {}, .by = {}};
    tokens.unit = BudgetUnit::tokens;
    tokens.amount = kInput + 900;
    BudgetSpec usd{.id = 2, .name = "usd", .where = {}, .by = {}};
    usd.amount = 10'000 + 850 * 20 + 19;  // pico-USD: the input, 850 tokens and nearly one more
    BudgetSpec calls{.id = 3, .name = "calls", .where = {}, .by = {}};
    calls.unit = BudgetUnit::calls;
    calls.amount = 5;
    BudgetSpec alert{.id = 4, .name = "alert", .where = {}, .by = {}};
    alert.unit = BudgetUnit::tokens;
    alert.amount = 1;
    alert.blocking = Blocking::never;
    budgets_.define({tokens, usd, calls, alert});
    room_ = {.asked = kAsked,
             .usd_rate = Rate::from_femto(20'000),
             .usd_fixed = Money::from_pico(10'000)};
    const ReserveRequest request{.attribution = &who_,
                                 .model = "gpt",
                                 .usd_bound = Money::from_pico(10'000 + kAsked * 20),
                                 .token_bound = kInput + kAsked,
                                 .room = &room_,
                                 .now = kNow};
    const Verdict verdict = budgets_.reserve(request).value();
    EXPECT_EQ(verdict.kind, VerdictKind::admitted);
    EXPECT_EQ(verdict.clamped_to, 850);
    for (const HoldPart& part : verdict.parts) {
        const Int128 held[] = {0, kInput + 850, 10'000 + 850 * 20, 1, kInput + 850};
        EXPECT_EQ(part.held, held[part.budget_id]);
    }
}

// ---- in line ------------------------------------------------------------------------------------

TEST_F(ClampTest, WhoWaitsIsNotPassedByWhoComesLater) {
    leave(2'000);
    const Verdict holds = ask();  // 1,124
    ASSERT_EQ(ask(1).kind, VerdictKind::busy);
    EXPECT_TRUE(budgets_.is_next(1));
    EXPECT_EQ(ask(0, 100).kind, VerdictKind::busy) << "it would fit, but another waits";
    ASSERT_EQ(ask(2, 100).kind, VerdictKind::busy);
    EXPECT_FALSE(budgets_.is_next(2));
    settle(holds, 10);
    EXPECT_EQ(ask(2, 100).kind, VerdictKind::busy);
    EXPECT_EQ(ask(1).kind, VerdictKind::admitted);
    EXPECT_TRUE(budgets_.is_next(2));
    EXPECT_EQ(ask(2, 100).kind, VerdictKind::admitted);
    EXPECT_EQ(ask(0, 100).kind, VerdictKind::admitted) << "the line is gone";
}

TEST_F(ClampTest, WhoGivesUpLeavesTheLine) {
    leave(2'000);
    ASSERT_EQ(ask().kind, VerdictKind::admitted);
    ASSERT_EQ(ask(1).kind, VerdictKind::busy);
    ASSERT_EQ(ask(2).kind, VerdictKind::busy);
    budgets_.give_up(1);
    budgets_.give_up(1);
    EXPECT_TRUE(budgets_.is_next(2));
    budgets_.give_up(2);
    EXPECT_EQ(ask(0, 100).kind, VerdictKind::admitted);
}

TEST_F(ClampTest, WhoWaitsForNothingAnyMoreIsToldSo) {
    learn();
    leave(2'000);
    const Verdict holds = ask();
    ASSERT_EQ(ask(1).kind, VerdictKind::busy);
    settle(holds, 1'950);
    EXPECT_EQ(ask(1).kind, VerdictKind::exhausted);
    EXPECT_EQ(ask(0, 30).kind, VerdictKind::exhausted) << "no line is left, and 30 do not fit";
}

// Each wants what the other stands in line for: the order of tickets is one for all lines.
TEST_F(ClampTest, TwoThatWaitInDifferentLinesDoNotWaitForEachOther) {
    shortens_ = false;
    BudgetSpec team{.id = 1, .name = "team", .where = {{Dimension::team, {"research"}}}, .by = {}};
    team.unit = BudgetUnit::tokens;
    team.amount = 1'400;
    BudgetSpec all = team;
    all.amount = 1'500;
    all.id = 2;
    all.name = "all";
    all.where.clear();
    budgets_.define({team, all});
    Attribution sales;
    sales.offer(Dimension::team, "sales", Source::key);
    const ReserveRequest of_sales{
        .attribution = &sales, .model = "gpt", .token_bound = 500, .now = kNow};

    const Verdict first = ask(0, 600);
    const Verdict waits = ask(1, 900);
    ASSERT_EQ(waits.kind, VerdictKind::busy);
    const Verdict second = budgets_.reserve(of_sales).value();
    const Verdict waits_too = ask(2, 900);
    ASSERT_EQ(waits_too.kind, VerdictKind::busy);
    ASSERT_NE(waits.parts[*waits.telling].budget_id, waits_too.parts[*waits_too.telling].budget_id);
    settle(first, 0);
    budgets_.release(second.parts);
    EXPECT_EQ(ask(2, 900).kind, VerdictKind::busy);
    EXPECT_EQ(ask(1, 900).kind, VerdictKind::admitted);
}

}  // namespace
}  // namespace weir::core
