#include "ledger/fold.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "ledger/recover.h"
#include "ledger/sample_records.h"

namespace weir::ledger {
namespace {

CorrectionRecord correction(AttemptId id, std::int64_t pico) {
    CorrectionRecord r;
    r.id = id;
    r.at = UnixTime::from_seconds(1'800'000'000);
    r.cost_delta = r.charge_delta = Money::from_pico(pico);
    r.token_delta = -5;
    r.reason = "the provider's invoice";
    r.actor = "ops";
    return r;
}

// A history of several workers and two epochs with everything in it that the rules speak of.
std::vector<Record> history(SeededRng& rng) {
    std::vector<Record> all;
    for (std::uint64_t i = 1; i <= 120; ++i) {
        auto worker = static_cast<std::uint16_t>(rng.below(3));
        AdmitRecord admit = plain_admit(attempt_id(1, worker, i), 1 + rng.below(6));
        admit.sequence = i;
        all.emplace_back(admit);
        if (rng.below(4) > 0) all.emplace_back(plain_dispatched(admit));
        EndRecord end = plain_end(admit);
        if (rng.below(5) == 0) {
            end.charge = admit.bound + Money::from_pico(77);
            end.overrun = Money::from_pico(77);
            end.charge_tokens = 5000;
        }
        if (rng.below(6) == 0) {
            end.state = EndState::released;
            end.charge = end.cost = Money{};
        }
        if (rng.below(5) > 0) all.emplace_back(end);
        if (rng.below(8) == 0) {
            EndRecord other = end_of_dead(admit, true, UnixTime::from_seconds(1'900'000'000));
            all.emplace_back(other);
        }
        if (rng.below(6) == 0) all.emplace_back(correction(admit.head.id, -1000));
        if (rng.below(9) == 0) {
            RefusalRecord refusal;
            refusal.head = admit.head;
            refusal.sequence = 1000 + i;
            refusal.at = admit.head.admitted_at;
            all.emplace_back(refusal);
        }
    }
    return all;
}

std::vector<std::pair<AttemptId, bool>> open_ids(const Fold& fold) {
    std::vector<std::pair<AttemptId, bool>> ids;
    for (const auto& hold : fold.open_holds())
        ids.emplace_back(hold.admit.head.id, hold.dispatched);
    return ids;
}

std::map<BalanceKey, Balance> nonzero(const Fold& fold) {
    auto balances = fold.balances();
    std::erase_if(balances, [](const auto& entry) { return entry.second == Balance{}; });
    return balances;
}

void expect_same(const Fold& a, const Fold& b) {
    EXPECT_EQ(open_ids(a), open_ids(b));
    EXPECT_EQ(nonzero(a), nonzero(b));
    EXPECT_EQ(a.counts(), b.counts());
    EXPECT_EQ(a.last_time(), b.last_time());
    EXPECT_EQ(a.last_sequence(), b.last_sequence());
}

TEST(Fold, ACallMovesItsHoldToSettled) {
    AdmitRecord admit = plain_admit(attempt_id(1, 0, 1), 3);
    Fold fold;
    fold.add(admit);
    ASSERT_EQ(fold.balances().size(), 3u);
    BalanceKey usd{100, "", 1'793'000'000, 1'796'000'000};
    BalanceKey tokens{101, "search", 1'793'000'000, 1'796'000'000};
    BalanceKey calls{102, "", 1'793'000'000, 1'796'000'000};
    EXPECT_EQ(fold.balances().at(usd), (Balance{0, admit.bound.pico(), 0}));
    EXPECT_EQ(fold.open_holds().size(), 1u);
    EndRecord end = plain_end(admit);
    fold.add(end);
    EXPECT_EQ(fold.balances().at(usd), (Balance{end.charge.pico(), 0, 0}));
    EXPECT_EQ(fold.balances().at(tokens), (Balance{1412, 0, 0}));
    EXPECT_EQ(fold.balances().at(calls), (Balance{1, 0, 0}));
    EXPECT_TRUE(fold.open_holds().empty());
    fold.add(correction(admit.head.id, -300));
    EXPECT_EQ(fold.balances().at(usd).settled, end.charge.pico() - 300);
    EXPECT_EQ(fold.balances().at(tokens).settled, 1407);
    EXPECT_EQ(fold.balances().at(calls).settled, 1);
}

TEST(Fold, WhatExceedsTheHoldIsOverrunByName) {
    AdmitRecord admit = plain_admit(attempt_id(1, 0, 1), 1);
    EndRecord end = plain_end(admit);
    end.charge = admit.bound + Money::from_pico(9);
    Fold fold;
    fold.add(admit);
    fold.add(end);
    EXPECT_EQ(fold.balances().begin()->second, (Balance{end.charge.pico(), 0, 9}));
}

TEST(Fold, TheFirstEndCountsAndFurtherOnesAreCounted) {
    AdmitRecord admit = plain_admit(attempt_id(1, 0, 1), 1);
    EndRecord first = plain_end(admit);
    EndRecord second = end_of_dead(admit, true, first.at + Duration{1});
    for (bool late_one_first : {false, true}) {
        Fold fold;
        fold.add(admit);
        fold.add(late_one_first ? second : first);
        fold.add(late_one_first ? first : second);
        EXPECT_EQ(fold.balances().begin()->second.settled, first.charge.pico());
        EXPECT_EQ(fold.counts().duplicate_ends, 1u);
        EXPECT_EQ(fold.counts().ended, 1u);
    }
}

TEST(Fold, AnyInterleavingGivesTheSameState) {
    SeededRng rng(11);
    for (int round = 0; round < 30; ++round) {
        std::vector<Record> records = history(rng);
        Fold in_order;
        for (const Record& r : records) in_order.add(r);
        ASSERT_GT(in_order.counts().duplicate_ends, 0u);
        ASSERT_GT(in_order.open_holds().size(), 0u);
        for (std::size_t i = records.size(); i-- > 1;)
            std::swap(records[i], records[rng.below(i + 1)]);
        Fold shuffled;
        for (const Record& r : records) shuffled.add(r);
        expect_same(in_order, shuffled);
    }
}

TEST(Fold, ReadingTwiceChangesNothing) {
    SeededRng rng(12);
    std::vector<Record> records = history(rng);
    Fold once;
    Fold twice;
    for (const Record& r : records) once.add(r);
    for (const Record& r : records) {
        twice.add(r);
        twice.add(r);
    }
    for (const Record& r : records) twice.add(r);
    expect_same(once, twice);
}

TEST(Fold, ASnapshotGoesOnFromAnyCut) {
    SeededRng rng(13);
    std::vector<Record> records = history(rng);
    Fold whole;
    for (const Record& r : records) whole.add(r);
    for (std::size_t cut = 0; cut <= records.size(); cut += 17) {
        Fold before;
        for (std::size_t i = 0; i < cut; ++i) before.add(records[i]);
        Fold snapshot = before;
        for (std::size_t i = cut; i < records.size(); ++i) snapshot.add(records[i]);
        expect_same(whole, snapshot);
    }
}

TEST(Fold, HeldIsTheSumOfOpenHolds) {
    SeededRng rng(14);
    Fold fold;
    for (const Record& r : history(rng)) {
        fold.add(r);
        std::map<BalanceKey, Int128> held;
        for (const auto& hold : fold.open_holds()) {
            for (const core::HoldPart& part : hold.admit.parts) {
                held[{part.budget_id, part.instance, part.window.start, part.window.end}] +=
                    part.held;
            }
        }
        for (const auto& [key, balance] : fold.balances()) ASSERT_EQ(balance.held, held[key]);
    }
}

TEST(Recover, AHoldThatWasNeverDispatchedIsReleased) {
    AdmitRecord admit = plain_admit(attempt_id(1, 0, 1));
    EndRecord end = end_of_dead(admit, false, UnixTime::from_seconds(9));
    EXPECT_EQ(end.state, EndState::released);
    EXPECT_TRUE(end.charge.is_zero());
    Fold fold;
    fold.add(admit);
    fold.add(end);
    for (const auto& [key, balance] : fold.balances()) EXPECT_EQ(balance, Balance{});
}

TEST(Recover, ADispatchedHoldEndsAtItsBoundInEveryUnit) {
    AdmitRecord admit = plain_admit(attempt_id(1, 0, 1), 3);
    Fold fold;
    fold.add(admit);
    fold.add(plain_dispatched(admit));
    auto held = fold.balances();
    std::vector<EndRecord> ends = ends_of_dead(fold, 2, UnixTime::from_seconds(9));
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].state, EndState::orphaned);
    EXPECT_EQ(ends[0].charge, admit.bound);
    fold.add(ends[0]);
    for (const auto& [key, balance] : fold.balances()) {
        EXPECT_EQ(balance, (Balance{held.at(key).held, 0, 0}));
    }
}

TEST(Recover, OnlyDeadEpochsAndEachHoldOnce) {
    Fold fold;
    fold.add(plain_admit(attempt_id(1, 0, 1)));
    fold.add(plain_admit(attempt_id(2, 0, 1)));
    AdmitRecord done = plain_admit(attempt_id(1, 0, 2));
    fold.add(done);
    fold.add(plain_end(done));
    auto ends = ends_of_dead(fold, 2, UnixTime::from_seconds(9));
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].head.id, attempt_id(1, 0, 1));
    fold.add(ends[0]);
    EXPECT_TRUE(ends_of_dead(fold, 2, UnixTime::from_seconds(10)).empty());
}

}  // namespace
}  // namespace weir::ledger
