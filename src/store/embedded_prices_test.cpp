#include "store/embedded_prices.h"

#include <gtest/gtest.h>
#include <set>

#include "store/price_source.h"

namespace weir::store {
namespace {

using core::PriceBook;
using core::PriceRow;
using core::TokenClass;

std::shared_ptr<const PriceBook> book() {
    static const auto built = PriceBook::build(embedded_prices().value()).value();
    return built;
}

std::string price(std::string_view vendor, std::string_view model, TokenClass c,
                  std::string_view date) {
    const PriceRow* row = book()->find(vendor, model, parse_rfc3339(date).value());
    if (row == nullptr) return "(no row)";
    auto rate = row->tiers.front().bands.front().prices.of(c);
    return rate ? rate->to_usd_per_million() : "(no price)";
}

TEST(EmbeddedPrices, KnowsTheModelsThatPeopleCall) {
    EXPECT_EQ(price("openai", "gpt-4o", TokenClass::input, "2026-11-24"), "2.5");
    EXPECT_EQ(price("openai", "gpt-4o-2024-08-06", TokenClass::output, "2026-11-24"), "10");
    EXPECT_EQ(price("openai", "text-embedding-3-small", TokenClass::input, "2026-11-24"), "0.02");
    EXPECT_EQ(price("anthropic", "claude-sonnet-4-5-20250929", TokenClass::cache_write_long,
                    "2026-11-24"),
              "6");
    EXPECT_EQ(price("groq", "llama-3.3-70b-versatile", TokenClass::input, "2026-11-24"), "0.59");
    EXPECT_EQ(price("openrouter", "deepseek/deepseek-r1:free", TokenClass::output, "2026-11-24"),
              "0");
    EXPECT_EQ(price("azure", "gpt-4o", TokenClass::input, "2026-11-24"), "2.5");
}

// finops.md §2: gpt-5.6 Luna went from 1/6 to 0.20/1.20 on 2026-07-30.
TEST(EmbeddedPrices, ACallBeforeAPriceCutKeepsItsPrice) {
    EXPECT_EQ(price("openai", "gpt-5.6-luna", TokenClass::output, "2026-07-29T23:59:59Z"), "6");
    EXPECT_EQ(price("openai", "gpt-5.6-luna", TokenClass::output, "2026-07-30"), "1.2");
}

TEST(EmbeddedPrices, EveryRowIsEmbeddedAndNamedOnce) {
    std::set<std::string> ids;
    for (const PriceRow& row : book()->rows()) {
        EXPECT_EQ(row.origin, core::PriceOrigin::embedded);
        EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    }
    EXPECT_GT(ids.size(), 1'500u);
}

TEST(EmbeddedPrices, TiersThatTheCatalogueLacksAreThere) {
    UnixTime now = parse_rfc3339("2026-11-24").value();
    const PriceRow* opus = book()->find("anthropic", "claude-opus-5", now);
    ASSERT_NE(opus, nullptr);
    ASSERT_EQ(opus->tiers.size(), 2u);
    EXPECT_EQ(opus->tiers[1].name, "fast");
    EXPECT_EQ(opus->tiers[1].bands[0].prices.of(TokenClass::output)->to_usd_per_million(), "50");
}

TEST(EmbeddedPrices, OnlyModelsThatAreNotPricedByTokensAreLeftOut) {
    auto parsed = parse_genai_prices(embedded_prices_json());
    ASSERT_TRUE(parsed);
    for (const SkippedPrice& skipped : parsed->skipped) {
        EXPECT_EQ(skipped.reason, "is not priced by tokens") << skipped.model;
    }
    EXPECT_LT(parsed->skipped.size(), 100u);
}

}  // namespace
}  // namespace weir::store
