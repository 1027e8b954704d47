#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "core/price.h"

namespace weir::core {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'000'000);

Rate usd(std::string_view per_million) { return Rate::parse_usd_per_million(per_million).value(); }

std::optional<Rate>& of(PriceBand& band, TokenClass c) {
    return band.prices.token[static_cast<std::size_t>(c)];
}

// Input 3, read 0.3, writes 3.75 and 6, output 15; above 200,000 tokens twice; priority 2.5 times;
// a search for one cent; 64,000 tokens of output, 1,000,000 of context.
PriceRow sonnet() {
    PriceBand low;
    of(low, TokenClass::input) = usd("3");
    of(low, TokenClass::cache_read) = usd("0.3");
    of(low, TokenClass::cache_write_short) = usd("3.75");
    of(low, TokenClass::cache_write_long) = usd("6");
    of(low, TokenClass::output) = usd("15");
    low.prices.unit[static_cast<std::size_t>(UnitKind::web_search)] =
        Rate::parse_usd_per_unit("0.01").value();
    PriceBand high = low;
    high.above_input_tokens = 200'000;
    for (TokenClass c : {TokenClass::input, TokenClass::cache_write_short,
                         TokenClass::cache_write_long, TokenClass::output}) {
        of(high, c) = Rate::from_femto(of(low, c)->femto() * 2);
    }
    PriceRow row;
    row.id = "v/sonnet@";
    row.provider = "v";
    row.model = "sonnet";
    row.match = {.kind = ModelMatch::Kind::equals, .text = "sonnet", .parts = {}};
    row.tiers = {{"standard", {low, high}}};
    row.context_window = 1'000'000;
    row.max_output = 64'000;
    return row;
}

PriceRow with_priority(PriceRow row) {
    PriceBand band;
    of(band, TokenClass::input) = usd("7.5");
    of(band, TokenClass::output) = usd("37.5");
    PriceBand flex;
    of(flex, TokenClass::input) = usd("1.5");
    of(flex, TokenClass::output) = usd("7.5");
    row.tiers.push_back({"priority", {band}});
    row.tiers.push_back({"flex", {flex}});
    return row;
}

CallShape messages(std::int64_t max_output) {
    CallShape shape;
    shape.endpoint = Endpoint::messages;
    shape.max_output = max_output;
    return shape;
}

Result<Quote> quote_of(const PriceRow& row, const CallShape& shape, std::int64_t input,
                       std::int64_t default_max_output = 16'384) {
    return quote(row, {.shape = &shape,
                       .input_tokens_bound = input,
                       .images = shape.images,
                       .default_max_output = default_max_output,
                       .overhead_tokens = 0});
}

std::string bound_of(const PriceRow& row, const CallShape& shape, std::int64_t input) {
    auto q = quote_of(row, shape, input);
    return q ? q->bound.to_usd() : std::string(q.error().info().name);
}

std::string why_not(const PriceRow& row, const CallShape& shape) {
    auto q = quote_of(row, shape, 100);
    return q ? "bounded" : std::string(q.error().message());
}

TEST(QuoteCall, InputAndOutputAtTheDearestReachablePrice) {
    CallShape shape = messages(1'000);
    auto q = quote_of(sonnet(), shape, 10'000);
    ASSERT_TRUE(q);
    EXPECT_EQ(q->bound.to_usd(), "0.045");  // 10,000 × 3 + 1,000 × 15
    EXPECT_EQ(q->fixed.to_usd(), "0.03");
    EXPECT_EQ(q->output_rate.to_usd_per_million(), "15");
    EXPECT_EQ(q->token_bound, 11'000);
    EXPECT_EQ(q->price_id, "v/sonnet@");
    shape.wants_cache = true;
    EXPECT_EQ(bound_of(sonnet(), shape, 10'000), "0.0525");
    shape.wants_long_cache = true;
    EXPECT_EQ(bound_of(sonnet(), shape, 10'000), "0.075");
}

TEST(QuoteCall, CacheWritesNobodyAskedForAreReachableWhereTheProviderWritesByItself) {
    CallShape shape = messages(0);
    shape.endpoint = Endpoint::responses;
    EXPECT_EQ(bound_of(sonnet(), shape, 10'000), "0.0375");
}

TEST(QuoteCall, AnInputThatMayReachTheNextBandIsPricedThere) {
    EXPECT_EQ(bound_of(sonnet(), messages(0), 200'000), "0.60");
    EXPECT_EQ(bound_of(sonnet(), messages(0), 200'001), "1.200006");
}

TEST(QuoteCall, WithoutAMaximumTheModelsOrTheDefaultIsSent) {
    CallShape shape = messages(0);
    shape.max_output.reset();
    EXPECT_EQ(quote_of(sonnet(), shape, 1)->max_output, 64'000);
    PriceRow row = sonnet();
    row.max_output = 0;
    EXPECT_EQ(quote_of(row, shape, 1)->max_output, 16'384);
    row.context_window = 8'192;
    EXPECT_EQ(quote_of(row, shape, 1)->max_output, 8'192);
    row.context_window = 0;
    EXPECT_EQ(quote_of(row, shape, 1, 0).error().code(), ErrorCode::unsupported_parameter);
}

TEST(QuoteCall, AnAbsurdMaximumIsClippedAndNeverLowersTheBound) {
    auto q = quote_of(sonnet(), messages(9'000'000'000'000'000'000), 1'000);
    ASSERT_TRUE(q);
    EXPECT_EQ(q->max_output, 64'000);
    EXPECT_EQ(q->bound.to_usd(), "0.963");
    PriceRow unknown = sonnet();
    unknown.max_output = unknown.context_window = 0;
    EXPECT_EQ(bound_of(unknown, messages(9'000'000'000'000'000'000), 1), "invalid_parameter");
    EXPECT_EQ(bound_of(sonnet(), messages(-1), 1), "invalid_parameter");
    EXPECT_EQ(bound_of(sonnet(), messages(1), -1), "invalid_parameter");
    EXPECT_EQ(bound_of(sonnet(), messages(1), std::numeric_limits<std::int64_t>::max()),
              "invalid_parameter");
}

TEST(QuoteCall, ChoicesMultiplyTheOutputOnly) {
    CallShape shape = messages(1'000);
    shape.choices = 3;
    auto q = quote_of(sonnet(), shape, 10'000);
    ASSERT_TRUE(q);
    EXPECT_EQ(q->bound.to_usd(), "0.075");
    EXPECT_EQ(q->token_bound, 13'000);
    EXPECT_EQ(q->output_rate.to_usd_per_million(), "45");
    shape.choices = -1;
    EXPECT_EQ(bound_of(sonnet(), shape, 1), "invalid_parameter");
    shape.choices = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(bound_of(sonnet(), shape, 1), "invalid_parameter");
}

TEST(QuoteCall, TheTierIsTheDearestThatMayServe) {
    PriceRow row = with_priority(sonnet());
    CallShape shape = messages(0);
    auto at = [&](std::string tier) {
        shape.service_tier = std::move(tier);
        return bound_of(row, shape, 1'000);
    };
    EXPECT_EQ(at(""), "0.0075");
    EXPECT_EQ(at("auto"), "0.0075");
    EXPECT_EQ(at("default"), "0.003");
    EXPECT_EQ(at("standard_only"), "0.003");
    EXPECT_EQ(at("flex"), "0.003");
    EXPECT_EQ(at("priority"), "0.0075");
    EXPECT_EQ(at("fast"), "0.0075");
    EXPECT_EQ(at("ultrafast"), "unsupported_parameter");
    shape.service_tier = "priority";
    EXPECT_EQ(bound_of(sonnet(), shape, 1'000), "unsupported_parameter");
}

// Anthropic's `speed` is billed as a tier of that name, alone or with a geography.
TEST(QuoteCall, ASpeedIsHeldAtWhatItMayCost) {
    PriceRow row = sonnet();
    PriceTier fast = row.tiers.front();
    fast.name = "fast+us";
    for (PriceBand& band : fast.bands) {
        for (auto& price : band.prices.token) {
            if (price) price = Rate::from_femto(price->femto() * 6);
        }
    }
    row.tiers.push_back(fast);
    CallShape shape = messages(0);
    EXPECT_EQ(bound_of(row, shape, 1'000), "0.003");
    shape.speed = "standard";
    EXPECT_EQ(bound_of(row, shape, 1'000), "0.003");
    shape.speed = "fast";
    EXPECT_EQ(bound_of(row, shape, 1'000), "0.018");
    EXPECT_EQ(bound_of(sonnet(), shape, 1'000), "unsupported_parameter");
}

TEST(QuoteCall, EmbeddingsHaveNoOutput) {
    CallShape shape;
    shape.endpoint = Endpoint::embeddings;
    auto q = quote_of(sonnet(), shape, 1'000);
    ASSERT_TRUE(q);
    EXPECT_EQ(q->max_output, 0);
    EXPECT_EQ(q->token_bound, 1'000);
}

TEST(QuoteCall, InputThatIsNotInTheBodyIsBoundedByTheContextWindow) {
    CallShape shape = messages(0);
    for (Unbounded beyond : {Unbounded::reference, Unbounded::remote_media, Unbounded::document}) {
        shape.unbounded = 0;
        shape.mark(beyond);
        EXPECT_EQ(quote_of(sonnet(), shape, 100)->input_bound, 1'000'000);
    }
    PriceRow row = sonnet();
    row.context_window = 0;
    row.max_output = 100;
    EXPECT_NE(why_not(row, shape).find("context_window"), std::string::npos);
}

TEST(QuoteCall, ToolsOfTheProviderReadTheContextAgainForEachUse) {
    CallShape shape = messages(1'000);
    shape.mark(Unbounded::server_tool);
    EXPECT_NE(why_not(sonnet(), shape).find("max_uses"), std::string::npos);
    shape.server_tool_uses = 2;
    auto q = quote_of(sonnet(), shape, 100);
    ASSERT_TRUE(q);
    EXPECT_EQ(q->input_bound, 3'000'000);
    // 3 × 1,000,000 × 6 + 2 × 0.01 + 3 × 1,000 × 30
    EXPECT_EQ(q->bound.to_usd(), "18.11");
    PriceRow row = sonnet();
    for (PriceBand& band : row.tiers[0].bands) band.prices.unit = {};
    EXPECT_NE(why_not(row, shape).find("no known price"), std::string::npos);
}

TEST(QuoteCall, WhatRunsOnUnseenIsRefusedWithTheWayOut) {
    CallShape shape = messages(10);
    shape.mark(Unbounded::background);
    EXPECT_NE(why_not(sonnet(), shape).find("`background`"), std::string::npos);
    shape.unbounded = 0;
    shape.mark(Unbounded::compaction);
    EXPECT_NE(why_not(sonnet(), shape).find("context management"), std::string::npos);
    shape.unbounded = 0;
    shape.mark(Unbounded::unknown_tool);
    EXPECT_NE(why_not(sonnet(), shape).find("unknown type"), std::string::npos);
    shape.unbounded = 0;
    shape.mark(Unbounded::other_model);
    EXPECT_NE(why_not(sonnet(), shape).find("another model"), std::string::npos);
    shape.unbounded = 0;
    shape.mark(Unbounded::prediction);
    EXPECT_NE(why_not(sonnet(), shape).find("`prediction`"), std::string::npos);
}

TEST(QuoteCall, ImagesCountWhateverTheirBytes) {
    CallShape shape = messages(0);
    shape.images = 2;
    EXPECT_EQ(quote_of(sonnet(), shape, 100)->input_bound, 100 + 2 * 16'384);
    PriceRow claude = sonnet();
    claude.model = "claude-sonnet";
    EXPECT_EQ(quote_of(claude, shape, 100)->input_bound, 100 + 2 * 4'784);
}

TEST(QuoteCall, NothingIsFreeUnlessDeclared) {
    EXPECT_EQ(quote_of(sonnet(), messages(0), 0)->bound, Money::from_pico(1));
    PriceRow free_row = sonnet();
    PriceBand band;
    of(band, TokenClass::input) = Rate{};
    of(band, TokenClass::output) = Rate{};
    free_row.tiers = {{"standard", {band}}};
    EXPECT_TRUE(quote_of(free_row, messages(100), 100)->bound.is_zero());
}

// ledger.md I10: whatever an answer within its limits consumes, it costs no more than its bound.
TEST(QuoteCall, NoAnswerWithinItsLimitsCostsMoreThanItsBound) {
    std::mt19937_64 random(20'261'124);
    auto below = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
    };
    for (int round = 0; round < 3'000; ++round) {
        PriceRow row = round % 2 == 0 ? sonnet() : with_priority(sonnet());
        for (PriceTier& tier : row.tiers) {
            for (PriceBand& band : tier.bands) {
                for (auto& rate : band.prices.token) {
                    if (rate) rate = Rate::from_femto(below(20'000'000'000));
                }
            }
        }
        auto book = PriceBook::build({row}).value();
        CallShape shape = messages(below(2'000));
        shape.choices = 1 + below(3);
        shape.wants_cache = below(2) == 0;
        shape.wants_long_cache = shape.wants_cache && below(2) == 0;
        std::int64_t bound = 1 + below(400'000);
        auto q = quote_of(row, shape, bound);
        ASSERT_TRUE(q);
        Usage usage;
        usage.completeness = Completeness::exact;
        UsageLine line;
        std::int64_t left = bound;
        auto take = [&](TokenClass c, bool reachable) {
            if (!reachable) return;
            line.of(c) = below(left + 1);
            left -= line.of(c);
        };
        take(TokenClass::cache_read, true);
        take(TokenClass::cache_write_short, shape.wants_cache);
        take(TokenClass::cache_write_long, shape.wants_long_cache);
        line.of(TokenClass::input) = left;
        line.of(TokenClass::output) = shape.choices * *shape.max_output;
        if (round % 2 == 1 && below(2) == 0) line.tier = "priority";
        usage.lines.push_back(line);
        ASSERT_LE(rate(*book, "v", "sonnet", usage, kNow).total, q->bound) << "round " << round;
    }
}

}  // namespace
}  // namespace weir::core
