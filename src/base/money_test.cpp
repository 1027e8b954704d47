#include "base/money.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Money, ParsesAndPrintsEveryDigit) {
    EXPECT_EQ(Money::parse_usd("0.05")->to_usd(), "0.05");
    EXPECT_EQ(Money::parse_usd("12")->to_usd(), "12.00");
    EXPECT_EQ(Money::parse_usd("-3.2e-7")->to_usd(), "-0.00000032");
    EXPECT_EQ(Money::from_pico(1).to_usd(), "0.000000000001");
    EXPECT_EQ(Money::parse_usd("9300000")->pico(), Int128{9'300'000} * Money::kPicoPerUsd);
}

TEST(Money, RefusesWhatIsNotAnExactAmount) {
    for (const char* text :
         {"", ".", "1.2.3", "abc", "1e", "1e99", "0.0000000000001", "NaN", "0x1"}) {
        EXPECT_FALSE(Money::parse_usd(text)) << text;
    }
}

TEST(Money, RoundsForPeopleHalfEven) {
    EXPECT_EQ(Money::parse_usd("0.125")->to_usd(2), "0.12");
    EXPECT_EQ(Money::parse_usd("0.135")->to_usd(2), "0.14");
    EXPECT_EQ(Money::parse_usd("-0.125")->to_usd(2), "-0.12");
    EXPECT_EQ(Money::parse_usd("1.98")->to_usd(0), "2");
}

TEST(Rate, KeepsPublishedPricesExact) {
    EXPECT_EQ(Rate::parse_usd_per_million("3")->femto(), 3'000'000'000);
    EXPECT_EQ(Rate::parse_usd_per_million("0.075")->femto(), 75'000'000);
    EXPECT_EQ(Rate::parse_usd_per_million("0.000001")->femto(), 1'000);
    EXPECT_EQ(Rate::parse_usd_per_unit("0.01")->femto(), 10'000'000'000'000);
    EXPECT_EQ(Rate::parse_usd_per_million("0.30")->to_usd_per_million(), "0.3");
    EXPECT_EQ(Rate::parse_usd_per_million("10")->to_usd_per_million(), "10");
    EXPECT_EQ(Rate::parse_usd_per_unit("0.008")->to_usd_per_unit(), "0.008");
    EXPECT_EQ(Rate::from_femto(1).to_usd_per_unit(), "0.000000000000001");
    EXPECT_FALSE(Rate::parse_usd_per_million("-1"));
    EXPECT_FALSE(Rate::parse_usd_per_million("1e30"));
}

TEST(Rounding, OnceForAChargeHalfEvenAndUpForABound) {
    EXPECT_EQ(round_half_even(1500).pico(), 2);
    EXPECT_EQ(round_half_even(2500).pico(), 2);
    EXPECT_EQ(round_half_even(2501).pico(), 3);
    EXPECT_EQ(round_half_even(-2500).pico(), -2);
    EXPECT_EQ(round_up(2001).pico(), 3);
    EXPECT_EQ(round_up(2000).pico(), 2);
}

TEST(Rounding, AnyTokensTimesAnyRateCannotOverflow) {
    Int128 most = femto_cost(INT64_MAX, Rate::from_femto(INT64_MAX));
    EXPECT_GT(most, 0);
    EXPECT_GT(round_up(most), Money{});
}

TEST(Int128Text, GoesThereAndBack) {
    for (Int128 v : {Int128{0}, Int128{-1}, Int128{INT64_MAX} * 1000, Int128{INT64_MIN} * 1000}) {
        EXPECT_EQ(parse_int128(to_string(v)), v);
    }
    EXPECT_FALSE(parse_int128("1e3"));
    EXPECT_FALSE(parse_int128("999999999999999999999999999999999999999"));
}

}  // namespace
}  // namespace weir
