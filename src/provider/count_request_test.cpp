#include "provider/count_request.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weir::provider {
namespace {

using core::Endpoint;
using core::Vendor;
using Json = nlohmann::json;

TEST(CountPath, IsWhereAVendorCountsForNothing) {
    EXPECT_EQ(count_path(Vendor::anthropic, Endpoint::messages), "/messages/count_tokens");
    EXPECT_EQ(count_path(Vendor::openai, Endpoint::responses), "/responses/input_tokens");
    EXPECT_EQ(count_path(Vendor::openai, Endpoint::chat_completions), "");
    EXPECT_EQ(count_path(Vendor::openai_compatible, Endpoint::responses), "");
    EXPECT_EQ(count_path(Vendor::anthropic, Endpoint::count_tokens), "");
}

TEST(CountRequest, KeepsTheInputAndLeavesOutWhatCountersRefuse) {
    const auto asked = Json::parse(count_request(
        R"({"max_tokens":64000,"model":"fast","messages":[{"role":"user","content":"hé"}],)"
        R"("system":"s","tools":[{"name":"t"}],"thinking":{"type":"adaptive"},"stream":true,)"
        R"("metadata":{"user_id":"u"},"temperature":1})",
        Endpoint::messages, "claude-opus-4-8"));
    EXPECT_EQ(
        asked,
        Json::parse(R"({"model":"claude-opus-4-8","messages":[{"role":"user","content":"hé"}],)"
                    R"("system":"s","tools":[{"name":"t"}],"thinking":{"type":"adaptive"}})"));
}

TEST(CountRequest, OfResponses) {
    const auto asked = Json::parse(
        count_request(R"({"model":"gpt-5","input":[1],"instructions":"i","store":false,)"
                      R"("max_output_tokens":9,"previous_response_id":"r","reasoning":{}})",
                      Endpoint::responses, "gpt-5"));
    EXPECT_EQ(asked, Json::parse(R"({"model":"gpt-5","input":[1],"instructions":"i",)"
                                 R"("previous_response_id":"r","reasoning":{}})"));
}

TEST(CountAnswer, IsAPositiveNumberOrNone) {
    EXPECT_EQ(read_count_answer(R"({"input_tokens":25,"x":1})"), 25);
    EXPECT_EQ(read_count_answer(R"({"object":"response.input_tokens","input_tokens":3})"), 3);
    for (auto text : {"", "[]", "{}", R"({"input_tokens":"25"})", R"({"input_tokens":0})",
                      R"({"input_tokens":-1})", R"({"input_tokens":1.5})", "not json"}) {
        EXPECT_EQ(read_count_answer(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace weir::provider
