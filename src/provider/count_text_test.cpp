#include "provider/count_text.h"

#include <gtest/gtest.h>
#include <string>

namespace weir::provider {
namespace {

const Vocabulary& kV = Vocabulary::o200k();

TEST(CountJson, TakesTextByItsTokensAndTheRestByItsBytes) {
    const std::string text = "The quick brown fox jumps over the lazy dog.";
    const std::string json = R"({"role":"user","content":")" + text + R"("})";
    EXPECT_EQ(kV.count(text), 10);
    EXPECT_EQ(count_json(kV, json),
              static_cast<std::int64_t>(json.size() - text.size()) + kV.count(text));
}

TEST(CountJson, ReadsEscapesAsTheModelWill) {
    const std::string raw = R"(a\u0020line\nand \"another\" \ud83d\ude42 line of text)";
    const std::string text = "a line\nand \"another\" 🙂 line of text";
    EXPECT_EQ(count_json(kV, '"' + raw + '"'), 2 + kV.count(text));
}

TEST(CountJson, GoesIntoPartsAndLists) {
    const std::string text = "some words that are long enough to be counted";
    const std::string json =
        R"([{"type":"text","text":")" + text + R"("},{"n":[1,2,")" + text + R"("]}])";
    EXPECT_EQ(count_json(kV, json),
              static_cast<std::int64_t>(json.size() - 2 * text.size()) + 2 * kV.count(text));
}

// What no reader could read whole has its bytes.
TEST(CountJson, OfALoneSurrogateTheBytesCount) {
    const std::string json = R"({"content":"words and words and words \ud83d and more words"})";
    EXPECT_EQ(count_json(kV, json), static_cast<std::int64_t>(json.size()));
    EXPECT_EQ(count_json(kV, "{\"a\":"), 5);
}

}  // namespace
}  // namespace weir::provider
