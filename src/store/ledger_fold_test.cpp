#include "store/ledger_fold.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>

#include "ledger/fold.h"
#include "store/recovery.h"
#include "store/schema.h"
#include "store/store_fixture.h"

namespace weir::store {
namespace {

using ledger::Record;
using Places = std::vector<ledger::Cursor>;

struct Books {
    ScratchDirectory scratch;
    Database database = open_store(scratch.file("weir.db")).value();
    LedgerFold fold = LedgerFold::open(database).value();

    void take(const std::vector<Record>& records, const Places& places = {}) {
        const Result<> done = fold.fold(records, places);
        ASSERT_TRUE(done) << done.error().detail();
    }
    std::int64_t number(std::string_view sql) {
        return database.query_integer(sql).value().value();
    }
};

// What an auditor compares: every settled figure, and every open hold.
struct State {
    std::map<ledger::BalanceKey, std::pair<Int128, Int128>> settled;
    std::map<ledger::BalanceKey, Int128> held;
    std::map<AttemptId, bool> holds;
    bool operator==(const State&) const = default;
};

State state_of(const ledger::Fold& fold) {
    State state;
    for (const auto& [key, balance] : fold.balances()) {
        if (balance.settled != 0 || balance.overrun != 0) {
            state.settled[key] = {balance.settled, balance.overrun};
        }
        if (balance.held != 0) state.held[key] = balance.held;
    }
    for (const auto& hold : fold.open_holds()) state.holds[hold.admit.head.id] = hold.dispatched;
    return state;
}

State state_of(Database& database) {
    const RecoveredState recovered = load_for_start(database, {0}, 1'000).value();
    State state;
    for (const Balance& b : recovered.balances) {
        if (b.settled == 0 && b.overrun == 0) continue;
        state.settled[{b.budget_id, b.instance, b.window.start, b.window.end}] = {b.settled,
                                                                                  b.overrun};
    }
    for (const OpenHold& hold : recovered.holds) {
        state.holds[hold.admit.head.id] = hold.dispatched;
        for (const core::HoldPart& part : hold.admit.parts) {
            if (part.held == 0) continue;
            state.held[{part.budget_id, part.instance, part.window.start, part.window.end}] +=
                part.held;
        }
    }
    return state;
}

// Everything a report reads, as text.
std::string figures_of(Database& database) {
    std::string out;
    for (const std::string_view table : {"rollup_hours", "rollup_days"}) {
        const std::string from = std::string{table};
        out += database
                   .query_text(
                       "SELECT group_concat(line, char(10)) FROM (SELECT r.start||','||"
                       "s.team||','||s.key||','||r.calls||','||r.attempts||','||r.errors||"
                       "','||r.refusals||','||r.unknown||','||r.input||','||r.output||','||"
                       "r.charge_tokens||','||r.cost_usd||','||r.cost_pico||','||"
                       "r.charge_usd||','||r.charge_pico||','||r.corrected_usd||','||"
                       "r.corrected_pico AS line FROM " +
                       from + " r JOIN scopes s ON s.id=r.scope ORDER BY 1)")
                   .value()
                   .value_or("");
    }
    out += database
               .query_text(
                   "SELECT group_concat(line, char(10)) FROM (SELECT epoch||'.'||worker||'.'||seq||"
                   "'.'||ordinal||state||admitted||coalesce(sequence,'-')||coalesce(dispatched_at,"
                   "'-')||coalesce(ended_at,'-')||cost_pico||charge_pico||coalesce(parts,'-')||"
                   "coalesce(end_parts,'-')||coalesce(tags,'-')||(SELECT count(*) FROM charges c "
                   "WHERE c.entry=e.row) AS line FROM entries e ORDER BY 1)")
               .value()
               .value_or("");
    return out;
}

std::vector<Record> some_history(Rng& rng, std::uint64_t calls) {
    std::vector<Record> records;
    for (std::uint64_t seq = 1; seq <= calls; ++seq) {
        const AttemptId id =
            attempt(seq, rng.below(4) == 0 ? 2 : 1, 1, static_cast<std::uint16_t>(rng.below(3)));
        if (rng.below(10) == 0) {
            records.emplace_back(refusal_of(id));
            continue;
        }
        if (rng.below(20) != 0) records.emplace_back(admit_of(id));
        if (rng.below(5) != 0) records.emplace_back(dispatched_of(id));
        const auto state = static_cast<ledger::EndState>(rng.below(4));
        if (rng.below(6) != 0) records.emplace_back(end_of(id, state));
        if (rng.below(6) == 0) {
            records.emplace_back(
                correction_of(id, static_cast<std::int64_t>(rng.below(900)) - 450));
        }
        if (rng.below(8) == 0) records.push_back(records[rng.below(records.size())]);
    }
    return records;
}

void shuffle(std::vector<Record>& records, Rng& rng) {
    for (std::size_t i = records.size(); i > 1; --i)
        std::swap(records[i - 1], records[rng.below(i)]);
}

TEST(LedgerFold, ComesToWhatTheLedgerAddsUpToInAnyOrderAndBatches) {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        SeededRng rng{seed};
        std::vector<Record> records = some_history(rng, 60);
        Books reference;
        reference.take(records);
        shuffle(records, rng);
        Books books;
        ledger::Fold memory;
        for (std::size_t at = 0; at < records.size();) {
            const std::size_t end = std::min(records.size(), at + 1 + rng.below(17));
            const std::vector<Record> batch(records.begin() + static_cast<std::ptrdiff_t>(at),
                                            records.begin() + static_cast<std::ptrdiff_t>(end));
            books.take(batch);
            for (const Record& record : batch) memory.add(record);
            at = end;
            // A restart of the bookkeeper in between changes nothing.
            if (rng.below(4) == 0) books.fold = LedgerFold::open(books.database).value();
            ASSERT_EQ(state_of(books.database), state_of(memory)) << "seed " << seed;
        }
        EXPECT_EQ(figures_of(books.database), figures_of(reference.database)) << "seed " << seed;
    }
}

TEST(LedgerFold, ReadingTheSameRecordsAgainChangesNothing) {
    SeededRng rng{99};
    const std::vector<Record> records = some_history(rng, 200);
    Books books;
    books.take(records);
    const std::string once = figures_of(books.database);
    const State state = state_of(books.database);
    books.take(records);
    EXPECT_EQ(figures_of(books.database), once);
    EXPECT_EQ(state_of(books.database), state);
    EXPECT_GT(books.fold.counters().duplicates, 0);
}

TEST(LedgerFold, SecondEndOfAnAttemptIsCountedButNotBilled) {
    Books books;
    const AttemptId id = attempt(1);
    books.take({admit_of(id), end_of(id)});
    books.take({end_of(id)});
    EXPECT_EQ(books.fold.counters().entries_ended, 1);
    EXPECT_EQ(books.fold.counters().duplicates, 1);
    EXPECT_EQ(books.number("SELECT sum(attempts) FROM rollup_hours"), 1);
    EXPECT_EQ(books.number("SELECT count(*) FROM charges"), 2);
}

// Recovery ends a hold as orphaned while the true end lies unread in another segment.
TEST(LedgerFold, EarlierEndReplacesALaterOneThatWasReadFirst) {
    const AttemptId id = attempt(1);
    ledger::EndRecord late = end_of(id, ledger::EndState::orphaned);
    late.at = late.at + std::chrono::hours{1};
    late.bill = {};
    const ledger::EndRecord early = end_of(id);
    Books one;
    one.take({admit_of(id), early});
    one.take({late});
    Books other;
    other.take({admit_of(id), late});
    other.take({correction_of(id, 70)});
    other.take({early});
    one.take({correction_of(id, 70)});
    EXPECT_EQ(figures_of(other.database), figures_of(one.database));
    EXPECT_EQ(state_of(other.database), state_of(one.database));
}

TEST(LedgerFold, EndBeforeItsAdmitMakesTheSameEntry) {
    const AttemptId id = attempt(4);
    Books straight;
    straight.take({admit_of(id), dispatched_of(id), end_of(id)});
    Books reversed;
    reversed.take({end_of(id)});
    reversed.take({dispatched_of(id)});
    reversed.take({admit_of(id)});
    EXPECT_EQ(figures_of(reversed.database), figures_of(straight.database));
    EXPECT_TRUE(load_for_start(reversed.database, {0}, 9).value().holds.empty());
}

TEST(LedgerFold, CorrectionMovesBalancesAndRollupsButNotTheEntry) {
    Books books;
    const AttemptId id = attempt(1);
    books.take({correction_of(id, -100'000)});  // before anything else of the call was read
    books.take({admit_of(id), end_of(id)});
    const std::int64_t cost = books.number("SELECT cost_pico FROM entries");
    EXPECT_EQ(cost, 900'000'000);
    EXPECT_EQ(books.number("SELECT cost_pico FROM rollup_hours"), cost - 100'000);
    EXPECT_EQ(books.number("SELECT CAST(settled AS INTEGER) FROM balances WHERE budget=7"),
              cost - 100'000);
    EXPECT_EQ(books.number("SELECT count(*) FROM corrections WHERE applied=0"), 0);
}

TEST(LedgerFold, BalancesBeyond64BitsOfPicoAreExact) {
    Books books;
    const Int128 million_usd = Money::from_usd(1'000'000).pico();
    Int128 sum = 0;
    for (std::uint64_t seq = 1; seq <= 30; ++seq) {
        ledger::EndRecord end = end_of(attempt(seq));
        end.charge = Money::from_pico(million_usd + 1);
        end.cost = end.charge;
        books.take({end});
        sum += million_usd + 1;
    }
    const auto balances = load_balances(books.database, {0}).value();
    const auto usd = std::ranges::find(balances, 7u, &Balance::budget_id);
    ASSERT_NE(usd, balances.end());
    ASSERT_GT(sum, Int128{INT64_MAX});
    EXPECT_EQ(to_string(usd->settled), to_string(sum));
    EXPECT_EQ(books.number("SELECT sum(cost_usd)+sum(cost_pico)/1000000000000 FROM rollup_hours"),
              30'000'000);
    EXPECT_EQ(books.number("SELECT sum(cost_pico)%1000000000000 FROM rollup_days"), 30);
}

TEST(LedgerFold, CursorsMoveOnlyWithWhatWasFolded) {
    Books books;
    const Places places = {{{1, 0, 1}, 640}, {{1, 1, 3}, 64}};
    books.take({admit_of(attempt(1))}, places);
    EXPECT_EQ(LedgerFold::open(books.database).value().cursors().value(), places);
    const Places later = {{{1, 1, 4}, 128}};
    books.take({}, later);
    EXPECT_EQ(LedgerFold::open(books.database).value().cursors().value(), later);
}

TEST(LedgerFold, FailedTransactionKeepsNothingAndCanBeFoldedAgain) {
    Books books;
    ASSERT_TRUE(
        books.database.exec("CREATE TRIGGER full BEFORE INSERT ON charges BEGIN "
                            "SELECT RAISE(ABORT, 'no room'); END"));
    const std::vector<Record> records = {admit_of(attempt(1)), end_of(attempt(1)),
                                         admit_of(attempt(2))};
    EXPECT_FALSE(books.fold.fold(records, {{{1, 0, 1}, 99}}));
    EXPECT_EQ(books.number("SELECT count(*) FROM entries"), 0);
    EXPECT_TRUE(books.fold.cursors().value().empty());
    ASSERT_TRUE(books.database.exec("DROP TRIGGER full"));
    books.take(records, {{{1, 0, 1}, 99}});
    EXPECT_EQ(books.number("SELECT count(*) FROM entries"), 2);
    EXPECT_EQ(books.number("SELECT sum(attempts) FROM rollup_hours"), 1);
}

TEST(Recovery, HoldOfADeadStartComesBackWhole) {
    Books books;
    ledger::AdmitRecord admit = admit_of(attempt(3));
    admit.parts[1].instance = std::string{"\xff\x00 raw", 6};
    books.take({admit, dispatched_of(attempt(3)), admit_of(attempt(5, 1, 2))});
    const RecoveredState state = load_for_start(books.database, {0}, 2).value();
    ASSERT_EQ(state.holds.size(), 1u);  // the other is of the present start
    EXPECT_TRUE(state.holds[0].dispatched);
    std::string wanted;
    std::string got;
    for (core::HoldPart& part : admit.parts) part.live = {};
    ledger::encode(ledger::Record{admit}, wanted);
    ledger::encode(ledger::Record{state.holds[0].admit}, got);
    EXPECT_EQ(got, wanted);
    EXPECT_EQ(state.last_seen, head_of(attempt(5)).admitted_at);
}

}  // namespace
}  // namespace weir::store
