#include "sim/provider/prompt_cache.h"

#include <gtest/gtest.h>

namespace weir::sim {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'000'000);

// Segments named by their chains: what is the same up to there has the same number.
Prompt prompt_of(std::initializer_list<Segment> segments) {
    Prompt prompt;
    for (const Segment& segment : segments) {
        prompt.segments.push_back(segment);
        prompt.tokens += segment.tokens;
    }
    return prompt;
}

TEST(PromptCache, AutomaticReadsWholeStepsOfAKnownPrefix) {
    PromptCache cache{1};
    Prompt first = prompt_of({{.chain = 1, .tokens = 1500}});
    Prompt next = prompt_of({{.chain = 1, .tokens = 1500}, {.chain = 2, .tokens = 900}});
    EXPECT_EQ(cache.use_automatic(first, false, kNow).read, 0);
    EXPECT_EQ(cache.use_automatic(next, false, kNow).read, 1408);  // 11 × 128
    EXPECT_EQ(cache.use_automatic(next, false, kNow).read, 2304);
}

TEST(PromptCache, AutomaticLeavesShortPromptsAlone) {
    PromptCache cache{1};
    Prompt prompt = prompt_of({{.chain = 1, .tokens = 1023}});
    cache.use_automatic(prompt, true, kNow);
    CacheUse use = cache.use_automatic(prompt, true, kNow);
    EXPECT_EQ(use.read, 0);
    EXPECT_EQ(use.write_short, 0);
}

TEST(PromptCache, AutomaticWritesAreWhatIsNewlyRemembered) {
    PromptCache cache{1};
    Prompt first = prompt_of({{.chain = 1, .tokens = 2048}});
    Prompt next = prompt_of({{.chain = 1, .tokens = 2048}, {.chain = 2, .tokens = 512}});
    EXPECT_EQ(cache.use_automatic(first, true, kNow).write_short, 2048);
    CacheUse use = cache.use_automatic(next, true, kNow);
    EXPECT_EQ(use.read, 2048);
    EXPECT_EQ(use.write_short, 512);
}

TEST(PromptCache, WhatIsNotReadInTimeIsForgottenAndSpeedShortensIt) {
    Prompt prompt = prompt_of({{.chain = 1, .tokens = 2048}});
    PromptCache slow{1};
    slow.use_automatic(prompt, false, kNow);
    EXPECT_EQ(slow.use_automatic(prompt, false, kNow + std::chrono::minutes{4}).read, 2048);
    EXPECT_EQ(slow.use_automatic(prompt, false, kNow + std::chrono::minutes{8}).read, 2048);
    EXPECT_EQ(slow.use_automatic(prompt, false, kNow + std::chrono::minutes{14}).read, 0);
    PromptCache fast{60};
    fast.use_automatic(prompt, false, kNow);
    EXPECT_EQ(fast.use_automatic(prompt, false, kNow + std::chrono::seconds{6}).read, 0);
}

TEST(PromptCache, MarksWriteUpToThemAndReadTheLongestKnownPrefix) {
    PromptCache cache{1};
    Prompt first = prompt_of({{.chain = 1, .tokens = 3000, .mark = CacheMark::long_ttl},
                              {.chain = 2, .tokens = 500, .mark = CacheMark::short_ttl},
                              {.chain = 3, .tokens = 70}});
    CacheUse use = cache.use_marked(first, kNow);
    EXPECT_EQ(use.read, 0);
    EXPECT_EQ(use.write_long, 3000);
    EXPECT_EQ(use.write_short, 500);
    use = cache.use_marked(first, kNow);
    EXPECT_EQ(use.read, 3500);
    EXPECT_EQ(use.write_long + use.write_short, 0);
    // The next turn: its mark is further on.
    Prompt next = prompt_of({{.chain = 1, .tokens = 3000, .mark = CacheMark::long_ttl},
                             {.chain = 2, .tokens = 500},
                             {.chain = 3, .tokens = 70},
                             {.chain = 4, .tokens = 40, .mark = CacheMark::short_ttl}});
    use = cache.use_marked(next, kNow);
    EXPECT_EQ(use.read, 3500);
    EXPECT_EQ(use.write_short, 110);
}

TEST(PromptCache, LongMarksOutliveShortOnes) {
    PromptCache cache{1};
    Prompt prompt = prompt_of({{.chain = 1, .tokens = 3000, .mark = CacheMark::long_ttl},
                               {.chain = 2, .tokens = 500, .mark = CacheMark::short_ttl}});
    cache.use_marked(prompt, kNow);
    CacheUse use = cache.use_marked(prompt, kNow + std::chrono::minutes{30});
    EXPECT_EQ(use.read, 3000);
    EXPECT_EQ(use.write_short, 500);
}

TEST(PromptCache, NoMarkNoCache) {
    PromptCache cache{1};
    Prompt prompt = prompt_of({{.chain = 1, .tokens = 3000}});
    cache.use_marked(prompt, kNow);
    EXPECT_EQ(cache.use_marked(prompt, kNow).read, 0);
}

}  // namespace
}  // namespace weir::sim
