#include <gtest/gtest.h>

#include "store/price_source.h"

namespace weir::store {
namespace {

using core::TokenClass;

std::string error_of(std::string_view text) {
    auto rows = parse_overlay(text);
    return rows ? "accepted" : std::string(rows.error().message());
}

std::string per_million(const core::PriceBand& band, TokenClass c) {
    auto rate = band.prices.of(c);
    return rate ? rate->to_usd_per_million() : "(none)";
}

TEST(PriceOverlay, ReadsANegotiatedRate) {
    auto rows = parse_overlay(R"(
prices:
  - provider: openai
    model: gpt-5.5*
    from: 2026-12-01
    until: 2027-12-01
    context_window: 400000
    max_output: 128000
    input: 1.10
    cache_read: "0.11"
    output: 8.80
    units: {web_search: 0.008}
    above: [{tokens: 200000, input: 2.20, output: 13.20}]
    tiers:
      priority: {input: 2.20, output: 17.60}
)");
    ASSERT_TRUE(rows) << rows.error().message();
    ASSERT_EQ(rows->size(), 1u);
    const core::PriceRow& row = rows->front();
    EXPECT_EQ(row.id, "openai/gpt-5.5*@2026-12-01");
    EXPECT_EQ(row.origin, core::PriceOrigin::overlay);
    EXPECT_EQ(row.match.kind, core::ModelMatch::Kind::starts_with);
    EXPECT_EQ(row.until, parse_rfc3339("2027-12-01"));
    EXPECT_EQ(row.max_output, 128'000);
    ASSERT_EQ(row.tiers.size(), 2u);
    ASSERT_EQ(row.tiers[0].bands.size(), 2u);
    EXPECT_EQ(per_million(row.tiers[0].bands[0], TokenClass::input), "1.1");
    EXPECT_EQ(per_million(row.tiers[0].bands[1], TokenClass::input), "2.2");
    EXPECT_EQ(per_million(row.tiers[0].bands[1], TokenClass::cache_read), "0.11");
    EXPECT_EQ(row.tiers[0].bands[1].prices.unit[0]->to_usd_per_million(), "8000");
    // What the tier does not say is in proportion to what it does.
    EXPECT_EQ(per_million(row.tiers[1].bands[0], TokenClass::cache_read), "0.22");
    EXPECT_EQ(per_million(row.tiers[1].bands[1], TokenClass::output), "26.4");
    EXPECT_TRUE(core::PriceBook::build(*rows).has_value());
}

TEST(PriceOverlay, JsonIsReadToo) {
    auto rows = parse_overlay(
        R"({"prices": [{"provider": "x", "model": "a*b", "input": 1e-1, "output": 0.3}]})");
    ASSERT_TRUE(rows) << rows.error().message();
    auto book = core::PriceBook::build(*rows).value();
    EXPECT_NE(book->find("x", "a/then.b", UnixTime{}), nullptr);
    EXPECT_EQ(book->find("x", "a/then.c", UnixTime{}), nullptr);
}

TEST(PriceOverlay, AFreeModelIsDeclaredFree) {
    auto rows = parse_overlay("prices: [{provider: local, model: '*', free: true}]");
    ASSERT_TRUE(rows) << rows.error().message();
    EXPECT_TRUE(rows->front().tiers[0].bands[0].prices.of(TokenClass::output)->is_zero());
}

TEST(PriceOverlay, WhatItDoesNotUnderstandItRefusesWithTheLine) {
    EXPECT_EQ(error_of("prices:\n  - {provider: a, model: b, input: 1, outptu: 2}"),
              "price overlay, line 2: unknown key outptu");
    EXPECT_NE(
        error_of("prices:\n  - provider: a\n    model: b\n    input: $3").find("line 4: input"),
        std::string::npos);
    EXPECT_NE(error_of("prices: [{provider: a, model: b, input: -1}]").find("not a price"),
              std::string::npos);
    EXPECT_NE(error_of("prices: [{provider: a, model: b, output: 1}]").find("no price of input"),
              std::string::npos);
    EXPECT_NE(error_of("prices: [{model: b, input: 1}]").find("needs a provider"),
              std::string::npos);
    EXPECT_NE(error_of("prices: [{provider: a, model: b, input: 1, input: 2}]").find("twice"),
              std::string::npos);
    EXPECT_NE(error_of("prices: [{provider: a, model: b, input: 1, from: soon}]").find("date"),
              std::string::npos);
    EXPECT_NE(error_of("price: []").find("unknown key price"), std::string::npos);
    EXPECT_NE(error_of("prices: [").find("price overlay, line"), std::string::npos);
    EXPECT_NE(error_of("[]").find("map"), std::string::npos);
    EXPECT_NE(error_of("prices: 3").find("list"), std::string::npos);
    EXPECT_EQ(error_of(""), "accepted");
}

}  // namespace
}  // namespace weir::store
