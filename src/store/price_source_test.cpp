#include "store/price_source.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "store/price_decimal.h"
#include "store/price_vendors.h"

namespace weir::store {
namespace {

using core::PriceRow;
using core::TokenClass;

std::string per_million(const core::PriceBand& band, TokenClass c) {
    auto rate = band.prices.of(c);
    return rate ? rate->to_usd_per_million() : "(none)";
}

const PriceRow* row_with(const ParsedPrices& prices, std::string_view id) {
    auto it = std::ranges::find(prices.rows, id, &PriceRow::id);
    return it == prices.rows.end() ? nullptr : &*it;
}

const core::PriceTier* tier_of(const PriceRow& row, std::string_view name) {
    auto it = std::ranges::find(row.tiers, name, &core::PriceTier::name);
    return it == row.tiers.end() ? nullptr : &*it;
}

std::string shared_file(const std::string& name) {
    std::ifstream file(std::string(WEIR_SOURCE_DIR "/../shared/data/prices/") + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(PriceDecimal, TextBecomesAnExactRateAndFloatNoiseIsTakenOff) {
    EXPECT_EQ(rate_of("1.5e-07", 0)->to_usd_per_million(), "0.15");
    EXPECT_EQ(rate_of("2.9999900000000002e-06", 0)->to_usd_per_million(), "2.99999");
    EXPECT_EQ(rate_of("9.999990000000002e-06", 0)->to_usd_per_million(), "9.99999");
    EXPECT_EQ(rate_of("0.049999999999999996", -6)->to_usd_per_million(), "0.05");
    EXPECT_EQ(rate_of("0.99999999999999999", -6)->to_usd_per_million(), "1");
    EXPECT_EQ(rate_of("0.08333333333333334", -6)->to_usd_per_million(), "0.083333334");
    EXPECT_EQ(rate_of("1e-30", -6)->femto(), 1);
    EXPECT_EQ(rate_of("10", -3)->to_usd_per_million(), "10000");
    EXPECT_EQ(rate_of("0", -6)->to_usd_per_million(), "0");
    for (std::string_view text : {"", "-1", "1,5", "$3", "1e", "1e99999", "nan", "1e30"}) {
        EXPECT_FALSE(rate_of(text, -6)) << text;
    }
    EXPECT_EQ(scaled_rate(rate_of("3", -6).value(), "1.1")->to_usd_per_million(), "3.3");
    EXPECT_EQ(whole_number("256000.0"), 256'000);
    EXPECT_EQ(whole_number("2e5"), 200'000);
    EXPECT_EQ(whole_number("1.5"), std::nullopt);
    EXPECT_EQ(whole_number("99999999999999999999"), std::nullopt);
}

TEST(PriceSource, VendorsAreNamedAsInTheBook) {
    EXPECT_EQ(vendor_of_litellm("bedrock_converse"), "aws");
    EXPECT_EQ(vendor_of_litellm("vertex_ai-anthropic_models"), "google");
    EXPECT_EQ(vendor_of_litellm("xai"), "x-ai");
    EXPECT_EQ(vendor_of_litellm("groq"), "groq");
    EXPECT_EQ(vendor_of_models_dev("togetherai"), "together");
    EXPECT_EQ(vendor_of_models_dev("openai"), "openai");
}

TEST(PriceSource, GenaiPricesDatesHoursThresholdsAndOtherVendorsModels) {
    auto parsed = parse_genai_prices(R"([
      {"id": "maker", "models": [
        {"id": "m", "match": {"or": [{"equals": "m"}, {"starts_with": "m-"}]},
         "context_window": 1000,
         "prices": [
          {"prices": {"input_mtok": {"base": 3, "tiers": [{"start": 200000, "price": 6}]},
                      "output_mtok": 15, "output_reasoning_mtok": 20, "web_searches_kcount": 10}},
          {"constraint": {"type": "start_date", "start_date": "2026-08-01"},
           "prices": {"input_mtok": 2, "output_mtok": 10}},
          {"constraint": {"type": "time_of_date", "start_time": "01:00:00Z",
                          "end_time": "04:00:00Z"},
           "prices": {"input_mtok": 4, "output_mtok": 20}}]},
        {"id": "pages", "match": {"equals": "pages"}, "prices": {"input_document_kpages": 1}},
        {"id": "odd", "match": {"like": "x"}, "prices": {"input_mtok": 1}}]},
      {"id": "seller", "fallback_model_providers": ["maker"], "models": []}])");
    ASSERT_TRUE(parsed) << parsed.error().message();
    ASSERT_EQ(parsed->rows.size(), 6u);
    EXPECT_EQ(parsed->rows[0].id, "maker/m@+3600-14400s");
    const PriceRow* first = row_with(*parsed, "maker/m@");
    const PriceRow* second = row_with(*parsed, "maker/m@2026-08-01");
    ASSERT_TRUE(first != nullptr && second != nullptr);
    EXPECT_EQ(first->until, second->from);
    EXPECT_EQ(first->context_window, 1'000);
    ASSERT_EQ(first->tiers[0].bands.size(), 2u);
    EXPECT_EQ(first->tiers[0].bands[1].above_input_tokens, 200'000);
    EXPECT_EQ(per_million(first->tiers[0].bands[1], TokenClass::input), "6");
    EXPECT_EQ(per_million(first->tiers[0].bands[1], TokenClass::output), "20");
    EXPECT_EQ(first->tiers[0].bands[0].prices.unit[0]->to_usd_per_million(), "10000");
    const PriceRow* sold = row_with(*parsed, "seller/maker/m@2026-08-01");
    ASSERT_NE(sold, nullptr);
    EXPECT_EQ(sold->provider, "seller");
    ASSERT_EQ(parsed->skipped.size(), 2u);
    EXPECT_EQ(parsed->skipped[0].model, "maker/pages");
    EXPECT_TRUE(core::PriceBook::build(parsed->rows).has_value());
}

TEST(PriceSource, LitellmTiersThresholdsLongWritesSearchesAndFactors) {
    auto parsed = parse_litellm(R"({
      "sample_spec": {"litellm_provider": "one of …"},
      "gpt-x": {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 1050000,
        "max_output_tokens": 128000.0,
        "input_cost_per_token": 5e-06, "output_cost_per_token": 3e-05,
        "cache_read_input_token_cost": 5e-07,
        "input_cost_per_token_above_272k_tokens": 1e-05,
        "output_cost_per_token_above_272k_tokens": 4.5e-05,
        "input_cost_per_token_flex": 2.5e-06, "output_cost_per_token_flex": 1.5e-05,
        "input_cost_per_token_batches": 2.5e-06, "output_cost_per_token_batches": 1.5e-05,
        "input_cost_per_token_priority": 1.25e-05, "output_cost_per_token_priority": 7.5e-05,
        "input_cost_per_token_above_272k_tokens_priority": 2.5e-05,
        "search_context_cost_per_query": {"search_context_size_low": 0.03,
                                          "search_context_size_high": 0.05}},
      "claude-x": {"litellm_provider": "anthropic", "mode": "chat",
        "input_cost_per_token": 5e-06, "output_cost_per_token": 2.5e-05,
        "cache_creation_input_token_cost": 6.25e-06,
        "cache_creation_input_token_cost_above_1hr": 1e-05,
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 2e-05,
        "provider_specific_entry": {"us": 1.1, "fast": 2.0}},
      "xai/grok-x": {"litellm_provider": "xai", "mode": "chat", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06, "output_cost_per_reasoning_token": 3e-06,
        "tiered_pricing": [{"range": [0, 128000.0], "input_cost_per_token": 1e-06},
                           {"range": [128000.0, 1e6], "input_cost_per_token": 4e-06}]},
      "dall": {"litellm_provider": "openai", "mode": "image_generation",
        "input_cost_per_image": 0.04},
      "torn": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "cheap"}})");
    ASSERT_TRUE(parsed) << parsed.error().message();
    ASSERT_EQ(parsed->rows.size(), 3u);
    ASSERT_EQ(parsed->skipped.size(), 2u);
    const PriceRow* gpt = row_with(*parsed, "openai/gpt-x@");
    ASSERT_NE(gpt, nullptr);
    EXPECT_EQ(gpt->max_output, 128'000);
    EXPECT_EQ(gpt->context_window, 1'050'000);
    ASSERT_EQ(gpt->tiers.size(), 4u);
    const core::PriceTier* priority = tier_of(*gpt, "priority");
    ASSERT_NE(priority, nullptr);
    EXPECT_EQ(per_million(priority->bands[0], TokenClass::output), "75");
    EXPECT_EQ(per_million(priority->bands[1], TokenClass::input), "25");
    EXPECT_EQ(per_million(priority->bands[0], TokenClass::cache_read), "1.25");
    ASSERT_NE(tier_of(*gpt, "batch"), nullptr);
    EXPECT_EQ(per_million(tier_of(*gpt, "flex")->bands[0], TokenClass::input), "2.5");
    EXPECT_EQ(gpt->tiers[0].bands[0].prices.unit[0]->to_usd_per_million(), "50000");

    const PriceRow* claude = row_with(*parsed, "anthropic/claude-x@");
    ASSERT_NE(claude, nullptr);
    EXPECT_EQ(per_million(claude->tiers[0].bands[0], TokenClass::cache_write_long), "10");
    EXPECT_EQ(per_million(claude->tiers[0].bands[1], TokenClass::cache_write_long), "20");
    ASSERT_NE(tier_of(*claude, "fast+us"), nullptr);
    EXPECT_EQ(per_million(tier_of(*claude, "fast+us")->bands[0], TokenClass::output), "55");

    const PriceRow* grok = row_with(*parsed, "x-ai/grok-x@");
    ASSERT_NE(grok, nullptr);
    EXPECT_EQ(per_million(grok->tiers[0].bands[1], TokenClass::input), "4");
    EXPECT_EQ(per_million(grok->tiers[0].bands[0], TokenClass::output), "3");
    EXPECT_TRUE(core::PriceBook::build(parsed->rows).has_value());
}

TEST(PriceSource, ModelsDevTiersAndModes) {
    auto parsed = parse_models_dev(R"({"xai": {"id": "xai", "models": {
      "grok-x": {"limit": {"context": 256000, "output": 64000},
        "cost": {"input": 1.25, "output": 2.5, "cached_input": 0.2,
                 "tiers": [{"input": 2.5, "output": 5, "tier": {"size": 200000}}]},
        "experimental": {"modes": {"fast": {"cost": {"input": 12.5, "output": 75.0},
                                            "provider": {"body": {"service_tier": "priority"}}}}}},
      "free-of-cost": {"limit": {}}}}})");
    ASSERT_TRUE(parsed) << parsed.error().message();
    ASSERT_EQ(parsed->rows.size(), 1u);
    const PriceRow& row = parsed->rows[0];
    EXPECT_EQ(row.id, "x-ai/grok-x@");
    EXPECT_EQ(row.max_output, 64'000);
    EXPECT_EQ(per_million(row.tiers[0].bands[0], TokenClass::cache_read), "0.2");
    EXPECT_EQ(per_million(row.tiers[0].bands[1], TokenClass::output), "5");
    ASSERT_NE(tier_of(row, "priority"), nullptr);
    EXPECT_EQ(per_million(tier_of(row, "priority")->bands[0], TokenClass::input), "12.5");
    ASSERT_EQ(parsed->skipped.size(), 1u);
}

TEST(PriceSource, WhatIsNoCatalogueIsRefused) {
    for (std::string_view text : {"", "null", "[]", "{}", "[1]", "{\"a\": 1}", "[{\"id\": 1}]",
                                  "{\"a\":", "\"text\"", "[{\"id\":\"x\",\"models\":3}"}) {
        EXPECT_FALSE(parse_genai_prices(text)) << text;
        EXPECT_FALSE(parse_litellm(text)) << text;
        EXPECT_FALSE(parse_models_dev(text)) << text;
        EXPECT_FALSE(parse_catalogue(text)) << text;
    }
    EXPECT_FALSE(parse_catalogue(std::string(100'000, '[')));
}

TEST(PriceSource, EveryPrefixOfACatalogueIsReadOrRefused) {
    const std::string text =
        R"([{"id":"v","models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":1.5}}]}])";
    for (std::size_t n = 0; n < text.size(); ++n) {
        EXPECT_FALSE(parse_genai_prices(std::string_view(text).substr(0, n)));
    }
    EXPECT_EQ(parse_genai_prices(text)->rows.size(), 1u);
}

TEST(PriceDiff, TellsWhatChangedAndMarksJumps) {
    auto rows = [](std::string_view prices) {
        return parse_litellm(prices).value().rows;
    };
    auto before = rows(
        R"({"a": {"litellm_provider": "v", "input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06},
                           "gone": {"litellm_provider": "v", "input_cost_per_token": 1e-06}})");
    auto after = rows(
        R"({"a": {"litellm_provider": "v", "input_cost_per_token": 1.1e-06, "output_cost_per_token": 12e-06},
                          "new": {"litellm_provider": "v", "input_cost_per_token": 1e-06}})");
    auto changes = diff_prices(before, after);
    ASSERT_EQ(changes.size(), 4u);
    EXPECT_EQ(changes[0].what, "standard input");
    EXPECT_EQ(changes[0].factor_permille, 1'100);
    EXPECT_FALSE(changes[0].jump);
    EXPECT_EQ(changes[1].what, "standard output");
    EXPECT_EQ(changes[1].factor_permille, 3'000);
    EXPECT_TRUE(changes[1].jump);
    EXPECT_EQ(price_change_name(changes[2].kind), "removed");
    EXPECT_EQ(changes[2].id, "v/gone@");
    EXPECT_EQ(price_change_name(changes[3].kind), "added");
    EXPECT_TRUE(diff_prices(before, before).empty());
}

TEST(PriceSource, ReadsTheWholeOfEachPublishedCatalogue) {
    struct Expected {
        std::string file;
        std::size_t rows_min;
        std::size_t skipped_max;
    };
    for (const auto& [file, rows_min, skipped_max] :
         {Expected{"genai-prices_npm-0.1.8_data.json", 1'700, 100},
          Expected{"litellm_model_prices_and_context_window.json", 2'200, 800},
          Expected{"models.dev_api.json", 4'700, 600}}) {
        std::string text = shared_file(file);
        if (text.empty()) GTEST_SKIP() << "the published catalogues are not beside the source";
        auto parsed = parse_catalogue(text);
        ASSERT_TRUE(parsed) << file << ": " << parsed.error().message();
        EXPECT_GT(parsed->rows.size(), rows_min) << file;
        EXPECT_LT(parsed->skipped.size(), skipped_max) << file;
        auto book = core::PriceBook::build(std::move(parsed->rows));
        EXPECT_TRUE(book.has_value()) << file << ": " << book.error().message();
    }
}

}  // namespace
}  // namespace weir::store
