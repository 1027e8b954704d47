#include "provider/json_cursor.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace weir::provider {
namespace {

bool accepts(std::string_view text) {
    JsonCursor cursor{text};
    cursor.skip();
    return cursor.at_end();
}

TEST(JsonCursor, AcceptsWhatRfc8259Allows) {
    for (std::string_view text :
         {"{}", " [ ] ", "\"\"", "0", "-0", "1e5", "-1.5E+30", "true", "null",
          R"({"a":[1,{"b":"\u00e9\n\/"}]})", R"("\ud800")", "\t\r\n[1,\n2]", R"({"a":1,"a":2})"}) {
        EXPECT_TRUE(accepts(text)) << text;
    }
}

TEST(JsonCursor, RefusesEverythingElse) {
    for (std::string_view text : {"",          "{",          "}",
                                  "[1,]",      "[,1]",       "{\"a\"}",
                                  "{\"a\":}",  "{\"a\":1,}", "{a:1}",
                                  "{'a':1}",   "01",         "1.",
                                  ".5",        "+1",         "-",
                                  "1e",        "NaN",        "Infinity",
                                  "tru",       "nulll",      "\"",
                                  "\"\\",      "\"\\q\"",    "\"\\u12g4\"",
                                  "\"\\u12\"", "\"a\nb\"",   "[1 2]",
                                  "[1}",       "{\"a\":1]",  "{} {}",
                                  "{}x",       "/*c*/{}",    "\xEF\xBB\xBF{}",
                                  "[\"a\":1]", "{\"a\" 1}",  "{1:2}",
                                  "\"a\tb\""}) {
        EXPECT_FALSE(accepts(text)) << text;
    }
}

TEST(JsonCursor, DepthIsLimitedAtExactlyItsLimit) {
    auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(accepts(nested(JsonCursor::kMaxDepth)));
    EXPECT_FALSE(accepts(nested(JsonCursor::kMaxDepth + 1)));
    EXPECT_FALSE(accepts(std::string(10'000'000, '[')));
}

TEST(JsonCursor, FindsTheEndOfAStringWhereverItStands) {
    for (std::size_t length = 0; length < 40; ++length) {
        for (std::string_view tail : {"\"", "\\\"\"", "\\\\\""}) {
            std::string text = "\"" + std::string(length, 'x') + std::string{tail};
            JsonCursor cursor{text};
            EXPECT_EQ(cursor.string().size(), text.size() - 2) << text;
            EXPECT_TRUE(cursor.at_end());
            EXPECT_FALSE(accepts(std::string_view{text}.substr(0, text.size() - 1))) << text;
        }
        std::string high = "\"" + std::string(length, '\xFF') + "\"";  // bytes ≥ 0x80 end nothing
        EXPECT_TRUE(accepts(high));
    }
}

TEST(JsonCursor, OffsetsCutTheValueAndNothingElse) {
    std::string_view text = R"({"a" :  [1, 2] ,"b":"x"})";
    JsonCursor cursor{text};
    std::string_view key;
    ASSERT_TRUE(cursor.enter());
    ASSERT_TRUE(cursor.next_key(key));
    EXPECT_EQ(cursor.text(cursor.skip()), "[1, 2]");
    ASSERT_TRUE(cursor.next_key(key));
    EXPECT_EQ(key, "b");
    EXPECT_EQ(cursor.text(cursor.skip()), "\"x\"");
    EXPECT_FALSE(cursor.next_key(key));
    EXPECT_TRUE(cursor.at_end());
}

TEST(JsonUnescape, SaysWhatTheStringMeans) {
    EXPECT_EQ(json_unescape(R"(max_tok\u0065ns)"), "max_tokens");
    EXPECT_EQ(json_unescape(R"(\ud83d\ude00\u20ac\u00e9\"\\\/\b\f\n\r\t)"), "😀€é\"\\/\b\f\n\r\t");
    EXPECT_EQ(json_unescape(R"(\ud83d)"), std::nullopt);
    EXPECT_EQ(json_unescape(R"(\ude00\ud83d)"), std::nullopt);
}

// The second opinion is a parser that we did not write. It refuses lone surrogates, which we let
// pass, so the alphabet makes none.
TEST(JsonCursor, AgreesWithAnotherParserOnMutatedText) {
    const std::vector<std::string> seeds{
        R"({"model":"gpt","stream":true,"n":1,"messages":[{"role":"user","content":"a\"b\\c\u0041"}]})",
        R"([1,-2.5e3,{"a":null,"b":[true,false,[]]},"",{}])"};
    const std::string alphabet = "{}[],:\"\\ 0159.eE+-tfnu/\n\x01x";
    std::mt19937 random{7};
    auto below = [&random](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
    };
    for (int round = 0; round < 40'000; ++round) {
        std::string text = seeds[below(seeds.size())];
        for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
            std::size_t at = below(text.size());
            char c = alphabet[below(alphabet.size())];
            switch (below(3)) {
                case 0:
                    text[at] = c;
                    break;
                case 1:
                    text.insert(at, 1, c);
                    break;
                default:
                    text.erase(at, 1);
                    break;
            }
        }
        ASSERT_EQ(accepts(text), nlohmann::json::accept(text)) << text;
    }
}

}  // namespace
}  // namespace weir::provider
