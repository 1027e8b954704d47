// A budget that is made in mid-window starts with what it would have counted, had it been there.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>

#include "store/books_fixture.h"
#include "store/recovery.h"

namespace weir::store {
namespace {

using core::BudgetUnit;
using core::Dimension;
using ledger::EndState;

using Figures = std::map<std::string, std::string>;  // by instance, without zeros

struct Ledger : BooksAndDirectory {
    Change change{"ada", UnixTime::from_seconds(kNoon + 3'600)};

    Figures seeded(const core::BudgetSpec& spec) {
        const std::uint64_t id = directory->put_budget(spec, "api", change).value().id;
        Figures out;
        for (const Balance& b : load_balances(database, change.at).value()) {
            if (b.budget_id == id && b.settled != 0) out[b.instance] = to_string(b.settled);
        }
        return out;
    }
};

core::BudgetSpec budget(BudgetUnit unit, std::vector<core::Condition> where = {},
                        std::optional<Dimension> by = {}) {
    core::BudgetSpec spec;
    spec.name = "late";
    spec.unit = unit;
    spec.where = std::move(where);
    spec.by = by;
    spec.amount = Money::from_usd(1'000'000).pico();
    spec.blocking = core::Blocking::never;
    return spec;
}

void set(ledger::AttemptHead& head, Dimension d, std::string value) {
    head.attribution.values[static_cast<std::size_t>(d)] = std::move(value);
}

TEST(BudgetSeed, TakesGlobsAndMissingValuesAsTheRoadDoes) {
    Ledger ledger;
    ledger.take({end_of(attempt(1)), end_of(attempt(2))});
    const Figures both = {{"", "840"}};
    const auto tokens = [&](Dimension d, std::vector<std::string> any_of) {
        return ledger.seeded(budget(BudgetUnit::tokens, {{d, std::move(any_of)}}));
    };
    EXPECT_EQ(tokens(Dimension::model, {"claude-*", "gpt-*"}), both);
    EXPECT_EQ(tokens(Dimension::model, {"gpt"}), Figures{});
    EXPECT_EQ(tokens(Dimension::task_type, {"*"}), Figures{});
    EXPECT_EQ(tokens(Dimension::task_type, {"(none)"}), both);
}

TEST(BudgetSeed, NamesTrajectoriesAsTheRoadDoes) {
    Ledger ledger;
    ledger.take({end_of(attempt(1)), end_of(attempt(3))});
    EXPECT_EQ(ledger.seeded(budget(BudgetUnit::tokens, {}, Dimension::trajectory)),
              (Figures{{"research/ticket 1", "420"}, {"support/ticket 3", "420"}}));
}

TEST(BudgetSeed, CallInFlightCountsAtItsBoundUnlessItHoldsTheBudgetItself) {
    Ledger ledger;
    ledger.take({admit_of(attempt(1)), dispatched_of(attempt(2)), end_of(attempt(3))});
    EXPECT_EQ(ledger.seeded(budget(BudgetUnit::tokens)), (Figures{{"", "2344"}}));
    EXPECT_EQ(ledger.seeded(budget(BudgetUnit::calls)), (Figures{{"", "2"}}));
    const core::BudgetSpec usd = budget(BudgetUnit::usd);
    const std::uint64_t id = ledger.directory->put_budget(usd, "api", ledger.change).value().id;
    ASSERT_TRUE(ledger.directory->remove_budget("late", ledger.change));
    ledger::AdmitRecord own = admit_of(attempt(4));
    own.parts[0].budget_id = id;
    ledger.take({own});
    EXPECT_EQ(ledger.seeded(usd), (Figures{{"", "2900000000"}}));
}

TEST(BudgetSeed, CountsEachClientCallOnceAndNoneThatBillsNothing) {
    Ledger ledger;
    ledger::EndRecord listed = end_of(attempt(9));
    listed.head.endpoint = core::Endpoint::models;
    ledger.take({
        end_of(attempt(1, 1), EndState::released),
        end_of(attempt(1, 2)),  // tried again
        end_of(attempt(2, 1), EndState::unknown),
        end_of(attempt(2, 2)),                      // both may be billed
        end_of(attempt(3, 1), EndState::released),  // never sent
        listed,
    });
    EXPECT_EQ(ledger.seeded(budget(BudgetUnit::calls)), (Figures{{"", "2"}}));
}

TEST(BudgetSeed, HoldsCorrectionsOfWhatWasReleasedToo) {
    Ledger ledger;
    ledger.take({end_of(attempt(1)), correction_of(attempt(1), -100),
                 end_of(attempt(2), EndState::released), correction_of(attempt(2), 70)});
    EXPECT_EQ(ledger.seeded(budget(BudgetUnit::usd)), (Figures{{"", "899999970"}}));
    EXPECT_EQ(ledger.seeded(budget(BudgetUnit::tokens)), (Figures{{"", "420"}}));
}

// Rollups know whole hours of UTC; a zone's window may begin within one.
TEST(BudgetSeed, CountsAZonesWindowToTheEntry) {
    Ledger ledger;
    const auto end_at = [](std::uint64_t seq, std::int64_t second, std::int64_t ns) {
        ledger::EndRecord end = end_of(attempt(seq));
        end.head.admitted_at = {(kNoon + second) * 1'000'000'000 + ns};
        return end;
    };
    ledger.take({end_at(1, 1'799, 999'999'999), end_at(2, 1'800, 0), end_at(3, 5'399, 0)});
    const auto india =
        std::make_shared<core::Zone>("Asia/Kolkata", 19'800, std::vector<core::Zone::Shift>{});
    core::BudgetSpec hourly = budget(BudgetUnit::calls);
    hourly.window = core::WindowKind::hour;
    ledger.change.at = UnixTime::from_seconds(kNoon + 3'599);
    EXPECT_EQ(ledger.seeded(hourly), (Figures{{"", "2"}})) << "noon to one";
    ASSERT_TRUE(ledger.directory->apply_config_budgets({}, india, ledger.change));
    EXPECT_EQ(ledger.seeded(hourly), (Figures{{"", "2"}})) << "half past noon to half past one";
    const auto spec = ledger.directory->budgets().value().at(0);
    const auto balances = load_balances(ledger.database, ledger.change.at).value();
    const auto own = std::ranges::find(balances, spec.id, &Balance::budget_id);
    ASSERT_NE(own, balances.end());
    EXPECT_EQ(own->window, (core::WindowSpan{kNoon + 1'800, kNoon + 5'400}));
}

TEST(BudgetSeed, TakesWhatWasAdmittedBetweenItsMakingAndItsBeingInForce) {
    Ledger ledger;
    ledger.take({end_of(attempt(1))});
    const core::BudgetSpec made =
        ledger.directory->put_budget(budget(BudgetUnit::tokens), "api", ledger.change).value();
    const auto again = [&] {
        Figures out;
        for (const Balance& b : ledger.directory->seed_again({made}, ledger.change.at).value()) {
            out[b.instance] = to_string(b.settled);
        }
        return out;
    };
    EXPECT_EQ(again(), Figures{});
    ledger::EndRecord holder = end_of(attempt(3));
    ASSERT_EQ(holder.parts[0].unit, BudgetUnit::usd);
    holder.parts[0].budget_id = made.id;
    holder.parts[0].unit = BudgetUnit::tokens;
    holder.parts[0].window = core::window_at(made, ledger.change.at);
    holder.parts[0].instance.clear();
    ledger.take({end_of(attempt(2)), holder});
    EXPECT_EQ(again(), (Figures{{"", "420"}})) << "of the one that does not hold it";
    EXPECT_EQ(again(), Figures{});
}

// A team's attributes are what they are now, for what it has spent already too.
TEST(BudgetSeed, FollowsTheAttributesOfTeams) {
    Ledger ledger;
    ledger.take({end_of(attempt(1)), end_of(attempt(2)), end_of(attempt(3))});
    const auto set_department = [&](const std::string& team, const std::string& department) {
        core::TeamRecord record{team, {}};
        if (!department.empty()) record.attributes["department"] = department;
        if (ledger.directory->teams().value().contains(team)) {
            ASSERT_TRUE(ledger.directory->update_team(record, ledger.change));
        } else {
            ASSERT_TRUE(ledger.directory->create_team(record, ledger.change));
        }
    };
    const auto counted = [&] {
        Figures out;
        const auto spec = ledger.directory->budgets().value().at(0);
        for (const Balance& b : load_balances(ledger.database, ledger.change.at).value()) {
            if (b.budget_id == spec.id && b.settled != 0) out[b.instance] = to_string(b.settled);
        }
        return out;
    };
    const core::Facet department = *core::Facet::named("department");
    EXPECT_EQ(ledger.seeded(budget(BudgetUnit::calls, {{department, {"growth"}}})), Figures{});
    set_department("research", "growth");
    EXPECT_EQ(counted(), (Figures{{"", "2"}}));
    set_department("support", "growth");
    EXPECT_EQ(counted(), (Figures{{"", "3"}}));
    set_department("research", "service");
    EXPECT_EQ(counted(), (Figures{{"", "1"}}));
    ASSERT_TRUE(ledger.directory->remove_team("support", ledger.change));
    EXPECT_EQ(counted(), Figures{}) << "a team that is gone has no attributes";
    core::BudgetSpec each = budget(BudgetUnit::calls, {}, {});
    each.by = department;
    EXPECT_EQ(ledger.seeded(each), (Figures{{"service", "2"}, {"(none)", "1"}}));
}

// ---- the same calls, counted live and seeded --------------------------------------------------

constexpr Dimension kAsked[] = {Dimension::team, Dimension::application, Dimension::trajectory,
                                Dimension::goal, Dimension::provider,    Dimension::model};

struct Tried {
    ledger::AdmitRecord admit;
    std::optional<ledger::EndRecord> end;
    bool first = false;
};

std::vector<Tried> random_calls(SeededRng& rng) {
    constexpr EndState kStates[] = {EndState::settled, EndState::unknown, EndState::released};
    std::vector<Tried> out;
    for (std::uint64_t seq = 1; seq <= 300; ++seq) {
        ledger::AdmitRecord admit = admit_of(attempt(seq));
        admit.parts.clear();
        for (const Dimension d : kAsked) {
            constexpr std::string_view kValues[] = {"", "a", "ab", "abc", "b"};
            set(admit.head, d, std::string{kValues[rng.below(5)]});
        }
        bool counted = false;
        for (std::uint16_t ordinal = 1; ordinal <= 3; ++ordinal) {
            admit.head.id.ordinal = ordinal;
            admit.head.provider = rng.below(2) == 0 ? "openai" : "anthropic";
            admit.head.model = rng.below(2) == 0 ? "ab" : "bc";
            Tried& tried = out.emplace_back(Tried{admit, {}, !counted});
            if (rng.below(10) == 0) break;  // in flight
            const EndState state = kStates[rng.below(3)];
            ledger::EndRecord end = end_of(admit.head.id, state);
            end.head = admit.head;
            end.parts.clear();
            if (state != EndState::released) {
                end.charge = Money::from_pico(static_cast<std::int64_t>(rng.below(3'000'000'000)));
                counted = true;
            }
            tried.end = std::move(end);
            if (state == EndState::settled) break;
        }
    }
    return out;
}

core::BudgetSpec random_budget(SeededRng& rng) {
    constexpr BudgetUnit kUnits[] = {BudgetUnit::usd, BudgetUnit::tokens, BudgetUnit::calls};
    constexpr std::string_view kPatterns[] = {"a", "ab", "a*", "*b", "*", "(none)", "openai"};
    std::vector<core::Condition> where;
    for (auto n = rng.below(3); n > 0; --n) {
        core::Condition condition{kAsked[rng.below(6)], {}};
        for (auto values = 1 + rng.below(2); values > 0; --values) {
            condition.any_of.emplace_back(kPatterns[rng.below(7)]);
        }
        where.push_back(std::move(condition));
    }
    std::optional<Dimension> by;
    if (rng.below(3) != 0) by = kAsked[rng.below(6)];
    return budget(kUnits[rng.below(3)], std::move(where), by);
}

// What is settled, and held by calls in flight.
Figures counted_live(core::BudgetSpec spec, const std::vector<Tried>& calls) {
    spec.id = 1;
    core::Budgets budgets;
    budgets.define({spec});
    for (const Tried& tried : calls) {
        const ledger::AttemptHead& head = tried.admit.head;
        core::ReserveRequest request{.attribution = &head.attribution,
                                     .provider = head.provider,
                                     .model = head.model,
                                     .usd_bound = tried.admit.bound,
                                     .token_bound = 1'924,
                                     .first_attempt = tried.first,
                                     .now = head.admitted_at};
        const core::Verdict verdict = budgets.reserve(request).value();
        if (!tried.end) continue;
        if (tried.end->state == EndState::released) {
            budgets.release(verdict.parts);
        } else {
            budgets.settle(verdict.parts, {tried.end->charge, tried.end->charge_tokens});
        }
    }
    Figures out;
    for (const core::InstanceFigures& f : budgets.figures(UnixTime::from_seconds(kNoon + 3'600))) {
        if (f.settled + f.held != 0) out[f.instance] = to_string(f.settled + f.held);
    }
    return out;
}

TEST(BudgetSeed, IsWhatABudgetThatWasThereWouldHaveCounted) {
    Ledger ledger;
    SeededRng rng{11};
    const std::vector<Tried> calls = random_calls(rng);
    std::vector<ledger::Record> records;
    for (const Tried& tried : calls) {
        records.emplace_back(tried.admit);
        if (tried.end) records.emplace_back(*tried.end);
    }
    ledger.take(records);
    for (int round = 0; round < 60; ++round) {
        const core::BudgetSpec spec = random_budget(rng);
        EXPECT_EQ(ledger.seeded(spec), counted_live(spec, calls)) << round;
    }
}

}  // namespace
}  // namespace weir::store
