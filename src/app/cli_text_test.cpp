#include "app/cli_text.h"

#include <gtest/gtest.h>

#include "app/cli_blocks.h"

namespace weir::app {
namespace {

TEST(MoneyText, IsReadableAndNeverZeroForWhatIsNot) {
    EXPECT_EQ(money_text("0.00"), "$0");
    EXPECT_EQ(money_text("0.000000000001"), "$0.000000000001");
    EXPECT_EQ(money_text("0.000123"), "$0.000123");
    EXPECT_EQ(money_text("0.00012345678"), "$0.0001235");
    EXPECT_EQ(money_text("0.5"), "$0.50");
    EXPECT_EQ(money_text("0.12345"), "$0.1234");  // half to even
    EXPECT_EQ(money_text("0.99999"), "$1.00");
    EXPECT_EQ(money_text("12.3456"), "$12.35");
    EXPECT_EQ(money_text("1234567.891"), "$1,234,567.89");
    EXPECT_EQ(money_text("-0.0009"), "-$0.0009");
    EXPECT_EQ(money_text("-1234.5"), "-$1,234.50");
}

TEST(MoneyText, ExactKeepsEveryDigit) {
    EXPECT_EQ(exact_money("0.000123456789"), "$0.000123456789");
    EXPECT_EQ(exact_money("-2.50"), "-$2.50");
    EXPECT_EQ(price_money("3"), "$3");
    EXPECT_EQ(price_money("0.3"), "$0.30");
    EXPECT_EQ(price_money("0.0375"), "$0.0375");
}

TEST(CountText, GroupsThousands) {
    EXPECT_EQ(count_text(0), "0");
    EXPECT_EQ(count_text(999), "999");
    EXPECT_EQ(count_text(1'000), "1,000");
    EXPECT_EQ(count_text(-12'345'678), "-12,345,678");
}

TEST(TimeText, IsUtcWithoutOrnaments) {
    EXPECT_EQ(time_text("2026-11-24T03:43:37.125Z"), "2026-11-24 03:43:37");
    EXPECT_EQ(time_text(""), "-");
    EXPECT_EQ(micros_text(42), "42 µs");
    EXPECT_EQ(micros_text(4'200), "4 ms");
    EXPECT_EQ(micros_text(1'240'000), "1.2 s");
}

TEST(ParseWhen, TakesDatesInstantsAndSpans) {
    const UnixTime now = parse_rfc3339("2026-11-24T12:00:00Z").value();
    EXPECT_EQ(to_rfc3339(parse_past("2026-11-01", now).value()), "2026-11-01T00:00:00Z");
    EXPECT_EQ(to_rfc3339(parse_past("2h", now).value()), "2026-11-24T10:00:00Z");
    EXPECT_EQ(to_rfc3339(parse_past("7d", now).value()), "2026-11-17T12:00:00Z");
    EXPECT_EQ(to_rfc3339(parse_future("30d", now).value()), "2026-12-24T12:00:00Z");
    // A Tuesday.
    EXPECT_EQ(to_rfc3339(parse_future("friday", now).value()), "2026-11-28T00:00:00Z");
    EXPECT_EQ(to_rfc3339(parse_future("tuesday", now).value()), "2026-11-25T00:00:00Z");
    EXPECT_EQ(to_rfc3339(parse_future("monday", now).value()), "2026-12-01T00:00:00Z");
    EXPECT_EQ(parse_span("0s"), Duration{0});
    for (const std::string_view wrong : {"", "h", "7", "1.5h", "-2h", "2 h", "999999d", "soon"}) {
        const Result<UnixTime> when = parse_past(wrong, now);
        ASSERT_FALSE(when) << wrong;
        EXPECT_NE(when.error().message().find("30m, 2h, 7d"), std::string_view::npos);
    }
}

TEST(TableText, AlignsByWhatIsSeen) {
    Table table({{"NAME"}, {"COST", Table::Align::right}});
    table.add({"Grünwald", "$1.00"});
    table.add({"a\x1b[31mb\n", "$12.35"});
    table.add({"short"});
    EXPECT_EQ(table.text(),
              "NAME        COST\n"
              "Grünwald   $1.00\n"
              "a?[31mb?  $12.35\n"
              "short\n");
}

TEST(PasteBlocks, GiveEachClientItsOwnBase) {
    const std::string text = paste_blocks("http://10.0.0.1:4000", "weir_k_s");
    for (const std::string_view line :
         {"export OPENAI_BASE_URL=http://10.0.0.1:4000/v1\n", "export OPENAI_API_KEY=weir_k_s\n",
          "export ANTHROPIC_BASE_URL=http://10.0.0.1:4000\n",
          "export ANTHROPIC_AUTH_TOKEN=weir_k_s\n", "base_url = \"http://10.0.0.1:4000/v1\"\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line;
    }
}

}  // namespace
}  // namespace weir::app
