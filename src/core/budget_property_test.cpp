// Random histories against a model so plain that it can be read: a map of balances and a list of
// holds. The letters are those of the invariants in docs: I1 held = Σ holds, I2 settled + held ≤
// amount + overrun, I6 quiescence, I9 all or nothing, I11 windows never go back, I12 verdicts mean
// what they say.
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/random.h"
#include "core/budget.h"

namespace weir::core {
namespace {

constexpr std::int64_t kStart = 1'795'478'400;  // 2026-11-24T00:00:00Z

struct Balance {
    Int128 settled = 0;
    Int128 held = 0;
    Int128 overrun = 0;
    Int128 highest_amount = 0;  // in force at any admission so far
};
using Key = std::tuple<std::uint64_t, std::string, std::int64_t>;

struct Ask {
    Attribution who;
    Money usd;
    std::int64_t tokens = 0;
    bool first = true;
    bool lenient = false;
    UnixTime now;
};

class Model {
 public:
    std::vector<BudgetSpec> specs;
    std::map<Key, Balance> balances;
    std::map<std::uint64_t, WindowSpan> windows;

    WindowSpan window(const BudgetSpec& spec, UnixTime now) const {
        const auto open = windows.find(spec.id);
        const WindowSpan by_clock = window_at(spec.window, now);
        if (open == windows.end() || by_clock.start > open->second.start) return by_clock;
        return open->second;
    }
    static Int128 want(const BudgetSpec& spec, const Ask& ask) {
        if (spec.unit == BudgetUnit::usd) return ask.usd.pico();
        return spec.unit == BudgetUnit::tokens ? Int128{ask.tokens} : Int128{ask.first ? 1 : 0};
    }
    static bool blocking(const BudgetSpec& spec, const Ask& ask) {
        if (spec.observe || spec.blocking == Blocking::never) return false;
        const bool everywhere = spec.blocking == Blocking::always ||
                                spec.by == Dimension::trajectory || spec.by == Dimension::goal;
        return everywhere || !ask.lenient;
    }
    VerdictKind expect(const Ask& ask) const {
        bool too_large = false;
        bool gone = false;
        bool held = false;
        for (const BudgetSpec& spec : specs) {
            if (!budget_matches(spec, ask.who) || !blocking(spec, ask)) continue;
            const Int128 need = want(spec, ask);
            const Balance now =
                look({spec.id, budget_instance(spec, ask.who), window(spec, ask.now).start});
            if (need == 0) continue;
            if (need > spec.amount) too_large = true;
            if (now.settled + need > spec.amount) gone = true;
            if (now.settled + now.held + need > spec.amount) held = true;
        }
        if (too_large) return VerdictKind::too_large;
        if (gone) return VerdictKind::exhausted;
        return held ? VerdictKind::busy : VerdictKind::admitted;
    }
    Balance look(const Key& key) const {
        const auto found = balances.find(key);
        return found == balances.end() ? Balance{} : found->second;
    }
};

struct OpenHold {
    Verdict verdict;
    Ask ask;
};

class History {
 public:
    explicit History(std::uint64_t seed) : rng_(seed), budgets_({.instances_max = 4096}) {
        model_.specs = random_specs();
        budgets_.define(model_.specs);
    }

    void run(int steps) {
        for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
            const std::uint64_t dice = rng_.below(100);
            if (dice < 55)
                admit();
            else if (dice < 85)
                end_one();
            else if (dice < 93)
                advance();
            else if (dice < 98)
                change_amounts();
            else
                remove_or_bring_back();
            check();
        }
        while (!holds_.empty()) end_one();
        check();
        for (const InstanceFigures& f : budgets_.figures(now())) ASSERT_EQ(f.held, 0);  // I6
    }

    int admitted = 0;
    std::map<VerdictKind, int> refused;

 private:
    UnixTime now() const { return UnixTime::from_seconds(seconds_); }

    std::vector<BudgetSpec> random_specs() {
        constexpr WindowKind kKinds[] = {WindowKind::hour,  WindowKind::day,     WindowKind::week,
                                         WindowKind::month, WindowKind::quarter, WindowKind::total};
        constexpr Dimension kBy[] = {Dimension::team, Dimension::trajectory, Dimension::customer,
                                     Dimension::goal};
        std::vector<BudgetSpec> out(2 + rng_.below(7));
        for (std::size_t i = 0; i < out.size(); ++i) {
            BudgetSpec& spec = out[i];
            spec.id = i + 1;
            spec.window = kKinds[rng_.below(6)];
            spec.unit = static_cast<BudgetUnit>(rng_.below(3));
            spec.blocking = static_cast<Blocking>(rng_.below(8) == 0 ? 2 : rng_.below(2));
            spec.observe = rng_.below(10) == 0;
            spec.amount = random_amount(spec.unit);
            if (rng_.below(2) == 0) spec.by = kBy[rng_.below(4)];
            if (rng_.below(3) == 0) spec.where.push_back({Dimension::team, {"t0", "t1"}});
            if (rng_.below(5) == 0) spec.where.push_back({Dimension::customer, {"c*", "(none)"}});
        }
        return out;
    }
    Int128 random_amount(BudgetUnit unit) {
        if (unit == BudgetUnit::calls) return Int128{1} + static_cast<Int128>(rng_.below(30));
        return Int128{1000} + static_cast<Int128>(rng_.below(20'000));
    }
    Ask random_ask() {
        Ask ask;
        ask.who.offer(Dimension::team, "t" + std::to_string(rng_.below(3)), Source::key);
        if (rng_.below(4) != 0) {
            ask.who.offer(Dimension::trajectory, "run-" + std::to_string(rng_.below(4)),
                          Source::header);
        }
        if (rng_.below(2) == 0) ask.who.offer(Dimension::customer, "c", Source::header);
        ask.usd = Money::from_pico(1 + static_cast<Int128>(rng_.below(3000)));
        ask.tokens = 1 + static_cast<std::int64_t>(rng_.below(3000));
        ask.first = rng_.below(5) != 0;
        ask.lenient = rng_.below(4) == 0;
        ask.now = now();
        return ask;
    }

    void admit() {
        const Ask ask = random_ask();
        const VerdictKind expected = model_.expect(ask);
        const std::map<Key, InstanceFigures> before = snapshot();
        OpenHold open{.verdict = {}, .ask = ask};
        ASSERT_TRUE(budgets_.reserve({.attribution = &open.ask.who,
                                      .environment_is_lenient = ask.lenient,
                                      .usd_bound = ask.usd,
                                      .token_bound = ask.tokens,
                                      .first_attempt = ask.first,
                                      .now = ask.now},
                                     open.verdict));
        ASSERT_EQ(open.verdict.kind, expected);
        ASSERT_EQ(open.verdict.sequence, ++sequence_);
        if (expected != VerdictKind::admitted) {
            ++refused[expected];
            ASSERT_TRUE(open.verdict.parts[*open.verdict.telling].refused);
            ASSERT_EQ(snapshot(), before);  // I9
            return;
        }
        ++admitted;
        hold(open);
        holds_.push_back(std::move(open));
    }
    void hold(const OpenHold& open) {
        std::size_t matched = 0;
        for (const BudgetSpec& spec : model_.specs) {
            if (!budget_matches(spec, open.ask.who)) continue;
            ++matched;
            const WindowSpan window = model_.window(spec, open.ask.now);
            ASSERT_TRUE(!model_.windows.contains(spec.id) ||
                        window.start >= model_.windows[spec.id].start);  // I11
            model_.windows[spec.id] = window;
            Balance& balance =
                model_.balances[{spec.id, budget_instance(spec, open.ask.who), window.start}];
            balance.held += Model::want(spec, open.ask);
            if (Model::blocking(spec, open.ask)) {
                // I1, at the very admission.
                if (Model::want(spec, open.ask) != 0) {
                    ASSERT_LE(balance.settled + balance.held, spec.amount);
                }
            } else {
                unblocked_.insert({spec.id, budget_instance(spec, open.ask.who), window.start});
            }
            balance.highest_amount = std::max(balance.highest_amount, spec.amount);
        }
        ASSERT_EQ(open.verdict.parts.size(), matched);
    }

    void end_one() {
        if (holds_.empty()) return;
        const std::size_t at = rng_.below(holds_.size());
        const OpenHold open = std::move(holds_[at]);
        holds_.erase(holds_.begin() + static_cast<std::ptrdiff_t>(at));
        const bool released = rng_.below(5) == 0;
        SettleAmounts charge{.usd = Money::from_pico(static_cast<Int128>(
                                 rng_.below(static_cast<std::uint64_t>(open.ask.usd.pico()) + 1))),
                             .tokens = static_cast<std::int64_t>(
                                 rng_.below(static_cast<std::uint64_t>(open.ask.tokens) + 1))};
        if (rng_.below(20) == 0) charge.usd += Money::from_pico(1500);  // billed above the bound
        for (const HoldPart& part : open.verdict.parts) {
            Balance& balance =
                model_.balances.at({part.budget_id, part.instance, part.window.start});
            balance.held -= part.held;
            if (released) continue;
            const Int128 spent = part.unit == BudgetUnit::usd      ? charge.usd.pico()
                                 : part.unit == BudgetUnit::tokens ? Int128{charge.tokens}
                                                                   : part.held;
            balance.settled += spent;
            balance.overrun += std::max<Int128>(0, spent - part.held);
        }
        if (released)
            budgets_.release(open.verdict.parts);
        else
            budgets_.settle(open.verdict.parts, charge);
    }

    void advance() {
        constexpr std::int64_t kSteps[] = {60, 3600, 86'400, 8 * 86'400, -3600, -40 * 86'400};
        seconds_ += kSteps[rng_.below(6)];
    }
    void change_amounts() {
        for (BudgetSpec& spec : model_.specs) {
            if (rng_.below(3) == 0) spec.amount = random_amount(spec.unit);
        }
        budgets_.define(model_.specs);
    }
    void remove_or_bring_back() {
        if (removed_) {
            model_.specs.push_back(*removed_);
            removed_.reset();
        } else {
            removed_ = model_.specs.back();
            model_.specs.pop_back();
        }
        budgets_.define(model_.specs);
    }

    std::map<Key, InstanceFigures> snapshot() const {
        std::map<Key, InstanceFigures> out;
        for (InstanceFigures& f : budgets_.figures(now())) {
            Key key{f.budget_id, f.instance, f.window.start};
            out.emplace(std::move(key), std::move(f));
        }
        return out;
    }
    void check() {
        ASSERT_TRUE(budgets_.books_balance());
        for (const auto& [key, figures] : snapshot()) {
            const Balance expected = model_.look(key);
            ASSERT_EQ(figures.held, expected.held);  // I1
            ASSERT_EQ(figures.settled, expected.settled);
            ASSERT_EQ(figures.overrun, expected.overrun);
            if (!unblocked_.contains(key)) {  // I2
                ASSERT_LE(figures.settled + figures.held,
                          expected.highest_amount + expected.overrun);
            }
        }
    }

    SeededRng rng_;
    Budgets budgets_;
    Model model_;
    std::vector<OpenHold> holds_;
    std::optional<BudgetSpec> removed_;
    std::set<Key> unblocked_;
    std::int64_t seconds_ = kStart;
    std::uint64_t sequence_ = 0;
};

TEST(BudgetProperty, random_histories_agree_with_the_plain_model) {
    int admitted = 0;
    std::map<VerdictKind, int> refused;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        History history{seed};
        history.run(500);
        if (HasFatalFailure()) return;
        admitted += history.admitted;
        for (const auto& [kind, n] : history.refused) refused[kind] += n;
    }
    // The histories went where they should: every verdict was met often.
    EXPECT_GT(admitted, 1000);
    EXPECT_GT(refused[VerdictKind::busy], 300);
    EXPECT_GT(refused[VerdictKind::exhausted], 300);
    EXPECT_GT(refused[VerdictKind::too_large], 100);
}

// I12, the other half: exhausted stays refused for the rest of the window; busy fits without holds.
TEST(BudgetProperty, exhausted_is_final_in_its_window_and_busy_is_not) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SeededRng rng{seed};
        Budgets budgets;
        BudgetSpec spec{.id = 1, .name = "b", .where = {}, .by = {}, .amount = 10'000};
        spec.window = WindowKind::day;
        budgets.define({spec});
        const Attribution nobody;
        std::vector<Verdict> open;
        std::optional<std::uint64_t> exhausted_from;
        for (int step = 0; step < 200; ++step) {
            const std::uint64_t bound = 1 + rng.below(3000);
            ReserveRequest request{.attribution = &nobody,
                                   .usd_bound = Money::from_pico(static_cast<Int128>(bound)),
                                   .now = UnixTime::from_seconds(kStart + step)};
            Verdict verdict = *budgets.reserve(request);
            if (exhausted_from && bound >= *exhausted_from) {
                ASSERT_EQ(verdict.kind, VerdictKind::exhausted) << "seed " << seed;
            }
            if (verdict.kind == VerdictKind::exhausted) {
                exhausted_from = std::min(exhausted_from.value_or(bound), bound);
            }
            if (verdict.kind == VerdictKind::busy) {
                for (const Verdict& hold : open) budgets.release(hold.parts);
                open.clear();
                verdict = *budgets.reserve(request);
                ASSERT_EQ(verdict.kind, VerdictKind::admitted) << "seed " << seed;
            }
            if (verdict.kind == VerdictKind::admitted) open.push_back(std::move(verdict));
            if (!open.empty() && rng.below(3) == 0) {
                const Int128 most = open.back().parts[0].held;
                budgets.settle(open.back().parts, {.usd = Money::from_pico(most / 2)});
                open.pop_back();
            }
        }
        ASSERT_TRUE(exhausted_from) << "seed " << seed;
    }
}

}  // namespace
}  // namespace weir::core
