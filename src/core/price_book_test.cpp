#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "core/price.h"

namespace weir::core {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'000'000);  // November 2026

Rate usd(std::string_view per_million) { return Rate::parse_usd_per_million(per_million).value(); }

PriceTier tier(std::string name, std::string_view input, std::string_view output) {
    PriceBand band;
    band.prices.token[0] = usd(input);
    band.prices.token[static_cast<std::size_t>(TokenClass::output)] = usd(output);
    return {.name = std::move(name), .bands = {band}};
}

PriceRow row(std::string provider, std::string model, std::string_view input = "1",
             std::string_view output = "2") {
    PriceRow r;
    r.id = provider + "/" + model + "@";
    r.provider = std::move(provider);
    r.match = {.kind = ModelMatch::Kind::equals, .text = model, .parts = {}};
    r.model = std::move(model);
    r.tiers = {tier("standard", input, output)};
    return r;
}

std::shared_ptr<const PriceBook> book_of(std::vector<PriceRow> rows) {
    auto book = PriceBook::build(std::move(rows));
    EXPECT_TRUE(book.has_value()) << (book ? "" : book.error().message());
    return book.value_or(nullptr);
}

std::string id_of(const PriceRow* r) { return r == nullptr ? "(none)" : r->id; }

TEST(PriceBook, FindsByNameInAnyCaseAndOnlyAtItsVendor) {
    auto book = book_of({row("openai", "gpt-5.5"), row("anthropic", "claude-opus-5")});
    EXPECT_EQ(id_of(book->find("openai", "GPT-5.5", kNow)), "openai/gpt-5.5@");
    EXPECT_EQ(book->find("anthropic", "gpt-5.5", kNow), nullptr);
    EXPECT_EQ(book->find("openai", "gpt-5.5-mini", kNow), nullptr);
    EXPECT_EQ(book->find("openai", "", kNow), nullptr);
    EXPECT_EQ(book->find("openai", std::string(100'000, 'x'), kNow), nullptr);
}

TEST(PriceBook, EveryKindOfMatch) {
    using Kind = ModelMatch::Kind;
    auto of = [](std::string id, ModelMatch match) {
        PriceRow r = row("v", std::move(id));
        r.match = std::move(match);
        return r;
    };
    auto leaf = [](Kind kind, std::string text) {
        return ModelMatch{.kind = kind, .text = std::move(text), .parts = {}};
    };
    auto book = book_of({
        of("start", leaf(Kind::starts_with, "Start-")),
        of("end", leaf(Kind::ends_with, "-end")),
        of("middle", leaf(Kind::contains, "middle")),
        of("regex", leaf(Kind::regex, R"(^re-\d{4}-\d{2}-\d{2}$)")),
        of("lookahead", leaf(Kind::regex, R"(^(?!.*-tts(?:$|-))look)")),
        of("any", {.kind = Kind::any_of,
                   .text = {},
                   .parts = {leaf(Kind::equals, "one"), leaf(Kind::equals, "two")}}),
        of("all", {.kind = Kind::all_of,
                   .text = {},
                   .parts = {leaf(Kind::starts_with, "a"), leaf(Kind::ends_with, "z")}}),
    });
    auto model_of = [&](std::string_view name) {
        const PriceRow* r = book->find("v", name, kNow);
        return r == nullptr ? std::string("(none)") : r->model;
    };
    EXPECT_EQ(model_of("start-x"), "start");
    EXPECT_EQ(model_of("x-END"), "end");
    EXPECT_EQ(model_of("in the middle of"), "middle");
    EXPECT_EQ(model_of("re-2026-04-23"), "regex");
    EXPECT_EQ(model_of("look-1"), "lookahead");
    EXPECT_EQ(model_of("look-tts"), "(none)");
    EXPECT_EQ(model_of("two"), "any");
    EXPECT_EQ(model_of("abcz"), "all");
    EXPECT_EQ(model_of("abc"), "(none)");
}

TEST(PriceBook, ADateWithoutDashesFindsTheRowWithDashes) {
    auto book = book_of({row("openai", "gpt-5.5-2026-04-23")});
    EXPECT_EQ(id_of(book->find("openai", "gpt-5.5-20260423", kNow)), "openai/gpt-5.5-2026-04-23@");
    EXPECT_EQ(book->find("openai", "gpt-5.5-202604231", kNow), nullptr);
}

TEST(PriceBook, PricesChangeAtTheInstantTheySayAndEarlierCallsKeepTheirs) {
    PriceRow old_price = row("openai", "luna", "1", "6");
    PriceRow new_price = row("openai", "luna", "0.2", "1.2");
    UnixTime change = parse_rfc3339("2026-07-30").value();
    old_price.until = change;
    new_price.from = change;
    new_price.id += "2026-07-30";
    auto book = book_of({old_price, new_price});
    EXPECT_EQ(id_of(book->find("openai", "luna", change - Duration{1})), "openai/luna@");
    EXPECT_EQ(id_of(book->find("openai", "luna", change)), "openai/luna@2026-07-30");
}

TEST(PriceBook, HoursOfTheDay) {
    PriceRow peak = row("deepseek", "v4", "2", "4");
    peak.id += "peak";
    peak.daily = DailyWindow{.from_s = 22 * 3600, .until_s = 3600};  // over midnight
    auto book = book_of({peak, row("deepseek", "v4")});
    auto at = [&](std::string_view time) {
        return id_of(book->find("deepseek", "v4",
                                parse_rfc3339("2026-11-24T" + std::string(time) + "Z").value()));
    };
    EXPECT_EQ(at("21:59:59"), "deepseek/v4@");
    EXPECT_EQ(at("22:00:00"), "deepseek/v4@peak");
    EXPECT_EQ(at("00:59:59"), "deepseek/v4@peak");
    EXPECT_EQ(at("01:00:00"), "deepseek/v4@");
}

TEST(PriceBook, AnOverlayWinsOverAnImportAndThatOverTheCatalogueWhateverTheirOrder) {
    PriceRow embedded = row("openai", "m");
    PriceRow imported = row("openai", "m");
    PriceRow overlay = row("openai", "m");
    imported.origin = PriceOrigin::imported;
    imported.until = kNow;
    overlay.origin = PriceOrigin::overlay;
    overlay.until = kNow - Duration{1'000'000'000};
    auto book = book_of({embedded, imported, overlay});
    auto origin_at = [&](UnixTime at) {
        return book->find("openai", "m", at)->origin;
    };
    EXPECT_EQ(origin_at(kNow - Duration{2'000'000'000}), PriceOrigin::overlay);
    EXPECT_EQ(origin_at(kNow - Duration{1}), PriceOrigin::imported);
    EXPECT_EQ(origin_at(kNow), PriceOrigin::embedded);
}

TEST(PriceBook, TheFirstOfTwoMatchingRowsOfACatalogueCounts) {
    PriceRow wide = row("v", "wide");
    wide.match = {.kind = ModelMatch::Kind::contains, .text = "gpt", .parts = {}};
    auto book = book_of({row("v", "gpt-1"), wide, row("v", "gpt-2")});
    EXPECT_EQ(id_of(book->find("v", "gpt-1", kNow)), "v/gpt-1@");
    EXPECT_EQ(id_of(book->find("v", "gpt-2", kNow)), "v/wide@");
}

TEST(PriceBook, DearestOfAVendorIsTheDearestInEffect) {
    PriceRow gone = row("v", "gone", "900", "900");
    gone.until = kNow;
    auto book = book_of({row("v", "cheap", "1", "1"), row("v", "dear", "5", "30"), gone});
    EXPECT_EQ(id_of(book->dearest_of("v", kNow)), "v/dear@");
    EXPECT_EQ(book->dearest_of("unknown", kNow), nullptr);
}

TEST(PriceBook, RefusesRowsThatCouldBeReadInTwoWays) {
    auto refused = [](std::vector<PriceRow> rows) {
        auto book = PriceBook::build(std::move(rows));
        return book ? std::string("accepted") : std::string(book.error().message());
    };
    PriceRow no_standard = row("v", "m");
    no_standard.tiers[0].name = "batch";
    EXPECT_THAT(refused({no_standard}).find("no standard tier"), testing::Ne(std::string::npos));

    PriceRow later = row("v", "m");
    later.id += "2026-01-01";
    later.from = parse_rfc3339("2026-01-01");
    EXPECT_THAT(refused({row("v", "m"), later}).find("overlaps"), testing::Ne(std::string::npos));
    EXPECT_THAT(refused({row("v", "m"), row("v", "m")}).find("twice"),
                testing::Ne(std::string::npos));

    PriceRow bad_regex = row("v", "m");
    bad_regex.match = {.kind = ModelMatch::Kind::regex, .text = "(", .parts = {}};
    EXPECT_THAT(refused({bad_regex}).find("regular expression"), testing::Ne(std::string::npos));

    PriceRow bands = row("v", "m");
    bands.tiers[0].bands.push_back(bands.tiers[0].bands[0]);
    EXPECT_THAT(refused({bands}).find("ascend"), testing::Ne(std::string::npos));

    PriceRow backwards = row("v", "m");
    backwards.from = kNow;
    backwards.until = kNow;
    EXPECT_THAT(refused({backwards}).find("ends before"), testing::Ne(std::string::npos));
}

TEST(PriceBook, TheHashNamesTheContents) {
    auto one = book_of({row("a", "m"), row("b", "m")});
    auto other_order = book_of({row("b", "m"), row("a", "m")});
    auto other_price = book_of({row("a", "m"), row("b", "m", "1.000000001")});
    EXPECT_EQ(one->hash(), other_order->hash());
    EXPECT_NE(one->hash(), other_price->hash());
    EXPECT_EQ(one->hash().size(), 32u);
}

TEST(PriceBook, MadeUpNamesBeyondTheMemoryAreStillAnswered) {
    PriceRow wide = row("v", "wide");
    wide.match = {.kind = ModelMatch::Kind::starts_with, .text = "m-", .parts = {}};
    auto book = book_of({wide, row("v", "real")});
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(id_of(book->find("v", "m-" + std::to_string(i), kNow)), "v/wide@");
    }
    EXPECT_EQ(id_of(book->find("v", "real", kNow)), "v/real@");
}

TEST(PriceBook, ManyThreadsMayAskAtOnce) {
    PriceRow wide = row("v", "wide");
    wide.match = {.kind = ModelMatch::Kind::starts_with, .text = "m-", .parts = {}};
    auto book = book_of({wide, row("v", "real")});
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&book, &wrong] {
            for (int i = 0; i < 3'000; ++i) {
                if (id_of(book->find("v", "m-" + std::to_string(i), kNow)) != "v/wide@") ++wrong;
                if (id_of(book->find("v", "real", kNow)) != "v/real@") ++wrong;
            }
        });
    }
    threads.clear();
    EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace weir::core
