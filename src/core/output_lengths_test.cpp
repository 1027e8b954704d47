#include "core/output_lengths.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

TEST(OutputLengths, KnowsNothingOfFewAnswers) {
    OutputLengths lengths;
    for (int i = 0; i < 19; ++i) lengths.ended("gpt", "chat", 100, false);
    EXPECT_EQ(lengths.usual("gpt", "chat").most, 0);
    lengths.ended("gpt", "chat", 100, false);
    EXPECT_GE(lengths.usual("gpt", "chat").most, 100);
    EXPECT_EQ(lengths.usual("gpt", "chat").rare, 0) << "of twenty none is the longest of a hundred";
    EXPECT_EQ(lengths.usual("gpt", "summary").most, 0) << "another task is another kind";
    EXPECT_EQ(lengths.usual("claude", "chat").most, 0);
}

TEST(OutputLengths, TellsQuantilesWithinAThirtySecondAbove) {
    OutputLengths lengths;
    for (int i = 1; i <= 1'000; ++i) lengths.ended("gpt", "", i, false);
    UsualOutput usual = lengths.usual("gpt", "");
    EXPECT_GE(usual.most, 700);
    EXPECT_LE(usual.most, 700 + 700 / 32);
    EXPECT_GE(usual.rare, 990);
    EXPECT_LE(usual.rare, 990 + 990 / 32);
}

TEST(OutputLengths, AnAnswerThatWasCutTeachesOnlyThatItIsLonger) {
    OutputLengths lengths;
    for (int i = 0; i < 300; ++i) lengths.ended("gpt", "", 1'000, false);
    UsualOutput before = lengths.usual("gpt", "");
    for (int i = 0; i < 5'000; ++i) lengths.ended("gpt", "", 64, true);
    EXPECT_EQ(lengths.usual("gpt", "").most, before.most);
    EXPECT_EQ(lengths.usual("gpt", "").rare, before.rare);
}

TEST(OutputLengths, WhereMostAreCutTheRareLengthIsNotKnown) {
    OutputLengths lengths;
    for (int i = 0; i < 300; ++i) lengths.ended("gpt", "", 50, false);
    for (int i = 0; i < 600; ++i) lengths.ended("gpt", "", 100, true);
    EXPECT_EQ(lengths.usual("gpt", "").most, 0);
    EXPECT_EQ(lengths.usual("gpt", "").rare, 0);
}

TEST(OutputLengths, ForgetsWhatWasLongAgo) {
    OutputLengths lengths;
    for (int i = 0; i < 15'000; ++i) lengths.ended("gpt", "", 4'000, false);
    for (int i = 0; i < 200'000; ++i) lengths.ended("gpt", "", 100, false);
    EXPECT_LE(lengths.usual("gpt", "").rare, 103);
}

TEST(OutputLengths, EveryCountFallsIntoABucketAtOrAboveIt) {
    for (std::int64_t tokens : {0L, 1L, 15L, 16L, 17L, 31L, 32L, 1'023L, 1'024L, 1'000'000L}) {
        OutputLengths lengths;
        for (int i = 0; i < 200; ++i) lengths.ended("m", "", tokens, false);
        EXPECT_GE(lengths.usual("m", "").rare, tokens);
        EXPECT_LE(lengths.usual("m", "").rare, tokens + tokens / 32);
    }
    OutputLengths lengths;  // beyond any model
    for (int i = 0; i < 20; ++i) lengths.ended("m", "", INT64_MAX, false);
    for (int i = 0; i < 20; ++i) lengths.ended("n", "", -5, false);
    EXPECT_GT(lengths.usual("m", "").most, 1'000'000);
}

TEST(OutputLengths, LearnsOfSoManyKindsAndNoMore) {
    OutputLengths lengths{2};
    for (int i = 0; i < 20; ++i) {
        for (const char* model : {"a", "b", "c"}) lengths.ended(model, "", 10, false);
    }
    EXPECT_GT(lengths.usual("b", "").most, 0);
    EXPECT_EQ(lengths.usual("c", "").most, 0);
}

}  // namespace
}  // namespace weir::core
