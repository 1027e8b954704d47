#include "codec/json_write.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "codec/utf8.h"

namespace weir::codec {
namespace {

using namespace std::literals;

std::string as_json(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

TEST(JsonString, escapes_what_json_demands_and_nothing_more) {
    EXPECT_EQ(as_json("plain / text"), R"("plain / text")");
    EXPECT_EQ(as_json("a\"b\\c\nd\re\tf"), R"("a\"b\\c\nd\re\tf")");
    EXPECT_EQ(as_json("\0\x1f\x7f"sv), "\"\\u0000\\u001f\x7f\"");
    EXPECT_EQ(as_json("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
              "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"");
}

TEST(JsonString, bytes_that_are_not_utf8_are_replaced) {
    EXPECT_EQ(as_json("a\xff"
                      "b"),
              "\"a\xef\xbf\xbd"
              "b\"");
    for (std::string_view bad : {"\x80"sv, "\xc0\xaf"sv, "\xe0\x80\x80"sv, "\xed\xa0\x80"sv,
                                 "\xf4\x90\x80\x80"sv, "\xf0\x9f\x98"sv, "\xc3"sv, "\xf8"sv}) {
        EXPECT_FALSE(is_utf8(bad));
        EXPECT_TRUE(nlohmann::json::accept(as_json(bad)));
        EXPECT_TRUE(is_utf8(as_json(bad)));
    }
}

TEST(JsonString, every_byte_pair_gives_valid_json) {
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b) {
            std::string text{static_cast<char>(a), static_cast<char>(b)};
            auto parsed = nlohmann::json::parse(as_json(text), nullptr, false);
            ASSERT_TRUE(parsed.is_string()) << a << ' ' << b;
            if (is_utf8(text)) ASSERT_EQ(parsed.get<std::string>(), text);
        }
    }
}

TEST(JsonWriter, nests_and_puts_commas) {
    std::string out;
    JsonWriter w(out);
    w.begin_object().field("a", 1).field("b", "x").key("c").begin_array();
    w.integer(-2).unsigned_integer(~std::uint64_t{0}).null().begin_object().end_object();
    w.begin_array().end_array().boolean(true).number(0.1).end_array();
    w.key("d").raw("0.000120").field("e", false).end_object();
    EXPECT_EQ(
        out,
        R"({"a":1,"b":"x","c":[-2,18446744073709551615,null,{},[],true,0.1],"d":0.000120,"e":false})");
}

TEST(JsonWriter, numbers_that_json_lacks_become_null) {
    std::string out;
    JsonWriter w(out);
    w.begin_array().number(std::numeric_limits<double>::infinity()).number(std::nan(""));
    w.number(1e300).end_array();
    EXPECT_EQ(out, "[null,null,1e+300]");
}

}  // namespace
}  // namespace weir::codec
