#include "sim/provider/text.h"

#include <gtest/gtest.h>

#include "codec/utf8.h"

namespace weir::sim {
namespace {

TEST(Text, ProseHasExactlyItsTokensAndIsUtf8) {
    SeededRng rng{5};
    for (std::int64_t tokens = 1; tokens < 300; ++tokens) {
        std::string text = prose(rng, tokens);
        EXPECT_EQ(output_tokens(text), tokens);
        EXPECT_TRUE(codec::is_utf8(text)) << tokens;
    }
    EXPECT_EQ(prose(rng, 0), "");
}

TEST(Text, PiecesAreTheTextAgainAndEachIsUtf8) {
    SeededRng rng{6};
    std::string text = prose(rng, 200);
    for (std::int64_t tokens : {1, 2, 4, 1000}) {
        std::string again;
        for (std::string_view piece : pieces_of(text, tokens)) {
            EXPECT_TRUE(codec::is_utf8(piece));
            again += piece;
        }
        EXPECT_EQ(again, text);
    }
}

TEST(Text, WhatIsCutToALimitStaysWithinItAndUtf8) {
    SeededRng rng{7};
    std::string text = prose(rng, 120);
    for (std::int64_t most = 0; most < 130; ++most) {
        std::string_view cut = first_tokens(text, most);
        EXPECT_LE(output_tokens(cut), most);
        EXPECT_TRUE(codec::is_utf8(cut)) << most;
    }
}

// A gateway that bounds input by bytes must never be wrong about it.
TEST(Text, InputTokensAreFewerThanBytesAndAlwaysTheSame) {
    SeededRng rng{8};
    for (std::int64_t tokens : {1, 2, 3, 10, 500}) {
        std::string text = prose(rng, tokens);
        std::int64_t counted = input_tokens(text, 1);
        EXPECT_GT(counted, 0);
        EXPECT_LE(counted, static_cast<std::int64_t>(text.size()));
        EXPECT_EQ(counted, input_tokens(text, 1));
    }
    EXPECT_EQ(input_tokens("x", 1), 1);
    EXPECT_EQ(input_tokens("", 1), 0);
}

}  // namespace
}  // namespace weir::sim
