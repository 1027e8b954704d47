// The demo's past is a ledger like any other: sound, and equal wherever it is summed. Its keys and
// budgets are the product's own.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>

#include "app/books.h"
#include "app/demo_ground.h"
#include "app/demo_spiral.h"
#include "core/identify.h"
#include "ledger/fold.h"
#include "ledger/verify.h"
#include "runtime/sha256.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

// A Wednesday noon in the middle of a month.
const UnixTime kNow = UnixTime::from_seconds(1'794'916'800);

class DemoGroundTest : public testing::Test {
 protected:
    DemoGroundTest() {
        std::string path = (fs::temp_directory_path() / "weir-demo-test-XXXXXX").string();
        directory_ = ::mkdtemp(path.data());
        plan_.data_dir = directory_ + "/demo";
        plan_.days = 5;
        plan_.provider_url = "http://127.0.0.1:9";
        clock_.set(kNow);
    }
    ~DemoGroundTest() override {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }

    Result<DemoGround> prepare(std::uint64_t key_seed = 1) {
        SeededRng rng{key_seed};
        return prepare_demo(plan_, clock_, rng);
    }
    std::string journal() const { return plan_.data_dir + "/journal"; }
    ledger::Fold folded() const {
        ledger::Fold fold;
        ledger::JournalReader reader(journal());
        auto read = reader.poll(SIZE_MAX, [&](ledger::Record&& record) { fold.add(record); });
        EXPECT_TRUE(read);
        return fold;
    }
    std::unique_ptr<store::Queries> queries() const {
        auto opened = store::Queries::open(database_path(plan_.data_dir));
        EXPECT_TRUE(opened);
        return std::move(*opened);
    }

    std::string directory_;
    DemoPlan plan_;
    agents::PastClock clock_;
};

TEST_F(DemoGroundTest, ThePastIsSound) {
    auto ground = prepare();
    ASSERT_TRUE(ground) << ground.error().message() << ground.error().detail();
    EXPECT_TRUE(ground->has_new_past);
    auto report = ledger::verify(journal());
    ASSERT_TRUE(report);
    for (const auto& finding : report->findings) ADD_FAILURE() << finding.file << finding.what;
    EXPECT_TRUE(report->is_sound());
    EXPECT_GT(report->counts.admitted, 2'000U);
    EXPECT_EQ(report->counts.admitted, report->counts.ended);
    EXPECT_EQ(report->counts.refusals, ground->past.refusals);
    EXPECT_EQ(report->counts.admitted + report->counts.refusals, ground->past.calls);
    EXPECT_GT(ground->past.unknown, 0U);
    EXPECT_GT(ground->past.released, 0U);
    EXPECT_LE(folded().last_time(), kNow);
}

TEST_F(DemoGroundTest, TheBooksOfThePastBalance) {
    auto ground = prepare();
    ASSERT_TRUE(ground);
    // What the budgets came to while the past was written, by the journal, and by the database.
    ledger::Fold fold = folded();
    std::size_t compared = 0;
    for (const core::InstanceFigures& f : ground->past.figures) {
        auto at = fold.balances().find({f.budget_id, f.instance, f.window.start, f.window.end});
        if (at == fold.balances().end()) {
            EXPECT_EQ(f.settled, 0);
            continue;
        }
        EXPECT_EQ(at->second.settled, f.settled) << f.instance;
        EXPECT_EQ(at->second.held, 0) << f.instance;
        EXPECT_EQ(f.held, 0) << f.instance;
        ++compared;
    }
    EXPECT_GT(compared, 50U);
    auto balances = queries()->balances(kNow);
    ASSERT_TRUE(balances);
    for (const store::Balance& b : *balances) {
        auto at = fold.balances().find({b.budget_id, b.instance, b.window.start, b.window.end});
        ASSERT_NE(at, fold.balances().end());
        EXPECT_EQ(at->second.settled, b.settled) << b.instance;
    }
    auto rows = queries()->spend({.by = {core::Dimension::team},
                                  .where = {},
                                  .from = kNow - std::chrono::days{10},
                                  .until = kNow + std::chrono::hours{1}});
    ASSERT_TRUE(rows);
    Money sum;
    for (const auto& row : *rows) sum += row.sums.cost;
    EXPECT_EQ(sum, ground->past.cost);
    EXPECT_GE(rows->size(), 4U) << "teams";
}

TEST_F(DemoGroundTest, NoTicketPassesItsCap) {
    auto ground = prepare();
    ASSERT_TRUE(ground);
    Int128 most = 0;
    for (const core::InstanceFigures& f : ground->past.figures) {
        if (!f.instance.starts_with("support/ticket-")) continue;
        EXPECT_LE(f.settled, f.amount) << f.instance;
        most = std::max(most, f.settled);
    }
    EXPECT_GT(most, Money::from_usd(1).pico()) << "a spiral ran into it";
    EXPECT_GT(ground->past.refusals, 0U);
}

TEST_F(DemoGroundTest, TheSameSeedWritesTheSamePast) {
    auto one = prepare();
    ASSERT_TRUE(one);
    auto first = ledger::verify(journal());
    plan_.fresh = true;
    auto two = prepare();
    ASSERT_TRUE(two);
    auto second = ledger::verify(journal());
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->bytes, second->bytes);
    EXPECT_EQ(first->records, second->records);
    EXPECT_EQ(first->settled_pico, second->settled_pico);
    EXPECT_EQ(one->past.cost, two->past.cost);
}

TEST_F(DemoGroundTest, ALaterStartTakesUpThePastAndRotatesTheKeys) {
    plan_.days = 1;
    auto first = prepare(1);
    ASSERT_TRUE(first);
    clock_.set(kNow + std::chrono::minutes{5});
    auto second = prepare(2);
    ASSERT_TRUE(second) << second.error().message();
    EXPECT_FALSE(second->has_new_past);
    EXPECT_EQ(second->keys.size(), first->keys.size());
    EXPECT_NE(second->visitor_key.reveal(), first->visitor_key.reveal());
    auto id = [](const DemoGround& g) {
        return core::parse_key(g.visitor_key.reveal())->id;
    };
    EXPECT_EQ(id(*first), id(*second)) << "the budget of the visitor's key goes on";
}

TEST_F(DemoGroundTest, WhatIsNotADemosIsNotTouched) {
    fs::create_directories(plan_.data_dir);
    std::string precious = plan_.data_dir + "/weir.db";
    std::ofstream{precious} << "a real ledger";
    plan_.fresh = true;
    auto ground = prepare();
    ASSERT_FALSE(ground);
    EXPECT_EQ(ground.error().code(), ErrorCode::conflict);
    EXPECT_TRUE(fs::exists(precious));
    EXPECT_FALSE(fs::exists(journal()));
}

TEST_F(DemoGroundTest, AHalfWrittenPastIsWrittenAnew) {
    fs::create_directories(journal());
    std::ofstream{plan_.data_dir + "/demo.mark"} << "writing\n";
    plan_.days = 1;
    auto ground = prepare();
    ASSERT_TRUE(ground) << ground.error().message();
    EXPECT_TRUE(ground->has_new_past);
}

TEST(DemoSpiral, IsHeldBelowItsBudgetToTheCent) {
    auto outcome = run_spiral({.agents = 1, .with_twin = false, .seed = 3});
    ASSERT_TRUE(outcome) << outcome.error().message();
    const SpiralFigures& f = outcome->weir;
    EXPECT_LE(f.spent, outcome->amount);
    EXPECT_GT(f.spent.pico(), outcome->amount.pico() * 95 / 100);
    EXPECT_TRUE(f.held.is_zero());
    EXPECT_EQ(f.refused, 1);
    EXPECT_EQ(f.refusal.status, 402);
    EXPECT_EQ(f.refusal.error, "budget_exhausted");
    EXPECT_NE(f.refusal.body.find("\"budget\":\"ticket\""), std::string::npos) << f.refusal.body;
}

TEST(DemoSpiral, ACounterThatLearnsAfterwardsIsPassed) {
    auto outcome = run_spiral({.agents = 24, .with_twin = true, .seed = 3});
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_LE(outcome->weir.spent, outcome->amount);
    EXPECT_GT(outcome->weir.spent.pico(), outcome->amount.pico() * 90 / 100);
    EXPECT_EQ(outcome->weir.refused, 24);
    EXPECT_GT(outcome->twin.spent, outcome->amount);
}

}  // namespace
}  // namespace weir::app
