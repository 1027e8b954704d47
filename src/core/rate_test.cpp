#include <gtest/gtest.h>
#include <limits>

#include "core/price.h"

namespace weir::core {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'000'000);

Rate usd(std::string_view per_million) { return Rate::parse_usd_per_million(per_million).value(); }

std::optional<Rate>& of(PriceBand& band, TokenClass c) {
    return band.prices.token[static_cast<std::size_t>(c)];
}

// A made-up model with every kind of price: input 3, read 0.3, writes 3.75 and 6, output 15; above
// 200,000 tokens twice that; priority and us dearer; a search for one cent.
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
    of(high, TokenClass::input) = usd("6");
    of(high, TokenClass::output) = usd("22.5");
    PriceBand priority;
    of(priority, TokenClass::input) = usd("7.5");
    of(priority, TokenClass::output) = usd("37.5");
    PriceBand us;
    of(us, TokenClass::input) = usd("3.3");
    of(us, TokenClass::output) = usd("16.5");
    PriceRow row;
    row.id = "v/sonnet@";
    row.provider = "v";
    row.model = "sonnet";
    row.match = {.kind = ModelMatch::Kind::starts_with, .text = "sonnet", .parts = {}};
    row.tiers = {{"standard", {low, high}}, {"priority", {priority}}, {"us", {us}}};
    return row;
}

PriceRow opus() {
    PriceBand band;
    of(band, TokenClass::input) = usd("5");
    of(band, TokenClass::output) = usd("25");
    PriceRow row;
    row.id = "v/opus@";
    row.provider = "v";
    row.model = "opus";
    row.match = {.kind = ModelMatch::Kind::equals, .text = "opus", .parts = {}};
    row.tiers = {{"standard", {band}}};
    return row;
}

std::shared_ptr<const PriceBook> book() { return PriceBook::build({sonnet(), opus()}).value(); }

Usage usage_of(UsageLine line) {
    Usage usage;
    usage.lines.push_back(std::move(line));
    usage.completeness = Completeness::exact;
    return usage;
}

UsageLine tokens(std::int64_t input, std::int64_t output) {
    UsageLine line;
    line.of(TokenClass::input) = input;
    line.of(TokenClass::output) = output;
    return line;
}

TEST(RateUsage, EachClassAtItsOwnPrice) {
    UsageLine line = tokens(1'000, 200);
    line.of(TokenClass::cache_read) = 10'000;
    line.of(TokenClass::cache_write_short) = 2'000;
    line.of(TokenClass::cache_write_long) = 100;
    Bill bill = rate(*book(), "v", "sonnet-4", usage_of(line), kNow);
    // 0.003 + 0.003 + 0.0075 + 0.0006 + 0.003
    EXPECT_EQ(bill.total.to_usd(), "0.0171");
    ASSERT_EQ(bill.charges.size(), 5u);
    EXPECT_EQ(bill.charges[1].price_id, "v/sonnet@");
    EXPECT_EQ(bill.charges[1].model, "sonnet-4");
    EXPECT_EQ(bill.charges[1].tier, "standard");
    EXPECT_FALSE(bill.charges[1].price_fallback);
    EXPECT_FALSE(bill.unpriced);
    EXPECT_FALSE(bill.provisional);
}

TEST(RateUsage, TheLinesOwnInputChoosesTheBandForAllItsClasses) {
    UsageLine at_limit = tokens(200'000, 1'000'000);
    EXPECT_EQ(rate(*book(), "v", "sonnet", usage_of(at_limit), kNow).total.to_usd(), "15.60");
    UsageLine above = tokens(200'000, 1'000'000);
    above.of(TokenClass::cache_read) = 1;
    EXPECT_EQ(rate(*book(), "v", "sonnet", usage_of(above), kNow).total.to_usd(), "23.7000003");
}

TEST(RateUsage, AClassWithoutAPriceIsRatedAtItsParentsAndMarked) {
    UsageLine line;
    line.of(TokenClass::cache_write_long) = 1'000'000;
    line.of(TokenClass::output_audio) = 1'000'000;
    Bill bill = rate(*book(), "v", "opus", usage_of(line), kNow);
    ASSERT_EQ(bill.charges.size(), 2u);
    EXPECT_EQ(bill.total.to_usd(), "30.00");
    EXPECT_TRUE(bill.charges[0].price_fallback);
    EXPECT_TRUE(bill.charges[1].price_fallback);
}

TEST(RateUsage, TheServedTierSpeedAndGeographyChooseThePrices) {
    auto cost = [](std::string tier, std::string speed, std::string geo) {
        UsageLine line = tokens(1'000'000, 0);
        line.tier = std::move(tier);
        line.speed = std::move(speed);
        line.geo = std::move(geo);
        Bill bill = rate(*book(), "v", "sonnet", usage_of(line), kNow);
        const Charge& charge = bill.charges.at(0);
        return charge.tier + " " + bill.total.to_usd() + (charge.price_fallback ? " marked" : "");
    };
    EXPECT_EQ(cost("default", "standard", "not_available"), "standard 6.00");
    EXPECT_EQ(cost("priority", "", ""), "priority 7.50");
    EXPECT_EQ(cost("standard", "", "us"), "us 3.30");
    EXPECT_EQ(cost("flex", "", ""), "flex 6.00 marked");
    EXPECT_EQ(cost("priority", "", "us"), "priority+us 7.50 marked");
}

TEST(RateUsage, OneAnswerMayBillTwoModels) {
    Usage usage = usage_of(tokens(1'000'000, 0));
    UsageLine advisor = tokens(0, 1'000'000);
    advisor.model = "opus";
    advisor.role = LineRole::advisor;
    usage.lines.push_back(advisor);
    Bill bill = rate(*book(), "v", "sonnet", usage, kNow);
    ASSERT_EQ(bill.charges.size(), 2u);
    EXPECT_EQ(bill.charges[1].role, LineRole::advisor);
    EXPECT_EQ(bill.charges[1].price_id, "v/opus@");
    EXPECT_EQ(bill.total.to_usd(), "31.00");
}

TEST(RateUsage, AnAnswerUnderAnUnknownNameIsRatedAsTheModelAskedFor) {
    UsageLine line = tokens(1'000'000, 0);
    line.model = "models/deployment-7";
    Bill bill = rate(*book(), "v", "opus", usage_of(line), kNow);
    EXPECT_EQ(bill.total.to_usd(), "5.00");
    EXPECT_EQ(bill.charges[0].model, "models/deployment-7");
    EXPECT_TRUE(bill.charges[0].price_fallback);
    EXPECT_FALSE(bill.provisional);
}

TEST(RateUsage, AnUnknownModelIsProvisionallyTheVendorsDearest) {
    Bill bill = rate(*book(), "v", "brand-new", usage_of(tokens(0, 1'000'000)), kNow);
    EXPECT_TRUE(bill.provisional);
    EXPECT_EQ(bill.charges.at(0).price_id, "v/opus@");
    EXPECT_EQ(bill.total.to_usd(), "25.00");
}

TEST(RateUsage, AnUnknownVendorIsUnpricedAndItsTokensStaySeen) {
    Bill bill = rate(*book(), "nobody", "m", usage_of(tokens(7, 9)), kNow);
    EXPECT_TRUE(bill.unpriced);
    ASSERT_EQ(bill.charges.size(), 2u);
    EXPECT_EQ(bill.charges[1].quantity, 9);
    EXPECT_EQ(bill.charges[1].price_id, "");
}

TEST(RateUsage, SearchesAreFeesAndAFeeWithoutAPriceIsLoud) {
    Usage usage = usage_of(tokens(0, 0));
    usage.unit(UnitKind::web_search) = 3;
    Bill bill = rate(*book(), "v", "sonnet", usage, kNow);
    EXPECT_EQ(bill.total.to_usd(), "0.03");
    EXPECT_TRUE(bill.charges.at(0).is_unit);
    EXPECT_TRUE(rate(*book(), "v", "opus", usage, kNow).unpriced);
    usage.unit(UnitKind::web_search) = 0;
    usage.unit(UnitKind::web_fetch) = 3;
    EXPECT_FALSE(rate(*book(), "v", "opus", usage, kNow).unpriced);
}

TEST(RateUsage, AFeeForTheCallIsCountedOnce) {
    PriceRow row = opus();
    row.tiers[0].bands[0].prices.unit[static_cast<std::size_t>(UnitKind::request)] =
        Rate::parse_usd_per_unit("0.005").value();
    auto prices = PriceBook::build({row}).value();
    EXPECT_EQ(rate(*prices, "v", "opus", usage_of(tokens(1, 0)), kNow).total.to_usd(), "0.005005");
    EXPECT_TRUE(rate(*prices, "v", "opus", Usage{}, kNow).total.is_zero());
}

TEST(RateUsage, AbsurdCountsNeitherOverflowNorPayBack) {
    UsageLine line = tokens(std::numeric_limits<std::int64_t>::max(), -5);
    line.of(TokenClass::cache_read) = std::numeric_limits<std::int64_t>::max();
    Bill bill = rate(*book(), "v", "sonnet", usage_of(line), kNow);
    EXPECT_EQ(bill.charges.size(), 2u);
    EXPECT_GT(bill.total, Money::from_usd(1'000'000'000'000));
}

TEST(Usage, NamesAreTheOnesThatReportsAndRecordsShow) {
    EXPECT_EQ(token_class_name(TokenClass::cache_write_long), "cache_write_long");
    EXPECT_EQ(token_class_name(TokenClass::output_image), "output_image");
    EXPECT_EQ(unit_kind_name(UnitKind::web_search), "web_search");
    EXPECT_EQ(unit_kind_name(UnitKind::request), "request");
    EXPECT_EQ(line_role_name(LineRole::tool_image), "tool_image");
    EXPECT_EQ(completeness_name(Completeness::exact_drained), "exact_drained");
    EXPECT_EQ(price_origin_name(PriceOrigin::overlay), "overlay");
}

}  // namespace
}  // namespace weir::core
