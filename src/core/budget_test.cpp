#include "core/budget.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

constexpr std::int64_t kDay = 86'400;
// 2026-11-24T00:00:00Z
constexpr UnixTime kNow = UnixTime::from_seconds(1'795'478'400);

UnixTime later(std::int64_t seconds) { return kNow + std::chrono::seconds{seconds}; }

BudgetSpec usd_budget(std::uint64_t id, std::int64_t usd, WindowKind window = WindowKind::month) {
    return {.id = id,
            .name = "b" + std::to_string(id),
            .where = {},
            .by = {},
            .amount = Money::from_usd(usd).pico(),
            .window = window};
}

Attribution whose(std::string_view team, std::string_view trajectory = {}) {
    Attribution out;
    out.offer(Dimension::team, team, Source::key);
    if (!trajectory.empty()) out.offer(Dimension::trajectory, trajectory, Source::header);
    return out;
}

class BudgetsTest : public ::testing::Test {
 protected:
    void define(std::vector<BudgetSpec> specs) { budgets_.define(std::move(specs)); }
    Verdict ask(const Attribution& who, std::int64_t usd, UnixTime now = kNow) {
        request_.attribution = &who;
        request_.usd_bound = Money::from_usd(usd);
        request_.now = now;
        Result<Verdict> verdict = budgets_.reserve(request_);
        EXPECT_TRUE(verdict);
        EXPECT_TRUE(budgets_.books_balance());
        return verdict ? *verdict : Verdict{};
    }
    VerdictKind kind(std::int64_t usd, UnixTime now = kNow) { return ask(team_, usd, now).kind; }
    void settle(const Verdict& verdict, std::int64_t usd, std::int64_t tokens = 0) {
        budgets_.settle(verdict.parts, {.usd = Money::from_usd(usd), .tokens = tokens});
        EXPECT_TRUE(budgets_.books_balance());
    }
    InstanceFigures only(UnixTime now = kNow) {
        const std::vector<InstanceFigures> all = budgets_.figures(now);
        EXPECT_EQ(all.size(), 1u);
        return all.empty() ? InstanceFigures{} : all.front();
    }
    static Int128 usd(std::int64_t n) { return Money::from_usd(n).pico(); }

    Budgets budgets_{{.instances_max = 64}};
    Attribution team_ = whose("research");
    ReserveRequest request_{.attribution = nullptr,
                            .provider = "openai",
                            .model = "gpt-6-luna",
                            .usd_bound = {},
                            .now = {}};
};

TEST_F(BudgetsTest, held_money_is_not_spent_money_busy_then_free_again) {
    define({usd_budget(1, 10)});
    const Verdict first = ask(team_, 6);
    const Verdict refused = ask(team_, 6);
    EXPECT_EQ(refused.kind, VerdictKind::busy);
    ASSERT_TRUE(refused.telling);
    EXPECT_EQ(refused.parts[*refused.telling].others_held, usd(6));
    EXPECT_TRUE(refused.parts[*refused.telling].refused);
    settle(first, 1);
    EXPECT_EQ(kind(6), VerdictKind::admitted);
}

TEST_F(BudgetsTest, money_that_is_gone_is_exhausted_whatever_is_held) {
    define({usd_budget(1, 10)});
    settle(ask(team_, 8), 8);
    EXPECT_EQ(kind(3), VerdictKind::exhausted);
    EXPECT_EQ(kind(2), VerdictKind::admitted);
    EXPECT_EQ(kind(2), VerdictKind::busy);
    EXPECT_EQ(kind(3), VerdictKind::exhausted);
}

TEST_F(BudgetsTest, a_call_bigger_than_the_budget_is_too_large_spent_or_not) {
    define({usd_budget(1, 10)});
    EXPECT_EQ(kind(11), VerdictKind::too_large);
    settle(ask(team_, 10), 10);
    EXPECT_EQ(kind(11), VerdictKind::too_large);
    EXPECT_EQ(kind(10), VerdictKind::exhausted);
}

TEST_F(BudgetsTest, an_instance_may_have_an_amount_of_its_own) {
    BudgetSpec spec = usd_budget(1, 10);
    spec.by = Dimension::team;
    spec.except = {{"research", usd(20)}, {"sales", usd(1)}};
    define({spec});
    EXPECT_EQ(kind(15), VerdictKind::admitted);
    EXPECT_EQ(only().amount, usd(20));
    const Attribution sales = whose("sales");
    const Attribution beta = whose("beta");
    EXPECT_EQ(ask(sales, 2).kind, VerdictKind::too_large);
    EXPECT_EQ(ask(beta, 10).kind, VerdictKind::admitted);
    EXPECT_EQ(ask(beta, 1).kind, VerdictKind::busy);
    spec.except.clear();  // taken back while money is held
    define({spec});
    EXPECT_EQ(kind(1), VerdictKind::busy);
}

// I9
TEST_F(BudgetsTest, a_refused_call_holds_nothing_in_any_budget) {
    BudgetSpec by_team = usd_budget(2, 2);
    by_team.by = Dimension::team;
    define({usd_budget(1, 100), by_team});
    EXPECT_EQ(kind(3), VerdictKind::too_large);
    const std::vector<InstanceFigures> figures = budgets_.figures(kNow);
    ASSERT_EQ(figures.size(), 1u) << "the refused call opened no instance";
    EXPECT_EQ(figures[0].held, 0);
}

TEST_F(BudgetsTest, the_least_hopeful_of_all_budgets_is_told) {
    BudgetSpec spent = usd_budget(2, 10);
    spent.where = {{Dimension::team, {"research"}}};
    define({usd_budget(1, 20), spent});
    const Attribution other = whose("sales");
    const Verdict holds = ask(other, 15);
    settle(ask(team_, 5), 5);
    const Verdict refused = ask(team_, 6);
    EXPECT_EQ(refused.kind, VerdictKind::exhausted);
    ASSERT_TRUE(refused.telling);
    EXPECT_EQ(refused.parts[*refused.telling].budget_id, 2u);
    EXPECT_TRUE(refused.parts[0].refused) << "budget 1 is busy";
    budgets_.release(holds.parts);
}

TEST_F(BudgetsTest, an_admitted_call_is_told_the_tightest_blocking_budget) {
    BudgetSpec alert_only = usd_budget(2, 6);
    alert_only.blocking = Blocking::never;
    define({usd_budget(1, 100), alert_only, usd_budget(3, 10)});
    const Verdict verdict = ask(team_, 5);
    ASSERT_TRUE(verdict.telling);
    EXPECT_EQ(verdict.parts[*verdict.telling].budget_id, 3u);
}

TEST_F(BudgetsTest, an_unknown_call_keeps_its_bound) {
    define({usd_budget(1, 10)});
    settle(ask(team_, 6), 6);
    EXPECT_EQ(only().settled, usd(6));
    EXPECT_EQ(only().overrun, 0);
}

// L9
TEST_F(BudgetsTest, a_charge_above_the_hold_is_a_named_overrun) {
    define({usd_budget(1, 10)});
    settle(ask(team_, 6), 11);
    EXPECT_EQ(only().settled, usd(11));
    EXPECT_EQ(only().overrun, usd(5));
    EXPECT_EQ(kind(1), VerdictKind::exhausted);
}

TEST_F(BudgetsTest, a_released_call_leaves_no_trace) {
    define({usd_budget(1, 10)});
    budgets_.release(ask(team_, 6).parts);
    EXPECT_EQ(only().settled, 0);
    EXPECT_EQ(only().held, 0);
}

TEST_F(BudgetsTest, a_late_proof_gives_back_what_was_kept) {
    define({usd_budget(1, 10)});
    const Verdict verdict = ask(team_, 9);
    settle(verdict, 9);
    budgets_.correct(1, "", verdict.parts[0].window, -usd(8));
    EXPECT_EQ(only().settled, usd(1));
    EXPECT_EQ(kind(9), VerdictKind::admitted);
}

TEST_F(BudgetsTest, tokens_are_held_and_settled_in_tokens) {
    BudgetSpec tokens = usd_budget(1, 0);
    tokens.unit = BudgetUnit::tokens;
    tokens.amount = 1000;
    define({tokens});
    request_.token_bound = 900;
    const Verdict verdict = ask(team_, 500);
    EXPECT_EQ(verdict.parts[0].held, 900);
    EXPECT_EQ(ask(team_, 0).kind, VerdictKind::busy);
    settle(verdict, 500, 100);
    EXPECT_EQ(only().settled, 100);
}

// W12
TEST_F(BudgetsTest, a_call_counts_once_whatever_its_attempts) {
    BudgetSpec calls = usd_budget(1, 0);
    calls.unit = BudgetUnit::calls;
    calls.amount = 1;
    define({calls});
    const Verdict first = ask(team_, 5);
    request_.first_attempt = false;
    const Verdict second = ask(team_, 5);
    EXPECT_EQ(second.kind, VerdictKind::admitted) << "a further attempt of an admitted call";
    settle(first, 5);
    settle(second, 5);
    EXPECT_EQ(only().settled, 1);
    request_.first_attempt = true;
    EXPECT_EQ(kind(5), VerdictKind::exhausted);
}

TEST_F(BudgetsTest, a_call_that_was_never_dispatched_does_not_count) {
    BudgetSpec calls = usd_budget(1, 0);
    calls.unit = BudgetUnit::calls;
    calls.amount = 1;
    define({calls});
    budgets_.release(ask(team_, 5).parts);
    EXPECT_EQ(kind(5), VerdictKind::admitted);
}

TEST_F(BudgetsTest, production_is_counted_but_not_held_back) {
    define({usd_budget(1, 10)});
    request_.environment_is_lenient = true;
    settle(ask(team_, 15), 15);
    EXPECT_EQ(only().settled, usd(15));
    request_.environment_is_lenient = false;
    EXPECT_EQ(kind(1), VerdictKind::exhausted) << "staging meets what production spent";
}

TEST_F(BudgetsTest, a_budget_that_always_blocks_blocks_production_too) {
    BudgetSpec spec = usd_budget(1, 10);
    spec.blocking = Blocking::always;
    define({spec});
    request_.environment_is_lenient = true;
    EXPECT_EQ(kind(11), VerdictKind::too_large);
}

TEST_F(BudgetsTest, a_spiral_in_production_is_still_a_spiral) {
    BudgetSpec ticket = usd_budget(1, 2);
    ticket.by = Dimension::trajectory;
    define({ticket});
    request_.environment_is_lenient = true;
    EXPECT_EQ(kind(3), VerdictKind::too_large);
    ticket.blocking = Blocking::never;
    define({ticket});
    EXPECT_EQ(kind(3), VerdictKind::admitted);
}

// W9
TEST_F(BudgetsTest, turning_an_observed_budget_on_starts_from_what_was_really_spent) {
    BudgetSpec spec = usd_budget(1, 10);
    spec.observe = true;
    define({spec});
    const Verdict open = ask(team_, 3);
    settle(ask(team_, 9), 9);
    EXPECT_FALSE(open.parts[0].blocks);
    spec.observe = false;
    define({spec});
    EXPECT_EQ(kind(1), VerdictKind::busy);
    settle(open, 1);
    EXPECT_EQ(kind(1), VerdictKind::exhausted);
}

TEST_F(BudgetsTest, a_guessed_trajectory_of_another_team_joins_nothing) {
    BudgetSpec ticket = usd_budget(1, 2);
    ticket.by = Dimension::trajectory;
    define({ticket});
    settle(ask(whose("research", "t-1"), 2), 2);
    EXPECT_EQ(ask(whose("sales", "t-1"), 2).kind, VerdictKind::admitted);
    EXPECT_EQ(ask(whose("research", "t-1"), 1).kind, VerdictKind::exhausted);
}

// §0.6
TEST_F(BudgetsTest, calls_without_a_value_share_one_instance) {
    BudgetSpec spec = usd_budget(1, 2);
    spec.by = Dimension::customer;
    define({spec});
    settle(ask(team_, 2), 2);
    EXPECT_EQ(only().instance, "(none)");
    EXPECT_EQ(kind(1), VerdictKind::exhausted);
}

TEST_F(BudgetsTest, conditions_match_values_globs_and_missing_ones) {
    BudgetSpec spec = usd_budget(1, 10);
    spec.where = {{Dimension::team, {"research", "lab-*"}},
                  {Dimension::application, {"(none)"}},
                  {Dimension::model, {"gpt-6-*"}}};
    define({spec});
    EXPECT_EQ(ask(team_, 1).parts.size(), 1u);
    EXPECT_EQ(ask(whose("lab-2"), 1).parts.size(), 1u);
    EXPECT_EQ(ask(whose("sales"), 1).parts.size(), 0u);
    Attribution named = whose("research");
    named.offer(Dimension::application, "support", Source::header);
    EXPECT_EQ(ask(named, 1).parts.size(), 0u);
    request_.model = "claude-haiku-4-5";
    EXPECT_EQ(ask(team_, 1).parts.size(), 0u);
}

TEST_F(BudgetsTest, budgets_of_other_teams_are_neither_asked_nor_charged) {
    std::vector<BudgetSpec> specs;
    for (std::uint64_t id = 1; id <= 5; ++id) {
        specs.push_back(usd_budget(id, 10));
        specs.back().where = {{Dimension::team, {"team-" + std::to_string(id)}}};
    }
    specs[4].where[0].any_of = {"team-5", "(none)"};
    define(specs);
    const Verdict verdict = ask(whose("team-3"), 1);
    ASSERT_EQ(verdict.parts.size(), 1u);
    EXPECT_EQ(verdict.parts[0].budget_id, 3u);
    const Verdict nobody = ask(Attribution{}, 1);
    ASSERT_EQ(nobody.parts.size(), 1u);
    EXPECT_EQ(nobody.parts[0].budget_id, 5u);
}

TEST_F(BudgetsTest, a_new_window_brings_the_whole_amount_and_old_holds_end_in_theirs) {
    define({usd_budget(1, 10, WindowKind::day)});
    const Verdict yesterday = ask(team_, 8, later(kDay - 1));
    EXPECT_EQ(ask(team_, 10, later(kDay)).kind, VerdictKind::admitted);
    settle(yesterday, 9);
    const std::vector<InstanceFigures> today = budgets_.figures(later(kDay));
    ASSERT_EQ(today.size(), 1u);
    EXPECT_EQ(today[0].held, usd(10));
    EXPECT_EQ(today[0].settled, 0) << "yesterday's call is not charged to today";
}

TEST_F(BudgetsTest, a_closed_window_is_shown_while_it_has_holds) {
    define({usd_budget(1, 10, WindowKind::day)});
    const Verdict yesterday = ask(team_, 8, later(kDay - 1));
    ask(team_, 1, later(kDay));
    EXPECT_EQ(budgets_.figures(later(kDay)).size(), 2u);
    settle(yesterday, 8);
    EXPECT_EQ(budgets_.figures(later(kDay)).size(), 1u);
}

// W1
TEST_F(BudgetsTest, a_clock_that_steps_back_opens_no_second_window) {
    define({usd_budget(1, 10, WindowKind::day)});
    settle(ask(team_, 8, later(kDay)), 8);
    EXPECT_EQ(kind(5, later(0)), VerdictKind::exhausted);
    EXPECT_EQ(kind(5, later(-40 * kDay)), VerdictKind::exhausted);
}

// W6: the rules of a zone can change under an open window; it stays what it was, and no instant
// belongs to two. kNow is a midnight in UTC.
TEST_F(BudgetsTest, an_open_window_outlives_a_change_of_its_zones_rules) {
    BudgetSpec daily = usd_budget(1, 10, WindowKind::day);
    define({daily});
    settle(ask(team_, 8), 8);
    // An hour behind UTC: midnight comes later than it was going to.
    daily.zone = std::make_shared<Zone>("Anywhere", -3'600, std::vector<Zone::Shift>{});
    define({daily});
    EXPECT_EQ(kind(5, later(kDay - 1)), VerdictKind::exhausted);
    const Verdict next = ask(team_, 5, later(kDay));
    ASSERT_EQ(next.kind, VerdictKind::admitted);
    EXPECT_EQ(next.parts[0].window.start, later(kDay).seconds());
    EXPECT_EQ(next.parts[0].window.end, later(kDay + 3'600).seconds());
    EXPECT_EQ(ask(team_, 10, later(kDay + 3'600)).kind, VerdictKind::admitted);
}

TEST_F(BudgetsTest, a_refused_call_does_not_move_the_window) {
    define({usd_budget(1, 10, WindowKind::day)});
    settle(ask(team_, 8), 8);
    EXPECT_EQ(kind(11, later(40 * kDay)), VerdictKind::too_large);
    EXPECT_EQ(kind(5), VerdictKind::exhausted);
}

// W4
TEST_F(BudgetsTest, a_new_budget_binds_only_calls_admitted_after_it) {
    define({usd_budget(1, 10)});
    const Verdict before = ask(team_, 5);
    define({usd_budget(1, 10), usd_budget(2, 10)});
    settle(before, 5);
    const std::vector<InstanceFigures> figures = budgets_.figures(kNow);
    ASSERT_EQ(figures.size(), 2u);
    EXPECT_EQ(figures[0].settled, usd(5));
    EXPECT_EQ(figures[1].settled, 0);
    EXPECT_EQ(figures[1].held, 0);
}

// W3
TEST_F(BudgetsTest, a_budget_removed_and_made_again_keeps_its_balance_and_holds) {
    define({usd_budget(1, 10)});
    settle(ask(team_, 4), 4);
    const Verdict open = ask(team_, 3);
    define({});
    EXPECT_EQ(ask(team_, 1000).kind, VerdictKind::admitted) << "nothing binds meanwhile";
    define({usd_budget(1, 10)});
    EXPECT_EQ(only().settled, usd(4));
    EXPECT_EQ(only().held, usd(3));
    settle(open, 2);
    EXPECT_EQ(only().settled, usd(6));
}

TEST_F(BudgetsTest, a_table_full_of_closed_windows_makes_room) {
    BudgetSpec hour = usd_budget(1, 10, WindowKind::hour);
    hour.by = Dimension::team;
    define({hour});
    for (int i = 0; i < 64; ++i) settle(ask(whose("t" + std::to_string(i)), 1), 1);
    const Verdict open = ask(whose("t0"), 1);
    request_.attribution = &team_;
    EXPECT_FALSE(budgets_.reserve(request_)) << "none has room to spare";
    EXPECT_EQ(ask(team_, 1, later(3'600)).kind, VerdictKind::admitted);
    settle(open, 1);  // in its own hour, whose place is still its own
}

// W2
TEST_F(BudgetsTest, a_balance_that_found_no_room_is_no_fresh_cap_later) {
    BudgetSpec hour = usd_budget(1, 10, WindowKind::hour);
    hour.by = Dimension::team;
    BudgetSpec each = usd_budget(2, 10);
    each.by = Dimension::team;
    define({hour});
    for (int i = 0; i < 64; ++i) settle(ask(whose("t" + std::to_string(i)), 1), 1);
    define({hour, each});
    const WindowSpan month = window_at(WindowKind::month, kNow);
    budgets_.seed(2, "t0", month, usd(10), 0);
    request_.now = later(3'600);  // the hour is over: there is room again
    const Attribution spender = whose("t0");
    request_.attribution = &spender;
    request_.usd_bound = Money::from_usd(1);
    const Result<Verdict> verdict = budgets_.reserve(request_);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code(), ErrorCode::too_many_trajectories);
    EXPECT_EQ(ask(spender, 1, later(8 * kDay)).kind, VerdictKind::admitted) << "the next month";
}

// I7: what was proven meanwhile is known when it comes back.
TEST_F(BudgetsTest, a_budget_that_is_away_is_corrected_all_the_same) {
    define({usd_budget(1, 10)});
    const Verdict verdict = ask(team_, 8);
    settle(verdict, 8);
    define({});
    budgets_.correct(1, "", verdict.parts[0].window, -usd(5));
    define({usd_budget(1, 10)});
    EXPECT_EQ(only().settled, usd(3));
    EXPECT_EQ(kind(7), VerdictKind::admitted);
}

TEST_F(BudgetsTest, nothing_is_kept_for_a_budget_that_never_was) {
    define({usd_budget(1, 10)});
    const WindowSpan month = only().window;
    budgets_.correct(2, "", month, usd(5));
    define({usd_budget(2, 10)});
    EXPECT_EQ(only().settled, 0);
}

// W5
TEST_F(BudgetsTest, lowering_refunds_nothing_and_raising_makes_room) {
    define({usd_budget(1, 10)});
    settle(ask(team_, 6), 6);
    define({usd_budget(1, 5)});
    EXPECT_EQ(kind(1), VerdictKind::exhausted);
    EXPECT_EQ(only().settled, usd(6));
    define({usd_budget(1, 8)});
    EXPECT_EQ(kind(2), VerdictKind::admitted);
}

TEST_F(BudgetsTest, a_budget_that_counts_another_way_starts_empty_and_old_holds_still_end) {
    define({usd_budget(1, 10)});
    const Verdict open = ask(team_, 3);
    BudgetSpec changed = usd_budget(1, 10);
    changed.by = Dimension::team;
    define({changed});
    EXPECT_EQ(kind(10), VerdictKind::admitted);
    settle(open, 3);
    EXPECT_EQ(only().settled, 0);
    budgets_.seed(1, "research", only().window, usd(3), 0, usd(3));
    EXPECT_EQ(only().settled, usd(3));
}

TEST_F(BudgetsTest, start_up_goes_on_from_what_the_ledger_knows) {
    define({usd_budget(1, 10)});
    budgets_.seed(1, "", window_at(WindowKind::month, kNow), usd(9), usd(1));
    EXPECT_EQ(only().settled, usd(9));
    EXPECT_EQ(only().overrun, usd(1));
    EXPECT_EQ(kind(2), VerdictKind::exhausted);
    budgets_.seed(99, "", window_at(WindowKind::month, kNow), usd(9), 0);
    EXPECT_EQ(budgets_.figures(kNow).size(), 1u);
}

TEST_F(BudgetsTest, a_seed_forgets_nothing_that_settled_while_the_books_were_read) {
    define({usd_budget(1, 10)});
    const Verdict first = ask(team_, 4);
    const Verdict second = ask(team_, 3);
    settle(first, 4);
    define({});
    settle(second, 5);
    // The books were read between the two.
    define({usd_budget(1, 10)});
    budgets_.seed(1, "", window_at(WindowKind::month, kNow), usd(4), 0);
    EXPECT_EQ(only().settled, usd(9));
    EXPECT_EQ(only().overrun, usd(2));
    // And they may know of more: what was spent while the budget was away.
    budgets_.seed(1, "", window_at(WindowKind::month, kNow), usd(12), usd(1));
    EXPECT_EQ(only().settled, usd(12));
    EXPECT_EQ(only().overrun, usd(2));
}

// I7: an end stands in the journal before it settles here, and longer where its sync fails.
TEST_F(BudgetsTest, an_end_that_the_books_know_first_counts_once_when_a_budget_comes_back) {
    define({usd_budget(1, 10)});
    settle(ask(team_, 1), 1);
    const Verdict open = ask(team_, 3);
    define({});
    // Meanwhile: the open call ended at 2, and another that held nothing here cost 4.
    define({usd_budget(1, 10)});
    budgets_.seed(1, "", window_at(WindowKind::month, kNow), usd(7), 0, usd(4));
    EXPECT_EQ(only().settled, usd(5));
    settle(open, 2);
    EXPECT_EQ(only().settled, usd(7));
    EXPECT_EQ(only().held, 0);
}

TEST_F(BudgetsTest, last_months_seed_does_not_weigh_on_this_month) {
    define({usd_budget(1, 10)});
    const WindowSpan november = window_at(WindowKind::month, kNow);
    budgets_.seed(1, "", november, usd(9), 0);
    budgets_.seed(1, "", window_at(WindowKind::month, later(-40 * kDay)), usd(7), 0);
    EXPECT_EQ(only().settled, usd(9));
}

TEST_F(BudgetsTest, parts_of_a_dead_process_are_charged_without_freeing_live_holds) {
    define({usd_budget(1, 10)});
    Verdict dead = ask(team_, 4);
    const Verdict live = ask(team_, 5);
    budgets_.release(dead.parts);
    dead.parts[0].live = {};
    settle(dead, 4);
    EXPECT_EQ(only().settled, usd(4));
    EXPECT_EQ(only().held, usd(5));
    settle(live, 5);
    EXPECT_EQ(only().held, 0);
}

TEST_F(BudgetsTest, amounts_beyond_int64_pico_hold) {
    define({usd_budget(1, 50'000'000)});
    settle(ask(team_, 49'000'000), 49'000'000);
    EXPECT_EQ(kind(1'000'001), VerdictKind::exhausted);
    EXPECT_EQ(kind(1'000'000), VerdictKind::admitted);
}

// W2: a million random ids must not buy a fresh cap.
TEST_F(BudgetsTest, a_full_table_refuses_new_trajectories_and_forgets_none) {
    BudgetSpec ticket = usd_budget(1, 2, WindowKind::total);
    ticket.by = Dimension::trajectory;
    define({ticket});
    for (int i = 0; i < 64; ++i) settle(ask(whose("a", "t" + std::to_string(i)), 2), 2);
    const Attribution one_more = whose("a", "t64");
    request_.attribution = &one_more;
    request_.usd_bound = Money::from_usd(1);
    const Result<Verdict> verdict = budgets_.reserve(request_);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code(), ErrorCode::too_many_trajectories);
    EXPECT_EQ(ask(whose("a", "t0"), 1).kind, VerdictKind::exhausted);
    EXPECT_EQ(budgets_.figures(kNow).size(), 64u);
}

// I13
TEST_F(BudgetsTest, closed_windows_make_room) {
    BudgetSpec daily = usd_budget(1, 2, WindowKind::day);
    daily.by = Dimension::trajectory;
    define({daily});
    for (int day = 0; day < 20; ++day) {
        for (int i = 0; i < 50; ++i) {
            const Attribution who = whose("a", std::to_string(day) + "-" + std::to_string(i));
            const Verdict verdict = ask(who, 2, later(day * kDay));
            ASSERT_EQ(verdict.kind, VerdictKind::admitted);
            settle(verdict, 2);
            ASSERT_EQ(ask(who, 2, later(day * kDay)).kind, VerdictKind::exhausted);
        }
    }
}

TEST_F(BudgetsTest, a_full_table_never_gives_away_the_place_of_an_open_hold) {
    BudgetSpec daily = usd_budget(1, 2, WindowKind::day);
    daily.by = Dimension::trajectory;
    define({daily});
    std::vector<Verdict> open;
    for (int i = 0; i < 64; ++i) open.push_back(ask(whose("a", "t" + std::to_string(i)), 2));
    const Attribution one_more = whose("a", "x");
    request_.attribution = &one_more;
    EXPECT_FALSE(budgets_.reserve(request_));
    settle(open[5], 1);
    EXPECT_FALSE(budgets_.reserve(request_)) << "its window is still open";
    budgets_.release(open[6].parts);
    EXPECT_TRUE(budgets_.reserve(request_)) << "an empty balance can be made again";
}

TEST_F(BudgetsTest, figures_for_a_caller_come_tightest_first_also_before_any_spend) {
    BudgetSpec by_team = usd_budget(2, 10);
    by_team.by = Dimension::team;
    define({usd_budget(1, 100), by_team});
    EXPECT_EQ(budgets_.figures_for(team_, kNow).size(), 2u);
    settle(ask(team_, 5), 5);
    const std::vector<InstanceFigures> figures = budgets_.figures_for(team_, kNow);
    ASSERT_EQ(figures.size(), 2u);
    EXPECT_EQ(figures[0].budget_id, 2u);
    EXPECT_EQ(figures[0].instance, "research");
    EXPECT_EQ(figures[0].settled, usd(5));
}

TEST_F(BudgetsTest, a_verdict_that_is_used_again_holds_only_the_last_decision) {
    BudgetSpec narrow = usd_budget(2, 10);
    narrow.where = {{Dimension::team, {"research"}}};
    define({usd_budget(1, 10), narrow});
    Verdict verdict;
    request_.attribution = &team_;
    request_.usd_bound = Money::from_usd(9);
    request_.now = kNow;
    ASSERT_TRUE(budgets_.reserve(request_, verdict));
    ASSERT_EQ(verdict.parts.size(), 2u);
    const Attribution other = whose("sales");
    request_.attribution = &other;
    ASSERT_TRUE(budgets_.reserve(request_, verdict));
    ASSERT_EQ(verdict.parts.size(), 1u);
    EXPECT_EQ(verdict.kind, VerdictKind::busy);
}

TEST(BudgetSight, ACallerIsShownItsTeamsBudgetsAndItsKeys) {
    Attribution caller = whose("support", "t1");
    caller.offer(Dimension::key, "k1", Source::key);
    auto shown = [&caller](std::string_view instance, std::optional<Dimension> by,
                           std::vector<Condition> where = {}) {
        return budget_is_shown_to(
            caller, {.id = 1, .name = "b", .where = std::move(where), .by = by}, instance);
    };
    EXPECT_TRUE(shown("support", Dimension::team));
    EXPECT_FALSE(shown("research", Dimension::team));
    EXPECT_TRUE(shown("support/t1", Dimension::trajectory));
    EXPECT_FALSE(shown("supporters/t1", Dimension::trajectory));
    EXPECT_TRUE(shown("", {}, {{Dimension::team, {"support"}}}));
    EXPECT_FALSE(shown("", {}, {{Dimension::team, {"support", "research"}}}));
    EXPECT_FALSE(shown("", {}, {{Dimension::team, {"sup*"}}}));
    EXPECT_TRUE(shown("k1", Dimension::key));
    EXPECT_FALSE(shown("k2", Dimension::key));
    EXPECT_TRUE(shown("", {}, {{Dimension::key, {"k1"}}}));
    EXPECT_FALSE(shown("", {}, {{Dimension::key, {"k1", "k2"}}}));
    // Pots that others spend from.
    EXPECT_FALSE(shown("", {}));
    EXPECT_FALSE(shown("desk", Dimension::application));
    EXPECT_FALSE(shown("", {}, {{Dimension::environment, {"staging"}}}));
}

TEST_F(BudgetsTest, TheTightestPartIsToldAmongThoseThatMayBeShown) {
    define({usd_budget(1, 5), usd_budget(2, 100), usd_budget(3, 50)});
    const Verdict verdict = ask(team_, 1);
    ASSERT_EQ(verdict.telling, 0u);
    auto without = [&verdict](std::uint64_t most) {
        return telling_part(verdict,
                            [most](const HoldPart& part) { return part.budget_id >= most; });
    };
    EXPECT_EQ(without(1), 0u);
    EXPECT_EQ(without(2), 2u);
    EXPECT_EQ(without(4), std::nullopt);
}

}  // namespace
}  // namespace weir::core
