#include "core/conversation.h"

#include <array>
#include <gtest/gtest.h>
#include <string>

namespace weir::core {
namespace {

constexpr MonoTime kNow{1'000'000'000};
constexpr std::uint64_t kTarget = 7;

// A body whose turns, and what is silent, are marked: [turn], <silent>.
struct Marked {
    std::string body;
    CallShape shape;
};
Marked marked(std::string_view text) {
    Marked out;
    for (char c : text) {
        const auto at = static_cast<std::uint32_t>(out.body.size());
        if (c == '[') {
            out.shape.turns.push_back({.span = {at, at}});
        } else if (c == ']') {
            out.shape.turns.back().span.end = at;
        } else if (c == '<') {
            out.shape.silent.push_back({at, at});
        } else if (c == '>') {
            out.shape.silent.back().end = at;
        } else {
            out.body.push_back(c);
        }
    }
    return out;
}
std::vector<ConversationHash> chain(std::string_view text, std::string_view team = "support",
                                    std::uint64_t seed = 1) {
    const Marked m = marked(text);
    return conversation_chain(m.body, m.shape, team, seed);
}

TEST(ConversationChain, AnExtendedConversationBeginsWithTheEarlierOne) {
    const auto before = chain("{system,messages:[hello],tools}");
    const auto after = chain("{system,messages:[hello],[hi],[more],tools}");
    ASSERT_EQ(before.size(), 2u);
    ASSERT_EQ(after.size(), 4u);
    EXPECT_EQ(after[0], before[0]);
    EXPECT_EQ(after[1], before[1]);
}

TEST(ConversationChain, WhatAModelReadsMakesAnotherConversation) {
    const auto whole = chain("{system,[hello],[hi],tools}").back();
    EXPECT_NE(chain("{System,[hello],[hi],tools}").back(), whole);
    EXPECT_NE(chain("{system,[hello],[hi],Tools}").back(), whole);
    EXPECT_NE(chain("{system,[hullo],[hi],tools}").back(), whole);
    EXPECT_NE(chain("{system,[hi],[hello],tools}").back(), whole);
    EXPECT_NE(chain("{system,[hellohi],tools}").back(), whole);
    EXPECT_NE(chain("{system,[hello],[hi],tools}", "research").back(), whole);
    EXPECT_NE(chain("{system,[hello],[hi],tools}", "support", 2).back(), whole);
}

TEST(ConversationChain, NothingHidesBetweenTurns) {
    EXPECT_NE(chain("{[hello],system,[hi]}").back(), chain("{[hello],System,[hi]}").back());
}

TEST(ConversationChain, WhatNoModelReadsMakesNone) {
    const auto whole = chain("{system,[hello],[hi],tools}").back();
    EXPECT_EQ(chain("{system<,stream:true>,[hello<,cache>],[hi],tools<,max:5>}").back(), whole);
    EXPECT_EQ(chain("{<max:5,>system,[hello],[<cache,>hi],tools<,stream><,user>}").back(), whole);
}

TEST(ConversationChain, SilentSpansThatShareACommaAreTakenOutOnce) {
    Marked m = marked("{a,b,[hello]}");
    m.shape.silent = {{1, 3}, {2, 4}};  // "a," and ",b"
    EXPECT_EQ(conversation_chain(m.body, m.shape, "support", 1).back(), chain("{,[hello]}").back());
}

TEST(Fingerprint, IsOfWhatIsSaidAndToWhichModel) {
    const auto hello = chain("{[hello]}").back();
    EXPECT_EQ(fingerprint_of(hello, "m"), fingerprint_of(chain("{[hello<,mark>]}").back(), "m"));
    EXPECT_NE(fingerprint_of(hello, "m"), fingerprint_of(hello, "n"));
    EXPECT_NE(fingerprint_of(hello, "m"), fingerprint_of(chain("{[hullo]}").back(), "m"));
}

TEST(CountedInputs, FindTheLongestBeginningThatIsKnown) {
    CountedInputs counted;
    const auto chain_of_four = chain("{[a],[b],[c],[d]}");
    EXPECT_FALSE(counted.find(chain_of_four, kTarget, kNow));
    counted.remember(chain_of_four[1], kTarget, 100, kNow);
    counted.remember(chain_of_four[3], kTarget, 300, kNow);
    auto found = counted.find(chain_of_four, kTarget, kNow);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->turns, 3u);
    EXPECT_EQ(found->tokens, 300);
}

TEST(CountedInputs, AreOfOneTargetAlone) {
    CountedInputs counted;
    const auto one = chain("{[a]}");
    counted.remember(one[1], kTarget, 100, kNow);
    EXPECT_FALSE(counted.find(one, kTarget + 1, kNow)) << "another model counts otherwise";
}

TEST(CountedInputs, AreForgottenInTime) {
    CountedInputs counted;
    const auto one = chain("{[a]}");
    counted.remember(one[1], kTarget, 100, kNow);
    EXPECT_TRUE(counted.find(one, kTarget, kNow + CountedInputs::kRemembered));
    EXPECT_FALSE(counted.find(one, kTarget, kNow + CountedInputs::kRemembered + Duration{1}));
}

TEST(CountedInputs, TheLatestCountReplacesTheEarlier) {
    CountedInputs counted;
    const auto one = chain("{[a]}");
    counted.remember(one[1], kTarget, 100, kNow);
    counted.remember(one[1], kTarget, 120, kNow + Duration{1});
    EXPECT_EQ(counted.find(one, kTarget, kNow + Duration{2})->tokens, 120);
}

TEST(CountedInputs, TheOldestMakesRoom) {
    CountedInputs counted{4};  // one set of four
    std::vector<std::vector<ConversationHash>> chains;
    for (int i = 0; i < 5; ++i) {
        chains.push_back(chain("{[" + std::string(static_cast<std::size_t>(i + 1), 'a') + "]}"));
        counted.remember(chains.back()[1], kTarget, i + 1, kNow + Duration{i});
    }
    EXPECT_FALSE(counted.find(chains[0], kTarget, kNow));
    for (std::size_t i = 1; i < 5; ++i) EXPECT_TRUE(counted.find(chains[i], kTarget, kNow)) << i;
}

// Leaves other bytes in one place of the stack below.
[[gnu::noinline]] int dirty_stack(std::size_t place) {
    std::array<volatile char, 8'192> local;
    for (std::size_t i = 0; i < 64; ++i) local[place + i] = 'x';
    return local[place];
}

// A hasher that took its own leftovers for its key made the same conversation another one.
TEST(Conversation, IsTheSameWhateverTheStackHeldBefore) {
    const Marked m = marked("{[" + std::string(300, 'a') + "],[" + std::string(3'000, 'b') + "]}");
    const auto first = conversation_chain(m.body, m.shape, "support", 1);
    int differ = 0;
    for (std::size_t place = 0; place <= 8'128; place += 32) {
        if (dirty_stack(place) != 'x') ++differ;
        if (conversation_chain(m.body, m.shape, "support", 1) != first) ++differ;
    }
    EXPECT_EQ(differ, 0);
}

TEST(KnownInput, WhatIsNewIsBoundedByItsBytesAndItsImages) {
    Marked m = marked("{[first],[second],[third]}");
    m.shape.turns[1].no_text_bytes = 2;
    m.shape.turns[1].images = 1;
    const KnownInput known = known_input(m.shape, {.turns = 1, .tokens = 1'000});
    EXPECT_EQ(known.counted, 1'000);
    EXPECT_EQ(known.rest_bytes, 6 - 2 + 5);
    EXPECT_EQ(known.rest_images, 1);
    EXPECT_FALSE(known.whole);
}

}  // namespace
}  // namespace weir::core
