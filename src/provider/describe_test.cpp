#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::CallShape;
using core::Endpoint;
using core::Unbounded;

// The body of a call with `extra` members after the model.
std::string with(std::string_view extra) {
    std::string body = R"({"model":"m")";
    if (!extra.empty()) body.append(",").append(extra);
    return body + "}";
}

CallShape ok(Endpoint endpoint, const std::string& body) {
    auto shape = describe(endpoint, body);
    EXPECT_TRUE(shape.has_value()) << body << ": " << (shape ? "" : shape.error().message());
    return shape.value_or(CallShape{});
}
CallShape chat(std::string_view extra) { return ok(Endpoint::chat_completions, with(extra)); }
CallShape responses(std::string_view extra) { return ok(Endpoint::responses, with(extra)); }
CallShape messages(std::string_view extra) { return ok(Endpoint::messages, with(extra)); }

Error refused(Endpoint endpoint, const std::string& body) {
    auto shape = describe(endpoint, body);
    EXPECT_FALSE(shape.has_value()) << "accepted: " << body;
    return shape ? Error{ErrorCode::internal} : shape.error();
}
ErrorCode chat_error(std::string_view extra) {
    return refused(Endpoint::chat_completions, with(extra)).code();
}

std::string_view at(std::string_view body, core::Span span) {
    return body.substr(span.begin, span.end - span.begin);
}

// ---- the call
// -------------------------------------------------------------------------------------

TEST(Describe, ReadsModelStreamAndMaxOutputWithTheirPlaces) {
    std::string body =
        R"({ "model" : "gpt-6" , "stream":true, "max_tokens": 800,"stream_options":{"x":1, "include_usage" : false }})";
    CallShape shape = ok(Endpoint::chat_completions, body);
    EXPECT_EQ(shape.model, "gpt-6");
    EXPECT_TRUE(shape.stream);
    EXPECT_FALSE(shape.include_usage);
    EXPECT_EQ(shape.max_output, 800);
    EXPECT_EQ(at(body, shape.model_value), "\"gpt-6\"");
    EXPECT_EQ(at(body, shape.max_output_value), "800");
    EXPECT_EQ(at(body, shape.stream_options_value), R"({"x":1, "include_usage" : false })");
    EXPECT_EQ(at(body, shape.include_usage_value), "false");
    EXPECT_EQ(shape.object_start, 1u);
}

TEST(Describe, OfTwoMaxNamesTheLargerCounts) {
    EXPECT_EQ(chat(R"("max_tokens":10,"max_completion_tokens":900)").max_output, 900);
    EXPECT_EQ(chat(R"("max_completion_tokens":900,"max_tokens":10)").max_output, 900);
    EXPECT_EQ(chat(R"("max_tokens":null)").max_output, std::nullopt);
}

TEST(Describe, AMaxNameOfAnotherEndpointLimitsNothing) {
    EXPECT_EQ(responses(R"("max_tokens":10)").max_output, std::nullopt);
    EXPECT_EQ(responses(R"("max_output_tokens":10)").max_output, 10);
    EXPECT_EQ(messages(R"("max_completion_tokens":10)").max_output, std::nullopt);
    EXPECT_EQ(messages(R"("max_tokens":0)").max_output, 0);
}

TEST(Describe, AModelIsANonEmptyString) {
    for (std::string_view body : {"{}", R"({"model":""})", R"({"model":5})", R"({"model":null})",
                                  R"({"model":"a\u0000b"})", R"({"model":"\ud800"})"}) {
        Error error = refused(Endpoint::chat_completions, std::string{body});
        EXPECT_EQ(error.code(), ErrorCode::invalid_parameter) << body;
        EXPECT_NE(error.message().find("model"), std::string_view::npos);
    }
    EXPECT_EQ(ok(Endpoint::chat_completions, R"({"model":"caf\u00e9"})").model, "café");
}

// ---- smuggling (ledger.md §0.2)
// ---------------------------------------------------------------------

TEST(Describe, ACostKeyGivenTwiceIsRefusedAndNamed) {
    for (std::string_view key : {"max_tokens", "max_completion_tokens", "n"}) {
        std::string pair = std::string{"\""}.append(key).append("\":1");
        Error error = refused(Endpoint::chat_completions, with(pair + "," + pair));
        EXPECT_EQ(error.code(), ErrorCode::ambiguous_json);
        EXPECT_NE(error.message().find(key), std::string_view::npos);
    }
    EXPECT_EQ(chat_error(R"("model":"dear")"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("stream":true,"stream":false)"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("tools":[],"tools":[{"type":"web_search"}])"),
              ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("service_tier":"flex","service_tier":"priority")"),
              ErrorCode::ambiguous_json);
}

TEST(Describe, ACostKeyInDisguiseIsRefused) {
    EXPECT_EQ(chat_error(R"("max_tok\u0065ns":100000)"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("Max_Tokens":100000)"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("MODEL":"dear")"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("\u006d\u006f\u0064\u0065\u006c":"dear")"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("\u004dAX_tokens":9)"), ErrorCode::ambiguous_json);
    // Go folds the long s and the Kelvin sign into ASCII.
    EXPECT_EQ(chat_error("\"max_tokenſ\":100000"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("max_to\u212aens":100000)"), ErrorCode::ambiguous_json);
    EXPECT_EQ(chat_error(R"("stream_options":{"Include_usage":true})"), ErrorCode::ambiguous_json);
}

TEST(Describe, NestedCostKeysAreWatchedToo) {
    Error error =
        refused(Endpoint::messages,
                with(R"("thinking":{"type":"enabled","budget_tokens":1,"budget_tokens":9})"));
    EXPECT_EQ(error.code(), ErrorCode::ambiguous_json);
    error = refused(Endpoint::messages,
                    with(R"("tools":[{"type":"custom","type":"web_search_20250305"}])"));
    EXPECT_EQ(error.code(), ErrorCode::ambiguous_json);
    error = refused(Endpoint::messages,
                    with(R"("tools":[{"type":"web_search_20250305","max_uses":1,"max_uses":99}])"));
    EXPECT_EQ(error.code(), ErrorCode::ambiguous_json);
}

TEST(Describe, KeysThatCostNothingMayBeAnything) {
    chat(R"("temperature":1,"temperature":2,"Zz":{"max_tokens":1,"max_tokens":2},"s\u0065ed":7)");
}

TEST(Describe, NumbersAreWholeAndSane) {
    for (std::string_view number : {"-1", "1.5", "1e3", "1E3", "1.0", "-0", "\"1024\"", "true",
                                    "[1]", "{}", "9007199254740993", "9000000000000000000",
                                    "18446744073709551616", "99999999999999999999999999"}) {
        for (std::string_view key : {"max_tokens", "max_completion_tokens", "n", "best_of"}) {
            std::string extra = std::string{"\""}.append(key).append("\":").append(number);
            Error error = refused(Endpoint::chat_completions, with(extra));
            EXPECT_EQ(error.code(), ErrorCode::invalid_parameter) << extra;
            EXPECT_NE(error.message().find(key), std::string_view::npos) << error.message();
        }
    }
    EXPECT_EQ(chat(R"("max_tokens":9007199254740992)").max_output, std::int64_t{1} << 53);
    EXPECT_EQ(chat_error(R"("n":0)"), ErrorCode::invalid_parameter);
    EXPECT_EQ(chat_error(R"("stream":"true")"), ErrorCode::invalid_parameter);
    EXPECT_EQ(chat_error(R"("stream":1)"), ErrorCode::invalid_parameter);
    EXPECT_EQ(chat_error(R"("stream_options":[])"), ErrorCode::invalid_parameter);
}

TEST(Describe, WhatIsNotJsonIsRefusedWhereverItStands) {
    for (std::string body :
         {std::string{}, std::string{"[]"}, std::string{"\"x\""}, with("") + "x", with("") + "{}",
          with(R"("a":[1,)"), with(R"("messages":[}])"), with(R"("max_tokens":01)"),
          with(R"("a":"\q")"), with("\"a\":\"\xFF\""), std::string{"\xEF\xBB\xBF"} + with(""),
          with(R"("a":NaN)"), with(R"("tools":[{"type":"function",}])")}) {
        EXPECT_EQ(refused(Endpoint::chat_completions, body).code(), ErrorCode::malformed_json)
            << body;
    }
    std::string bomb = with(R"("messages":)" + std::string(1'000'000, '['));
    EXPECT_EQ(refused(Endpoint::chat_completions, bomb).code(), ErrorCode::malformed_json);
}

// ---- reach
// ------------------------------------------------------------------------------------------

TEST(Describe, ChoicesAreWhatIsGeneratedNotWhatIsReturned) {
    EXPECT_EQ(chat("").choices, 1);
    EXPECT_EQ(chat(R"("n":3)").choices, 3);
    EXPECT_EQ(ok(Endpoint::completions, with(R"("n":2,"best_of":5)")).choices, 5);
    // Each prompt of a list is answered n times.
    EXPECT_EQ(ok(Endpoint::completions, with(R"("prompt":["a","b","c"],"n":2)")).choices, 6);
    EXPECT_EQ(ok(Endpoint::completions, with(R"("prompt":[[1,2],[3]])")).choices, 2);
    EXPECT_EQ(ok(Endpoint::completions, with(R"("prompt":[1,2,3])")).choices, 1);
}

TEST(Describe, EmbeddingsCountTheirInputsAndHaveNoOutput) {
    CallShape shape = ok(Endpoint::embeddings, with(R"("input":["a","b"])"));
    EXPECT_EQ(shape.inputs, 2);
    EXPECT_EQ(shape.max_output, 0);
    EXPECT_EQ(shape.choices, 1);
    EXPECT_EQ(ok(Endpoint::embeddings, with(R"("input":[1,2,3])")).inputs, 1);
    EXPECT_EQ(ok(Endpoint::embeddings, with(R"("input":"a")")).inputs, 1);
}

TEST(Describe, InputThatIsNotInTheBodyIsMarked) {
    for (std::string_view extra :
         {R"("previous_response_id":"resp_1")", R"("conversation":"conv_1")",
          R"("prompt":{"id":"p"})", R"("input":[{"type":"item_reference","id":"x"}])",
          R"("input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}])",
          R"("input":[{"role":"user","content":[{"type":"input_image","file\u005fid":"f"}]}])"}) {
        EXPECT_TRUE(responses(extra).has(Unbounded::reference)) << extra;
    }
    EXPECT_FALSE(
        responses(R"("previous_response_id":null,"conversation":null)").has(Unbounded::reference));
    EXPECT_TRUE(messages(R"("container":"container_1")").has(Unbounded::reference));
}

TEST(Describe, MediaByUrlIsRemoteMediaInlineIsCounted) {
    CallShape shape = chat(
        R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y"}}]}])");
    EXPECT_TRUE(shape.has(Unbounded::remote_media));
    EXPECT_EQ(shape.images, 1);
    shape = chat(
        R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}])");
    EXPECT_EQ(shape.unbounded, 0);
    EXPECT_EQ(shape.images, 1);
    shape = messages(
        R"("messages":[{"role":"user","content":[{"type":"image","source":{"type":"ur\u006c","url":"https://x"}}]}])");
    EXPECT_TRUE(shape.has(Unbounded::remote_media));
    shape = messages(
        R"("messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"base64","data":"A"}}]}]}])");
    EXPECT_EQ(shape.images, 1);
    EXPECT_EQ(shape.unbounded, 0);
}

TEST(Describe, AnImagesDataIsNoText) {
    EXPECT_EQ(
        messages(
            R"("messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}])")
            .turns.at(0)
            .no_text_bytes,
        6);
    EXPECT_EQ(
        chat(
            R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}])")
            .turns.at(0)
            .no_text_bytes,
        26);
    EXPECT_EQ(
        messages(
            R"("messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","data":"AAAA"}},{"type":"image","source":{"type":"text","data":"AAAA"}}]}])")
            .turns.at(0)
            .no_text_bytes,
        0)
        << "what may be read as text counts by its bytes";
}

TEST(Describe, TellsTurnsApartAndWhatIsSilent) {
    const std::string_view body =
        R"({"model":"m","stream":true,"system":"s", "max_tokens" : 5 ,)"
        R"("messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]} ,)"
        R"( {"role":"assistant","content":[{"cache_control":{"type":"ephemeral"}, "type":"text"}]}],"tools":[]})";
    auto shape = describe(Endpoint::messages, body);
    ASSERT_TRUE(shape);
    auto text = [body](core::Span s) {
        return body.substr(s.begin, s.end - s.begin);
    };
    ASSERT_EQ(shape->turns.size(), 2u);
    EXPECT_TRUE(text(shape->turns[0].span).starts_with(R"({"role":"user")"));
    EXPECT_TRUE(text(shape->turns[1].span).starts_with(R"({"role":"assistant")"));
    std::vector<std::string_view> silent;
    for (core::Span span : shape->silent) silent.push_back(text(span));
    EXPECT_EQ(silent, (std::vector<std::string_view>{R"("model":"m",)", R"(,"stream":true)",
                                                     R"(, "max_tokens" : 5)",
                                                     R"(,"cache_control":{"type":"ephemeral"})",
                                                     R"("cache_control":{"type":"ephemeral"},)"}));
}

TEST(Describe, ItemsOfResponsesAreTurnsAndAStringIsNone) {
    EXPECT_EQ(
        responses(R"("input":[{"role":"user","content":"a"},{"type":"reasoning"}])").turns.size(),
        2u);
    EXPECT_TRUE(responses(R"("input":"hello")").turns.empty());
}

TEST(Describe, ADocumentIsBoundedByItsBytesOnlyIfItIsText) {
    auto document = [](std::string_view source) {
        return messages(
            std::string{R"("messages":[{"role":"user","content":[{"type":"document","source":)"}
                .append(source)
                .append("}]}]"));
    };
    EXPECT_TRUE(document(R"({"type":"base64","media_type":"application/pdf","data":"A"})")
                    .has(Unbounded::document));
    EXPECT_FALSE(document(R"({"type":"text","data":"hello"})").has(Unbounded::document));
}

TEST(Describe, ArgumentsAndSchemasMeanNothingByTheirKeys) {
    CallShape shape = messages(
        R"("messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{"file_id":"f","type":"image","image_url":"https://x"}}]}],)"
        R"("tools":[{"name":"n","input_schema":{"type":"object","properties":{"file_id":{"type":"string"},"max_uses":{"type":"number"}}}}])");
    EXPECT_EQ(shape.unbounded, 0);
    EXPECT_EQ(shape.images, 0);
}

TEST(Describe, ToolsThatTheClientRunsAreFree) {
    EXPECT_EQ(
        chat(
            R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{}}])")
            .unbounded,
        0);
    EXPECT_EQ(
        messages(
            R"("tools":[{"name":"f","input_schema":{}},{"type":"bash_20250124","name":"bash"},)"
            R"({"type":"computer_20251124"},{"type":"memory_20250818"}])")
            .unbounded,
        0);
    EXPECT_EQ(
        responses(
            R"("tools":[{"type":"local_shell"},{"type":"namespace","tools":[{"type":"function"}]},)"
            R"({"type":"shell","environment":{"type":"local"}}])")
            .unbounded,
        0);
}

TEST(Describe, ToolsThatTheProviderRunsAreCountedByTheirDeclaredUses) {
    CallShape shape = messages(
        R"("tools":[{"type":"web_search_20250305","max_uses":3},{"type":"web_fetch_20250910","max_uses":2}])");
    EXPECT_TRUE(shape.has(Unbounded::server_tool));
    EXPECT_EQ(shape.server_tool_uses, 5);
    EXPECT_FALSE(shape.server_tools_undeclared);
    shape = messages(
        R"("tools":[{"type":"web_search_20250305","max_uses":3},{"type":"web_fetch_20250910"}])");
    EXPECT_TRUE(shape.server_tools_undeclared);
    shape = responses(R"("tools":[{"type":"web_search"}],"max_tool_calls":4)");
    EXPECT_EQ(shape.server_tool_uses, 4);
    EXPECT_FALSE(shape.server_tools_undeclared);
    shape = responses(R"("tools":[{"type":"mcp","server_url":"x"}],"max_tool_calls":4)");
    EXPECT_TRUE(shape.server_tools_undeclared);
    EXPECT_TRUE(chat(R"("web_search_options":{})").server_tools_undeclared);
    EXPECT_TRUE(chat(R"("web_search_options":{})").web_search);
    EXPECT_FALSE(chat(R"("web_search_options":null)").web_search);
    EXPECT_FALSE(chat(R"("plugins":[{"id":"web"}])").web_search);
    EXPECT_TRUE(messages(R"("mcp_servers":[{"url":"x"}])").has(Unbounded::server_tool));
    EXPECT_EQ(messages(R"("mcp_servers":[])").unbounded, 0);
}

TEST(Describe, AModelThatSearchesByItselfIsAServerToolWithoutALimit) {
    for (const char* model : {"gpt-4o-search-preview", "openai/gpt-4o-mini-search-preview",
                              "gpt-4o-search-preview-2025-03-11"}) {
        auto shape = describe(Endpoint::chat_completions,
                              R"({"model":")" + std::string(model) + R"(","messages":[]})");
        ASSERT_TRUE(shape) << model;
        EXPECT_TRUE(shape->has(Unbounded::server_tool)) << model;
        EXPECT_TRUE(shape->server_tools_undeclared) << model;
    }
    EXPECT_EQ(chat("").unbounded, 0);
}

TEST(Describe, AnUnknownToolIsNeverHarmless) {
    EXPECT_TRUE(chat(R"("tools":[{"type":"teleport_20991231"}])").has(Unbounded::unknown_tool));
    EXPECT_TRUE(chat(R"("tools":[{"google_search":{}}])").has(Unbounded::unknown_tool));
    EXPECT_TRUE(messages(R"("tools":[{"type":"bash_latest"}])").has(Unbounded::unknown_tool));
    EXPECT_TRUE(responses(R"("tools":[{"type":"namespace","tools":[{"type":"teleport"}]}])")
                    .has(Unbounded::unknown_tool));
    EXPECT_TRUE(
        responses(R"("input":[{"tools":[{"type":"web_search"}],"type":"additional_tools"}])")
            .has(Unbounded::server_tool));
}

TEST(Describe, OtherModelsAndLaterWorkAreMarked) {
    EXPECT_TRUE(chat(R"("models":["dear"])").has(Unbounded::other_model));
    EXPECT_TRUE(messages(R"("fallbacks":[{"model":"dear"}])").has(Unbounded::other_model));
    EXPECT_TRUE(messages(R"("tools":[{"type":"advisor_20260301","max_uses":1}])")
                    .has(Unbounded::other_model));
    EXPECT_TRUE(responses(R"("background":true)").has(Unbounded::background));
    EXPECT_FALSE(responses(R"("background":false)").has(Unbounded::background));
    EXPECT_TRUE(
        chat(R"("prediction":{"type":"content","content":"abc"})").has(Unbounded::prediction));
}

TEST(Describe, ClearingContextIsFreeCompactingIsNot) {
    EXPECT_EQ(
        messages(
            R"("context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]})")
            .unbounded,
        0);
    EXPECT_TRUE(messages(R"("context_management":{"edits":[{"type":"compact_20260112"}]})")
                    .has(Unbounded::compaction));
    EXPECT_TRUE(
        responses(R"("context_management":[{"type":"compaction"}])").has(Unbounded::compaction));
}

TEST(Describe, PriceSelectorsAreRead) {
    CallShape shape = messages(
        R"("speed":"fast","inference_geo":"us","service_tier":"auto","system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}])");
    EXPECT_EQ(shape.speed, "fast");
    EXPECT_EQ(shape.geo, "us");
    EXPECT_EQ(shape.service_tier, "auto");
    EXPECT_TRUE(shape.wants_cache);
    EXPECT_TRUE(shape.wants_long_cache);
    shape = messages(
        R"("messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}])");
    EXPECT_TRUE(shape.wants_cache);
    EXPECT_FALSE(shape.wants_long_cache);
    EXPECT_TRUE(responses(R"("prompt_cache_options":{"ttl":"12h"})").wants_long_cache);
    EXPECT_TRUE(chat(R"("modalities":["text","audio"])").audio_output);
}

TEST(Describe, WhatACutAnswerWouldSpoilIsKnown) {
    EXPECT_TRUE(
        chat(R"("response_format":{"type":"json_schema","json_schema":{}})").structured_output);
    EXPECT_FALSE(chat(R"("response_format":{"type":"text"})").structured_output);
    EXPECT_TRUE(responses(R"("text":{"format":{"type":"json_object"}})").structured_output);
    EXPECT_TRUE(chat(R"("tool_choice":"required")").forced_tool);
    EXPECT_FALSE(chat(R"("tool_choice":"auto")").forced_tool);
    EXPECT_TRUE(messages(R"("tool_choice":{"type":"any"})").forced_tool);
    EXPECT_EQ(messages(R"("thinking":{"type":"enabled","budget_tokens":2048})").thinking_budget,
              2048);
}

// ---- identity
// ---------------------------------------------------------------------------------------

TEST(Describe, ReadsWhoTheBodySaysItIs) {
    CallShape shape = chat(
        R"("user":"u1","prompt_cache_key":"k1","metadata":{"weir.task_type":"triage","other":"x"})");
    EXPECT_EQ(shape.user, "u1");
    EXPECT_EQ(shape.session, "k1");
    ASSERT_EQ(shape.weir_metadata.size(), 1u);
    EXPECT_EQ(shape.weir_metadata[0].first, "weir.task_type");
    EXPECT_EQ(shape.weir_metadata[0].second, "triage");
    shape = messages(
        R"("metadata":{"user_id":"{\"device_id\":\"d\",\"account_uuid\":\"\",\"session_id\":\"s1\"}"})");
    EXPECT_EQ(shape.session, "s1");
    EXPECT_EQ(shape.user, "d");
    shape = responses(R"("prompt_cache_key":"k","client_metadata":{"session_id":"s2"})");
    EXPECT_EQ(shape.session, "s2");
}

TEST(Describe, OddIdentityIsNoError) {
    EXPECT_EQ(chat(R"("user":5,"metadata":null)").user, "");
    EXPECT_EQ(messages(R"("metadata":{"user_id":"{broken"})").session, "");
    EXPECT_EQ(chat(R"("metadata":["weir.x"])").weir_metadata.size(), 0u);
}

}  // namespace
}  // namespace weir::provider
