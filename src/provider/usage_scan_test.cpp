#include "provider/usage_scan.h"

#include <gtest/gtest.h>
#include <random>
#include <string>

namespace weir::provider {
namespace {

std::size_t bytes_of(std::string_view json) {
    std::size_t end = 0;
    const std::size_t bytes = text_bytes(json, 0, end);
    EXPECT_LE(end, json.size());
    return bytes;
}

TEST(UsageScan, FindsWhatAPlainSearchFinds) {
    std::mt19937 random(7);
    const KeyInitials initials = {'u', 'e', 'd', 'f'};
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (std::size_t n = random() % 70; n > 0; --n) text += "\"uedfx:"[random() % 7];
        for (std::size_t from = 0; from <= text.size(); ++from) {
            std::size_t expected = kNotFound;
            for (std::size_t at = from; at + 1 < text.size() && expected == kNotFound; ++at) {
                if (text[at] == '"' && std::string_view("uedf").contains(text[at + 1]))
                    expected = at;
            }
            ASSERT_EQ(find_initial(text, from, initials), expected) << text << " from " << from;
        }
    }
}

TEST(UsageScan, TellsKeysFromTextThatQuotesThem) {
    EXPECT_EQ(value_after_key(R"({"usage" : {})", 1, "usage"), 11u);
    EXPECT_EQ(value_after_key(R"("\"usage\":1")", 2, "usage"), kNotFound);
    EXPECT_EQ(value_after_key(R"(["usage"])", 1, "usage"), kNotFound);
    EXPECT_EQ(value_after_key(R"({"usage":)", 1, "usage"), kNotFound);
    EXPECT_EQ(value_after_key(R"({"usages":1)", 1, "usage"), kNotFound);
}

TEST(UsageScan, CountsGeneratedTextOnly) {
    EXPECT_EQ(bytes_of(R"("abcd")"), 4u);
    EXPECT_EQ(bytes_of(R"({"role":"assistant","content":"abcd"})"), 4u);
    EXPECT_EQ(bytes_of(R"({"content":null,"reasoning_content":"ab","refusal":"c"})"), 3u);
    EXPECT_EQ(bytes_of(R"({"tool_calls":[{"id":"call_1","type":"function","function":)"
                       R"({"name":"weather","arguments":"{\"a\":1}"}}]})"),
              7u);
    EXPECT_EQ(bytes_of(R"({"type":"input_json_delta","partial_json":"{}"})"), 2u);
    EXPECT_EQ(bytes_of(R"({"type":"signature_delta","signature":"c2lnbmF0dXJl"})"), 0u);
    EXPECT_EQ(bytes_of(R"("a\n\"\u00e9")"), 5u) << "escapes count as what they stand for";
}

TEST(UsageScan, SurvivesTornText) {
    const std::string text = R"({"content":"a\u00e9\\","x":[{"arguments":"b"}],"text":"c"})";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        const std::string torn = text.substr(0, size);
        EXPECT_LE(bytes_of(torn), size);
        for (std::size_t at = 0; at < size; ++at) {
            std::size_t end = 0;
            text_bytes(torn, at, end);
            EXPECT_LE(end, size);
            EXPECT_LE(string_at(torn, at).size(), size);
        }
    }
}

TEST(UsageScan, FindsAKeyAndNotItsName) {
    EXPECT_TRUE(has_key(R"({"a":[{"b" : 1}]})", "b"));
    EXPECT_FALSE(has_key(R"({"a":"b"})", "b"));
    EXPECT_FALSE(has_key(R"({"a":"{\"b\": 1}"})", "b"));
    EXPECT_FALSE(has_key(R"({"xb":1})", "b"));
    EXPECT_FALSE(has_key("b", "b"));
    EXPECT_FALSE(has_key("", "b"));
}

TEST(UsageScan, RoundsTheEstimateUp) {
    EXPECT_EQ(tokens_of_text(0), 0u);
    EXPECT_EQ(tokens_of_text(1), 1u);
    EXPECT_EQ(tokens_of_text(4), 1u);
    EXPECT_EQ(tokens_of_text(5), 2u);
}

}  // namespace
}  // namespace weir::provider
