// An attempt's money when the ledger, the disk or the process fail (ledger.md §0.7, L3, L6, J2,
// J3).
#include "gateway/hold.h"

#include <gmock/gmock.h>

#include "gateway/road_fixture.h"
#include "ledger/fold.h"

namespace weir::gateway {
namespace {

using ledger::EndState;
using testing::HasSubstr;

class Holds : public RoadTest {
 protected:
    Holds() { company.policy.budgets = {team_budget(1, "support", kAmount)}; }
    static constexpr Int128 kAmount = 1'000'000'000'000;
    static constexpr Int128 kBound = 3'000'000'000;

    Result<Hold> admit(std::uint16_t ordinal = 1) {
        if (!weir) start();
        attribution_.offer(core::Dimension::team, "support", core::Source::key);
        Bound bound;
        bound.quote.bound = Money::from_pico(kBound);
        bound.quote.token_bound = 900;
        core::ReserveRequest request;
        request.attribution = &attribution_;
        request.usd_bound = bound.quote.bound;
        request.token_bound = bound.quote.token_bound;
        ledger::AdmitRecord draft;
        draft.head.id = {weir->road().next_call_id(), ordinal};
        draft.head.attribution = attribution_;
        draft.head.admitted_at = request.now = weir->treasury().now();
        draft.head.model = "sim-small";
        draft.head.price_vendor = "openai";
        return Hold::admit(weir->road(), std::move(draft), bound, request, options.policy->prices,
                           verdict_, rates_);
    }
    static core::Usage exact(std::int64_t input, std::int64_t output) {
        core::Usage usage;
        auto& line = usage.lines.emplace_back();
        line.of(core::TokenClass::input) = input;
        line.of(core::TokenClass::output) = output;
        usage.completeness = core::Completeness::exact;
        return usage;
    }
    // Memory and the journal tell the same.
    void expect_books_agree() {
        ledger::Fold fold;
        ledger::JournalReader reader(weir->journal_path());
        ASSERT_TRUE(reader.poll(100'000, [&](ledger::Record&& r) { fold.add(r); }));
        Int128 settled = 0;
        Int128 held = 0;
        for (const auto& [key, balance] : fold.balances()) {
            settled += balance.settled;
            held += balance.held;
        }
        EXPECT_EQ(figures(1).settled, settled);
        EXPECT_EQ(figures(1).held, held);
    }

    core::Attribution attribution_;
    core::Verdict verdict_;
    core::RateVerdict rates_;
};

TEST_F(Holds, DroppedUndispatchedItIsReleased) {
    {
        auto hold = admit();
        ASSERT_TRUE(hold);
        EXPECT_EQ(figures(1).held, kBound);
        expect_books_agree();
    }
    EXPECT_EQ(only_end().state, EndState::released);
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_EQ(figures(1).settled, 0);
    expect_books_agree();
}

TEST_F(Holds, DroppedDispatchedItIsUnknownAndKeepsItsBound) {
    {
        auto hold = admit();
        ASSERT_TRUE(hold);
        ASSERT_TRUE(hold->mark_dispatched());
    }
    auto end = only_end();
    EXPECT_EQ(end.state, EndState::unknown);
    EXPECT_EQ(end.charge.pico(), kBound);
    EXPECT_TRUE(end.cost.is_zero()) << "the estimate of nothing seen";
    EXPECT_EQ(figures(1).settled, kBound);
    expect_books_agree();
}

TEST_F(Holds, MovedFromItDoesNothing) {
    auto hold = admit();
    ASSERT_TRUE(hold);
    {
        Hold other(std::move(*hold));
        other.release({});
    }
    EXPECT_EQ(ends().size(), 1u);
    expect_books_agree();
}

TEST_F(Holds, SettledAtWhatItCost) {
    auto hold = admit();
    ASSERT_TRUE(hold);
    ASSERT_TRUE(hold->mark_dispatched());
    auto settled = hold->settle(exact(100, 10), {});
    EXPECT_EQ(settled.cost.pico(), 100 * 1'000'000 + 10 * 5'000'000);
    EXPECT_EQ(figures(1).settled, settled.cost.pico());
    EXPECT_EQ(figures(1).overrun, 0);
    expect_books_agree();
}

TEST_F(Holds, AboveTheBoundTheRestIsOverrun) {
    auto hold = admit();
    ASSERT_TRUE(hold);
    ASSERT_TRUE(hold->mark_dispatched());
    auto settled = hold->settle(exact(100'000, 10), {});
    EXPECT_EQ(only_end().overrun.pico(), settled.charge.pico() - kBound);
    EXPECT_EQ(figures(1).overrun, settled.charge.pico() - kBound);
    expect_books_agree();
}

TEST_F(Holds, PartlyKnownUsageIsChargedAtTheBoundAndCostsItsEstimate) {
    auto hold = admit();
    ASSERT_TRUE(hold);
    ASSERT_TRUE(hold->mark_dispatched());
    auto usage = exact(100, 1);
    usage.completeness = core::Completeness::partial;
    auto settled = hold->unknown(usage, {});
    EXPECT_EQ(settled.cost.pico(), 105'000'000);
    EXPECT_EQ(settled.charge.pico(), kBound);
    expect_books_agree();
}

// No ledger space, no metered call (promise 2).
TEST_F(Holds, AJournalThatCannotBeWrittenRefusesAndNothingIsSent) {
    start();
    machine.disk->full = true;
    int refused = 0;
    for (int i = 0; i < 400; ++i) {
        auto answer = chat(chat_body());
        if (answer.status == 200) continue;
        ++refused;
        EXPECT_EQ(answer.status, 503);
        EXPECT_THAT(answer.body, HasSubstr("ledger_unavailable"));
        EXPECT_EQ(answer.field("x-should-retry"), "true");
    }
    EXPECT_GT(refused, 100);
    EXPECT_EQ(seen.size(), 400u - static_cast<std::size_t>(refused));
    EXPECT_EQ(ends().size(), seen.size());
    EXPECT_EQ(figures(1).held, 0);
    expect_books_agree();
    machine.disk->full = false;
    EXPECT_EQ(chat(chat_body()).status, 200) << "as soon as there is room again";
}

// I9
TEST_F(Holds, ARefusalForWantOfALedgerTakesNothingOfARateLimit) {
    company.policy.rate_limits = {
        {.name = "pace", .by = core::Dimension::team, .requests = 1'000, .parallel = 5}};
    start();
    machine.disk->full = true;
    std::size_t answered = 0;
    while (answered < 999 && chat(chat_body()).status == 200) ++answered;
    ASSERT_LT(answered, 999u) << "the disk is felt";
    core::Attribution who;
    who.offer(core::Dimension::team, "support", core::Source::key);
    auto standings = weir->treasury().standings(who);
    EXPECT_EQ(chat(chat_body()).status, 503);
    auto after = weir->treasury().standings(who);
    ASSERT_EQ(after.size(), 2u);
    EXPECT_GE(after[0].remaining, standings[0].remaining);
    EXPECT_LE(after[0].full_in, standings[0].full_in);
    EXPECT_EQ(after[1].remaining, 5);
}

TEST_F(Holds, CallsThatRunWhenTheDiskFillsCanAllEnd) {
    options.housekeeping = false;
    std::vector<Hold> open;
    for (int i = 0; i < 100; ++i) {
        auto hold = admit();
        ASSERT_TRUE(hold);
        ASSERT_TRUE(hold->mark_dispatched());
        open.push_back(std::move(*hold));
    }
    machine.disk->full = true;
    std::size_t more = 0;
    while (more < 1'000) {
        auto hold = admit();
        if (!hold) {
            EXPECT_EQ(hold.error().code(), ErrorCode::ledger_unavailable);
            break;
        }
        hold->release({});
        ++more;
    }
    EXPECT_LT(more, 1'000u) << "the disk is full in the end";
    for (Hold& hold : open) hold.settle(exact(100, 10), {});
    EXPECT_EQ(weir->road().counters.unledgered_ends, 0u);
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_EQ(figures(1).settled, 100 * Int128{150'000'000});
    expect_books_agree();
}

TEST_F(Holds, WhatCannotBeSyncedIsNotSentAndLeavesNoHold) {
    options.durability = Durability::sync;
    options.housekeeping = false;
    start();
    EXPECT_EQ(chat(chat_body()).status, 200);
    machine.disk->failing = true;
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(seen.size(), 1u);
    expect_books_agree();
    EXPECT_TRUE(admit().error().code() == ErrorCode::ledger_unavailable);
    expect_books_agree();
}

TEST_F(Holds, UnderSyncEveryRecordIsOnTheDiskBeforeAByteIsSent) {
    options.durability = Durability::sync;
    options.housekeeping = false;
    provider = [this](const world::Received&) {
        EXPECT_EQ(records<ledger::AdmitRecord>().size(), 1u);
        EXPECT_EQ(records<ledger::DispatchedRecord>().size(), 1u);
        EXPECT_EQ(figures(1).settled, 0);
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 2}));
    };
    EXPECT_EQ(chat(chat_body()).status, 200);
    EXPECT_EQ(seen.size(), 1u);
}

TEST_F(Holds, AnEndThatCouldNotBeSyncedFreesItsMoneyOnceItCan) {
    options.durability = Durability::sync;
    options.housekeeping = false;
    auto hold = admit();
    ASSERT_TRUE(hold);
    ASSERT_TRUE(hold->mark_dispatched());
    machine.disk->failing = true;
    auto settled = hold->settle(exact(100, 10), {});
    EXPECT_EQ(figures(1).held, kBound) << "nothing is freed that a power cut could take back";
    EXPECT_EQ(figures(1).settled, 0);
    machine.disk->failing = false;
    machine.scheduler.run_for(std::chrono::seconds{1});
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_EQ(figures(1).settled, settled.charge.pico());
    expect_books_agree();
}

// The road's frames go with the process: calls in flight keep their bounds.
TEST_F(Holds, AStopInTheMiddleOfACallEndsItAtItsBound) {
    provider = [](const world::Received&) {
        world::Reply reply;
        reply.end = world::Reply::End::hang;
        return reply;
    };
    auto c = connect();
    runtime::TaskGroup tasks;
    bool sent = false;
    tasks.spawn(send(c, chat_request(chat_body()), sent));
    machine.scheduler.run_for(std::chrono::seconds{1});
    EXPECT_EQ(seen.size(), 1u);
    std::string journal = weir->journal_path();
    weir.reset();
    ledger::JournalReader reader(journal);
    std::vector<ledger::EndRecord> found;
    ASSERT_TRUE(reader.poll(1'000, [&](ledger::Record&& r) {
        if (auto* end = std::get_if<ledger::EndRecord>(&r)) found.push_back(std::move(*end));
    }));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].state, EndState::unknown);
    EXPECT_EQ(found[0].charge, found[0].bound);
}

}  // namespace
}  // namespace weir::gateway
