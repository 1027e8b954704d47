// Whom the ledger tells of what: once, and whatever way its records are read (ledger.md W8, I14).
#include <gtest/gtest.h>
#include <set>

#include "store/books_fixture.h"

namespace weir::store {
namespace {

using core::Dimension;
using ledger::EndState;
using ledger::Record;

Money cents(std::uint64_t n) { return Money::from_pico(Int128{n} * 10'000'000'000); }

struct Told : BooksAndDirectory {
    core::BudgetSpec budget;

    explicit Told(std::optional<Dimension> by = {}) {
        core::BudgetSpec spec{.id = 0, .name = "pot"};
        spec.by = by;
        spec.amount = Money::from_usd(10).pico();
        budget = directory->put_budget(spec, "api", {"ada", UnixTime::from_seconds(kNoon)}).value();
    }

    core::HoldPart part(Money held, std::string instance = {}) const {
        return {.budget_id = budget.id,
                .instance = std::move(instance),
                .window = kMonth,
                .held = held.pico(),
                .amount = budget.amount};
    }
    // A call that was charged so much, and held no less unless told.
    ledger::EndRecord end(std::uint64_t seq, Money charge, std::string instance = {},
                          Money held = Money::from_usd(10)) const {
        ledger::EndRecord end = end_of(attempt(seq));
        end.parts = {part(held, std::move(instance))};
        end.charge = charge;
        return end;
    }
    ledger::RefusalRecord refusal(std::uint64_t seq, ErrorCode error) const {
        ledger::RefusalRecord refusal = refusal_of(attempt(seq));
        refusal.error = error;
        refusal.parts = {part(Money::from_usd(4))};
        refusal.parts[0].settled = Money::from_usd(6).pico();
        refusal.parts[0].others_held = Money::from_usd(3).pico();
        refusal.parts[0].refused = true;
        return refusal;
    }
    // Oldest first.
    std::vector<Event> events() {
        auto found = read_events(database, {}, 1'000).value();
        return {found.rbegin(), found.rend()};
    }
    std::vector<std::string> kinds() {
        std::vector<std::string> out;
        for (const Event& event : events()) out.emplace_back(event_kind_name(event.kind));
        return out;
    }
};

using Kinds = std::vector<std::string>;

TEST(Events, AnAlertIsToldOnceWhenEightyPercentAreUsed) {
    Told told;
    told.take({told.end(1, Money::from_usd(7))});
    EXPECT_EQ(told.kinds(), Kinds{});
    told.take({told.end(2, Money::from_usd(1))});
    told.take({told.end(3, Money::from_usd(1))});
    ASSERT_EQ(told.kinds(), Kinds{"alert"});
    const Event event = told.events().front();
    EXPECT_EQ(event.budget, "pot");
    EXPECT_EQ(event.settled, Money::from_usd(8).pico());
    EXPECT_EQ(event.amount, Money::from_usd(10).pico());
    EXPECT_EQ(event.percent, 80);
    EXPECT_EQ(event.window, kMonth);
    EXPECT_EQ(event.call, attempt(2).call);
    EXPECT_EQ(event.at, end_of(attempt(2)).at);
}

TEST(Events, MoneyMerelyHeldAlertsNobody) {
    Told told;
    ledger::AdmitRecord admit = admit_of(attempt(1));
    admit.parts = {told.part(Money::from_usd(10))};
    told.take({admit});
    told.take({told.refusal(2, ErrorCode::budget_busy)});
    EXPECT_EQ(told.kinds(), Kinds{});
}

TEST(Events, TheFirstFinalRefusalIsTheExhaustion) {
    Told told;
    told.take({told.refusal(1, ErrorCode::budget_exhausted)});
    told.take({told.refusal(2, ErrorCode::budget_exhausted)});
    ASSERT_EQ(told.kinds(), Kinds{"exhausted"});
    const Event event = told.events().front();
    EXPECT_EQ(event.settled, Money::from_usd(6).pico());
    EXPECT_EQ(event.held, Money::from_usd(3).pico());
    EXPECT_EQ(event.call, attempt(1).call);
}

TEST(Events, WhereNothingIsRefusedItIsExhaustedWhenAllIsUsed) {
    Told told;
    told.take({told.end(1, Money::from_usd(10))});
    EXPECT_EQ(told.kinds(), (Kinds{"alert", "exhausted"}));
}

TEST(Events, AnotherAmountIsToldOfAgain) {
    Told told;
    told.take({told.end(1, Money::from_usd(9))});
    ledger::EndRecord raised = told.end(2, Money::from_usd(8));
    raised.parts[0].amount = Money::from_usd(20).pico();
    told.take({raised});
    EXPECT_EQ(told.kinds(), (Kinds{"alert", "alert"}));
}

TEST(Events, WhatAProviderBillsAboveTheBoundIsAnOverrun) {
    Told told;
    told.take({told.end(1, Money::from_usd(3), "", Money::from_usd(1))});
    ASSERT_EQ(told.kinds(), Kinds{"overrun"});
    EXPECT_EQ(told.events().front().overrun, Money::from_usd(2).pico());
}

TEST(Events, OrphansOfOneStartAndTeamAreOneEvent) {
    Told told;
    std::vector<Record> ends;
    for (const std::uint64_t seq : {3u, 6u, 9u}) {  // of support
        ledger::EndRecord end = told.end(seq, cents(10));
        end.state = EndState::orphaned;
        ends.emplace_back(end);
    }
    told.take({ends[0]});
    told.take({ends[1], ends[2], ends[0]});
    ASSERT_EQ(told.kinds(), Kinds{"orphan"});
    const Event event = told.events().front();
    EXPECT_EQ(event.calls, 3);
    EXPECT_EQ(event.settled, cents(30).pico());
    EXPECT_EQ(event.team, "support");
}

TEST(Events, WhatTheLedgerKnewBeforeTheBudgetWasMadeCounts) {
    Told told;
    told.take({end_of(attempt(1))});  // of no budget yet
    core::BudgetSpec late{.id = 0, .name = "late"};
    late.amount = 2 * end_of(attempt(1)).charge.pico();
    const core::BudgetSpec made =
        told.directory->put_budget(late, "api", {"ada", UnixTime::from_seconds(kNoon)}).value();
    ledger::EndRecord second = end_of(attempt(2));
    second.parts = {told.part(Money::from_usd(1))};
    second.parts[0].budget_id = made.id;
    second.parts[0].amount = made.amount;
    told.take({second});
    EXPECT_EQ(told.kinds(), (Kinds{"alert", "exhausted"}));
}

TEST(Events, APotOfSeveralTeamsIsOfNone) {
    Told shared;
    shared.take({shared.end(3, Money::from_usd(9))});
    EXPECT_EQ(shared.events().front().team, "");
    Told own{Dimension::team};
    own.take({own.end(3, Money::from_usd(9), "support")});
    EXPECT_EQ(own.events().front().team, "support");
    Told trajectories{Dimension::trajectory};
    trajectories.take({trajectories.end(3, Money::from_usd(9), "support/t-1")});
    EXPECT_EQ(trajectories.events().front().team, "support");
}

// I14: the same set of events, however the journal was read: in whatever batches, again and again.
TEST(Events, AreTheSameSetInWhateverBatchesTheJournalIsRead) {
    std::set<std::set<std::string>> readings;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SeededRng rng{seed};
        Told told{Dimension::trajectory};
        std::vector<Record> journal;
        for (std::uint64_t seq = 1; seq <= 60; ++seq) {
            const std::string instance = "support/t-" + std::to_string(seq % 4);
            journal.emplace_back(told.end(seq, cents(40 + seq), instance, cents(95)));
        }
        for (std::uint64_t seq = 61; seq <= 64; ++seq) {
            journal.emplace_back(told.refusal(seq, ErrorCode::budget_exhausted));
        }
        for (std::size_t at = 0; at < journal.size();) {
            const std::size_t most = journal.size() - at;
            const std::size_t share = std::min<std::size_t>(most, 1 + rng.below(20));
            const auto begin = journal.begin() + static_cast<std::ptrdiff_t>(at);
            told.take({begin, begin + static_cast<std::ptrdiff_t>(share)});
            at += rng.below(4) == 0 ? share / 2 : share;  // some are read twice
        }
        std::set<std::string> ids;
        for (const Event& event : told.events()) ids.insert(event.id);
        readings.insert(ids);
    }
    ASSERT_EQ(readings.size(), 1u);
    EXPECT_GT(readings.begin()->size(), 4u);
}

}  // namespace
}  // namespace weir::store
