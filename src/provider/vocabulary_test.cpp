#include "provider/vocabulary.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

namespace weir::provider {
namespace {

using namespace std::string_view_literals;

// What tiktoken itself counts of some 450 texts: packages/extract_vocabulary.mjs asks it.
void expect_tiktokens_counts(const Vocabulary& vocabulary, const std::string& encoding) {
    std::ifstream in(std::string{WEIR_PACKAGES_DIR} + "/" + encoding + "_cases.json");
    const auto cases = nlohmann::json::parse(in);
    ASSERT_GT(cases.size(), 400u);
    for (const auto& one : cases) {
        EXPECT_EQ(vocabulary.count(one["text"].get<std::string>()), one["tokens"])
            << one["text"].dump();
    }
}

TEST(Vocabulary, CountsAsTiktokenDoes) {
    expect_tiktokens_counts(Vocabulary::o200k(), "o200k_base");
    expect_tiktokens_counts(Vocabulary::cl100k(), "cl100k_base");
}

TEST(Vocabulary, BelongsToTheModelsOfWhichItIsKnown) {
    for (const auto model :
         {"gpt-4o-mini"sv, "gpt-4.1"sv, "gpt-5-nano"sv, "o3"sv, "ft:gpt-4o:x"sv}) {
        EXPECT_EQ(Vocabulary::of_openai_model(model), &Vocabulary::o200k()) << model;
    }
    for (const auto model : {"gpt-4"sv, "gpt-4-turbo"sv, "gpt-3.5-turbo"sv}) {
        EXPECT_EQ(Vocabulary::of_openai_model(model), &Vocabulary::cl100k()) << model;
    }
    for (const auto model : {"gpt-6-luna"sv, "claude-sonnet-5"sv, "davinci-002"sv, ""sv}) {
        EXPECT_EQ(Vocabulary::of_openai_model(model), nullptr) << model;
    }
}

// A hard bound, whatever comes.
TEST(Vocabulary, OfWhatItCannotReadItCountsTheBytes) {
    const Vocabulary& v = Vocabulary::o200k();
    EXPECT_EQ(v.count("\xff\xfe\xfd"), 3);
    EXPECT_EQ(v.count("hello \xff"), 7);
    const std::string word(5'000, 'q');
    EXPECT_EQ(v.count(word), 5'000);
    EXPECT_LE(v.count(std::string(100'000, ' ') + "x"), 100'001);
}

TEST(Vocabulary, LongRunsCountWhatTheirBytesAreAtMost) {
    const Vocabulary& v = Vocabulary::o200k();
    std::string words;
    for (int i = 0; i < 400; ++i) words += std::string(250, static_cast<char>('a' + i % 26)) + "1";
    for (const std::string& text : {words, std::string(100'000, '\n'), std::string(100'000, ' '),
                                    std::string(100'000, '!'), std::string(100'000, '7')}) {
        EXPECT_LE(v.count(text), static_cast<std::int64_t>(text.size()));
        EXPECT_GT(v.count(text), 100);
    }
}

}  // namespace
}  // namespace weir::provider
