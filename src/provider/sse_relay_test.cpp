// What the client sees of a stream, and what is metered when the stream is not as it should be.
#include <gtest/gtest.h>

#include "provider/usage_testing.h"

namespace weir::provider {
namespace {

using testing::Json;
using testing::Outcome;
using testing::run_bytewise;
using testing::run_split;
using testing::run_whole;
using testing::StreamSetup;

const StreamSetup kPass;
const StreamSetup kStrip = testing::setup_for(core::Endpoint::chat_completions, true);

const std::string kText =
    R"(data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]})"
    "\n\n";
const std::string kUsage =
    R"(data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}})"
    "\n\n";
const std::string kOtherUsage =
    R"(data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":4,"total_tokens":9}})"
    "\n\n";
const std::string kDone = "data: [DONE]\n\n";

std::string stripped(const std::string& data) {
    return run_whole(kStrip, "data: " + data + "\n\n").forwarded;
}

TEST(SseRelay, PassesWholeEventsOnAtOnceAndUntouched) {
    const std::unique_ptr<Meter> meter = make_meter(core::Endpoint::chat_completions, {}, {});
    SseRelay relay(*meter, {});
    std::vector<std::string_view> out;
    const std::string some = kText + kUsage + kDone.substr(0, 5);
    ASSERT_TRUE(relay.feed(some, out));
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].data(), some.data()) << "a view of the input, not a copy";
    EXPECT_EQ(out[0], kText + kUsage);
}

// An error event must be able to follow (wire.md §3.2), and nothing takes back half a line.
TEST(SseRelay, ATornEventIsHeldBackUntilItIsWholeOrTheStreamEnds) {
    const std::unique_ptr<Meter> meter = make_meter(core::Endpoint::chat_completions, {}, {});
    SseRelay relay(*meter, {});
    std::vector<std::string_view> out;
    ASSERT_TRUE(relay.feed(kText.substr(0, 20), out));
    EXPECT_TRUE(out.empty());
    ASSERT_TRUE(relay.feed(kText.substr(20), out));
    std::string seen;
    for (std::string_view piece : out) seen.append(piece);
    EXPECT_EQ(seen, kText);
}

TEST(SseRelay, AClientThatAskedForUsageSeesIt) {
    EXPECT_EQ(run_whole(kPass, kText + kUsage + kDone).forwarded, kText + kUsage + kDone);
}

TEST(SseRelay, TheInjectedChunkIsTakenOut) {
    const Outcome outcome = run_whole(kStrip, kText + kUsage + kDone);
    EXPECT_EQ(outcome.forwarded, kText + kDone);
    EXPECT_EQ(outcome.usage.at("completeness"), "exact");
    EXPECT_EQ(outcome.events, 3);
}

// A tool's schema may have a "usage" of its own, and what is empty or not final has no cost.
TEST(SseRelay, TheCostGoesIntoTheUsageObjectThatIsFinal) {
    const std::string kInResponse =
        "event: response.completed\ndata: "
        R"({"type":"response.completed","response":{"tools":[{"parameters":{"usage":{"type":"x"}}}],)"
        R"("status":"completed","model":"m","usage": {"input_tokens":5,"output_tokens":3}}})"
        "\n\n";
    for (const bool bytewise : {false, true}) {
        for (const std::string& usage : {kUsage, kInResponse}) {
            const auto endpoint =
                usage == kUsage ? core::Endpoint::chat_completions : core::Endpoint::responses;
            const std::unique_ptr<Meter> meter = make_meter(endpoint, {}, {});
            SseRelay relay(*meter, {.strip_injected_usage = false, .cost = [](const core::Usage&) {
                                        return std::string{"0.25"};
                                    }});
            const std::string all = kText + usage + kDone;
            std::string seen;
            for (std::size_t at = 0; at < all.size(); at += bytewise ? 1 : all.size()) {
                std::vector<std::string_view> out;
                ASSERT_TRUE(
                    relay.feed(std::string_view(all).substr(at, bytewise ? 1 : all.size()), out));
                for (std::string_view piece : out) seen.append(piece);
            }
            std::string expected = all;
            const std::string first = usage == kUsage ? R"("prompt_tokens")" : R"("input_tokens")";
            expected.insert(expected.find(first), R"("cost":0.25,)");
            EXPECT_EQ(seen, expected);
        }
    }
}

TEST(SseRelay, TheNullMemberIsCutWithItsCommaWhereverItStands) {
    EXPECT_EQ(stripped(R"({"a":1,"usage":null})"), "data: {\"a\":1}\n\n");
    EXPECT_EQ(stripped(R"({"a":1,"usage":null,"b":[]})"), "data: {\"a\":1,\"b\":[]}\n\n");
    EXPECT_EQ(stripped(R"({"usage":null,"b":"}{"})"), "data: {\"b\":\"}{\"}\n\n");
    EXPECT_EQ(stripped(R"({"usage":null})"), "data: {}\n\n");
    EXPECT_EQ(stripped(R"({"a": 1, "usage" : null , "b": 2})"), "data: {\"a\": 1 , \"b\": 2}\n\n");
    EXPECT_EQ(stripped(R"({ "usage": null, "b": 2})"), "data: { \"b\": 2}\n\n");
}

TEST(SseRelay, WhatOnlyLooksLikeTheNullMemberStays) {
    for (const std::string data : {
             R"({"x_groq":{"usage":null},"a":1})",
             R"({"a":[{"usage":null}]})",
             R"({"content":"\"usage\":null"})",
             R"({"content":"usage"})",
             R"({"usages":null,"my_usage":null})",
             R"({"usage":nil})",
             R"({"usage":null)",
             R"(["usage",null])",
         }) {
        EXPECT_EQ(stripped(data), "data: " + data + "\n\n");
    }
    EXPECT_EQ(stripped(R"({"x_groq":{"usage":null},"usage":null})"),
              "data: {\"x_groq\":{\"usage\":null}}\n\n")
        << "the top level's own is found behind a nested one";
}

TEST(SseRelay, ChunksThatAreNotTheInjectedOneStay) {
    for (const std::string data : {
             R"({"choices":[],"prompt_filter_results":[]})",
             R"({"choices":[],"usage":{"prompt_tokens":1},"error":{"message":"m"}})",
             R"({"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}})",
             R"({"choices":[],"x":{"usage":{"prompt_tokens":1}}})",
             R"({"choices":[],"usage":{"prompt_tokens":1})",
             R"({"choices":[],"usage":[]})",
         }) {
        EXPECT_EQ(stripped(data), "data: " + data + "\n\n");
    }
    EXPECT_EQ(stripped(R"({"object":"chat.completion.chunk","usage":{"prompt_tokens":1}})"), "")
        << "some servers leave choices out of it";
}

TEST(SseRelay, CommentsAndTornLineEndsAreTheSameInAnyPieces) {
    std::string crlf;
    for (const char c : kText + ": ping\n\n" + kUsage + kOtherUsage + kDone) {
        if (c == '\n') crlf += '\r';
        crlf += c;
    }
    for (const std::string& bytes :
         {crlf, "\xEF\xBB\xBF" + crlf, kUsage + kText, kUsage + kUsage}) {
        const Outcome whole = run_whole(kStrip, bytes);
        EXPECT_TRUE(run_bytewise(kStrip, bytes) == whole);
        for (std::size_t at = 1; at < bytes.size(); ++at) {
            const Outcome split = run_split(kStrip, bytes, at);
            ASSERT_EQ(split.forwarded, whole.forwarded) << "cut at " << at;
            ASSERT_EQ(split.usage, whole.usage) << "cut at " << at;
        }
    }
}

TEST(SseRelay, UsageTwiceCountsOnceTheLast) {
    const Outcome outcome = run_whole(kStrip, kText + kUsage + kOtherUsage + kDone);
    EXPECT_EQ(outcome.usage.at("lines").at(0).at("output"), 4);
    EXPECT_EQ(outcome.usage.at("notes"), Json::parse(R"(["repeated"])"));
    EXPECT_EQ(outcome.forwarded, kText + kDone);
}

TEST(SseRelay, TheUsageChunkIsFinalWithoutDone) {
    const Outcome outcome = run_whole(kPass, kText + kUsage);
    EXPECT_EQ(outcome.usage.at("completeness"), "exact");
    EXPECT_FALSE(outcome.usage.contains("ended"));
}

TEST(SseRelay, DoneWithoutASpaceOrABlankLineIsTheEnd) {
    EXPECT_TRUE(run_whole(kPass, kText + "data:[DONE]\n\n").usage.contains("ended"));
    EXPECT_TRUE(run_whole(kPass, kText + "data: [DONE]").usage.contains("ended"));
}

TEST(SseRelay, ALastEventWithoutItsBlankLineIsMeteredAndStripped) {
    const std::string cut = kText + kUsage.substr(0, kUsage.size() - 2);
    const Outcome outcome = run_whole(kStrip, cut);
    EXPECT_EQ(outcome.usage.at("completeness"), "exact");
    EXPECT_EQ(outcome.forwarded, kText);
    EXPECT_EQ(run_whole(kPass, cut).forwarded, cut);
}

TEST(SseRelay, AStreamThatEndsInTheMiddleOfAnEventIsForwardedToTheLastByte) {
    const std::string cut = kText + kUsage.substr(0, 60);
    const Outcome outcome = run_whole(kStrip, cut);
    EXPECT_EQ(outcome.forwarded, cut);
    EXPECT_EQ(outcome.usage.at("completeness"), "estimated");
}

TEST(SseRelay, UsageInDataOfSeveralLinesIsRead) {
    const std::string bytes =
        "data: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":5,\ndata: "
        "\"completion_tokens\":3}}\n\n";
    EXPECT_EQ(run_whole(kPass, bytes).usage.at("lines").at(0).at("output"), 3);
    EXPECT_EQ(run_whole(kStrip, bytes).forwarded, "");
}

TEST(SseRelay, GarbagePassesAndIsNotCounted) {
    for (const std::string garbage :
         {"data: {\"usage\":{\"prompt_tokens\":\n\n", "data: \"usage\":{\n\n", "data\n\n", "\n\n\n",
          "data: {\"delta\":{\"content\":\"\\\n\n", "data: {\"usage\":{]}\n\n", "\x00\xff\r\r"}) {
        for (const StreamSetup& setup : {kPass, kStrip}) {
            const Outcome outcome = run_whole(setup, garbage);
            EXPECT_EQ(outcome.forwarded, garbage);
            EXPECT_EQ(outcome.usage.at("completeness"), "estimated");
        }
        const Outcome before = run_whole(kPass, garbage + kText + kUsage + kDone);
        EXPECT_EQ(before.usage.at("lines").at(0).at("output"), 3);
    }
}

TEST(SseRelay, AnEventOverTheLimitIsAnErrorOfTheProvider) {
    const std::unique_ptr<Meter> meter = make_meter(core::Endpoint::chat_completions, {}, {});
    SseRelay relay(*meter, {});
    std::vector<std::string_view> out;
    const std::string piece(std::size_t{1} << 20, 'x');
    ASSERT_TRUE(relay.feed("data: ", out));
    Result<> result;
    for (int i = 0; i < 40 && result; ++i) {
        out.clear();
        result = relay.feed(piece, out);
    }
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::provider_protocol);
}

}  // namespace
}  // namespace weir::provider
