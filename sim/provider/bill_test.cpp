#include "sim/provider/bill.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::sim {
namespace {

Charges natural() {
    Charges charges;
    charges.lines.push_back({.model = "m", .input = 100, .output = 80, .reasoning = 30});
    charges.lines.push_back({.model = "other", .role = "compaction", .input = 7, .output = 5});
    charges.web_searches = 2;
    return charges;
}

struct Case {
    const char* what;
    Outcome outcome;
    Delivered delivered;
    OnCut on_cut;
    bool bill_unanswered;
    bool error_is_billed;
    std::int64_t output;  // of the first line; -1: nothing is billed
    std::int64_t reasoning;
};

// 25 tokens had been generated when the answer ended.
TEST(Bill, WhatStandsForEachEnd) {
    using enum Outcome;
    using enum Delivered;
    const Case cases[] = {
        {"whole", complete, whole, OnCut::stop, false, false, 80, 30},
        {"cut, bills on", cut, part, OnCut::bill_on, false, false, 80, 30},
        {"cut, stops", cut, part, OnCut::stop, false, false, 25, 25},
        {"severed, bills on", severed, part, OnCut::bill_on, true, false, 80, 30},
        {"severed, stops", severed, head, OnCut::stop, true, false, 25, 25},
        {"unanswered, bills on", cut, none, OnCut::bill_on, true, false, 80, 30},
        {"unanswered, stops", cut, none, OnCut::stop, true, false, 25, 25},
        {"unanswered and free", cut, none, OnCut::bill_on, false, false, -1, 0},
        {"failed half-way", failed, whole, OnCut::bill_on, true, false, 25, 25},
        {"an error", error, whole, OnCut::bill_on, true, false, -1, 0},
        {"a billed error", error, whole, OnCut::stop, false, true, 80, 30},
    };
    for (const Case& c : cases) {
        Settings settings;
        settings.on_cut = c.on_cut;
        settings.bill_unanswered = c.bill_unanswered;
        Ending ending{.outcome = c.outcome, .delivered = c.delivered, .generated = 25};
        Charges billed = settle(natural(), ending, settings, c.error_is_billed);
        if (c.output < 0) {
            EXPECT_TRUE(billed.empty()) << c.what;
            EXPECT_EQ(billed.web_searches, 0) << c.what;
            continue;
        }
        ASSERT_EQ(billed.lines.size(), 2U) << c.what;
        EXPECT_EQ(billed.lines[0].input, 100) << c.what;
        EXPECT_EQ(billed.lines[0].output, c.output) << c.what;
        EXPECT_EQ(billed.lines[0].reasoning, c.reasoning) << c.what;
        EXPECT_EQ(billed.lines[1].output, 5) << c.what;
        EXPECT_EQ(billed.web_searches, 2) << c.what;
    }
}

class BillFile : public ::testing::Test {
 protected:
    BillFile() { ::close(::mkstemp(path_)); }
    ~BillFile() override { ::unlink(path_); }
    std::vector<Json> lines() const {
        std::vector<Json> out;
        std::ifstream file{path_};
        for (std::string line; std::getline(file, line);) out.push_back(Json::parse(line));
        return out;
    }
    char path_[32] = "/tmp/weir-sim-bill-XXXXXX";
};

// A killed gateway leaves attempts that the bill must know: the line stands before the answer does.
TEST_F(BillFile, TheBeginIsOnFileAtOnceWithTheChargesOfTheNaturalEnd) {
    Bill bill{100};
    ASSERT_TRUE(bill.open(path_));
    Attempt attempt;
    attempt.request_id = "req_1";
    attempt.tag = "job-7";
    attempt.charges = natural();
    std::int64_t number = bill.begin(attempt);
    auto begun = lines();
    ASSERT_EQ(begun.size(), 1U);
    EXPECT_EQ(begun[0]["event"], "begin");
    EXPECT_EQ(begun[0]["open"], true);
    EXPECT_EQ(begun[0]["tag"], "job-7");
    EXPECT_EQ(begun[0]["charges"][0]["output"], 80);

    bill.end(number, 200, {.outcome = Outcome::cut, .delivered = Delivered::head}, Charges{},
             UnixTime::from_seconds(1'795'000'001));
    auto ended = lines();
    ASSERT_EQ(ended.size(), 2U);
    EXPECT_EQ(ended[1]["event"], "end");
    EXPECT_EQ(ended[1]["attempt"], number);
    EXPECT_EQ(ended[1]["outcome"], "cut");
    EXPECT_EQ(ended[1]["delivered"], "head");
    EXPECT_TRUE(ended[1]["charges"].empty());
    EXPECT_FALSE(bill.failed());
}

TEST_F(BillFile, MemoryIsBoundedAndTheFileHasAll) {
    Bill bill{3};
    ASSERT_TRUE(bill.open(path_));
    for (int i = 0; i < 5; ++i) bill.begin({});
    bill.end(1, 200, {}, natural(), {});  // forgotten: its line is not lost, its end is
    Json json = bill.json("");
    ASSERT_EQ(json["attempts"].size(), 3U);
    EXPECT_EQ(json["attempts"][0]["attempt"], 3);
    EXPECT_EQ(json["forgotten"], 2);
    EXPECT_EQ(lines().size(), 5U);
}

TEST(Bill, TotalsAddUpByModelAndTier) {
    Bill bill{10};
    for (int i = 0; i < 3; ++i) {
        Attempt attempt;
        attempt.charges = natural();
        bill.end(bill.begin(attempt), 200, {}, natural(), {});
    }
    Json totals = bill.totals();
    EXPECT_EQ(totals["attempts"], 3);
    EXPECT_EQ(totals["open"], 0);
    EXPECT_EQ(totals["charges"][0]["output"], 240);
    EXPECT_EQ(totals["units"]["web_search"], 6);
    bill.clear();
    EXPECT_EQ(bill.totals()["attempts"], 0);
    EXPECT_EQ(bill.begin({}), 4);  // numbers are never used twice
}

}  // namespace
}  // namespace weir::sim
