#include "sim/provider/faults.h"

#include <gtest/gtest.h>
#include <set>

namespace weir::sim {
namespace {

TEST(Faults, TheTableIsWholeAndEveryRowCanBeChosenByName) {
    ASSERT_EQ(fault_table().size(), static_cast<std::size_t>(Fault::last_wins) + 1);
    std::set<std::string_view> names;
    for (const FaultInfo& info : fault_table()) {
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_FALSE(info.help.empty()) << info.name;
        auto faults = parse_faults(info.name);
        ASSERT_TRUE(faults) << info.name;
        ASSERT_TRUE(faults->has(info.fault)) << info.name;
        EXPECT_EQ(faults->argument(info.fault), info.otherwise) << info.name;
    }
}

TEST(Faults, SeveralWithArgumentsAndOptions) {
    auto faults = parse_faults(
        "reset_mid=7; http=429,retry_after_ms=20,should_retry=false,billed ;"
        "comments,times=2");
    ASSERT_TRUE(faults);
    EXPECT_EQ(faults->argument(Fault::reset_mid), 7);
    const ChosenFault* http = faults->find(Fault::http);
    ASSERT_NE(http, nullptr);
    EXPECT_EQ(http->argument, 429);
    EXPECT_EQ(http->retry_after_ms, 20);
    EXPECT_EQ(http->should_retry, false);
    EXPECT_TRUE(http->billed);
    EXPECT_EQ(faults->find(Fault::comments)->times, 2);
    EXPECT_EQ(faults->text(), "reset_mid=7; http=429; comments=1");
}

TEST(Faults, WhatIsNotKnownIsRefusedByName) {
    for (const char* text :
         {"reset_midway", "reset_mid=x", "http=500,later", "comments=1,times="}) {
        auto faults = parse_faults(text);
        EXPECT_FALSE(faults) << text;
    }
    EXPECT_NE(parse_faults("reset_midway").error().message().find("reset_midway"),
              std::string_view::npos);
    for (const char* text : {"reset", "reset:2", "reset:-1", "reset:x", "reset:"}) {
        EXPECT_FALSE(parse_fault_rate(text)) << text;
    }
}

TEST(Faults, RatesAreDrawnBySeedAndNeverReplaceWhatWasChosen) {
    auto rate = parse_fault_rate("reset_mid=5:0.25");
    ASSERT_TRUE(rate);
    std::vector<FaultRate> rates{*rate};
    auto draw = [&](std::uint64_t seed) {
        SeededRng rng{seed};
        std::string drawn;
        for (int i = 0; i < 1000; ++i) {
            Faults faults;
            draw_faults(rates, rng, faults);
            drawn += faults.has(Fault::reset_mid) ? '1' : '0';
        }
        return drawn;
    };
    EXPECT_EQ(draw(3), draw(3));
    EXPECT_NE(draw(3), draw(4));
    std::string drawn = draw(3);
    auto hits = std::count(drawn.begin(), drawn.end(), '1');
    EXPECT_GT(hits, 200);
    EXPECT_LT(hits, 300);
    Faults chosen = *parse_faults("reset_mid=9");
    rates.front().probability = 1;
    SeededRng rng{1};
    draw_faults(rates, rng, chosen);
    EXPECT_EQ(chosen.argument(Fault::reset_mid), 9);
}

}  // namespace
}  // namespace weir::sim
