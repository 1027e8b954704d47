#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::Endpoint;
using core::Quirks;
using nlohmann::json;

std::string rewritten(Endpoint endpoint, std::string_view body, const Rewrite& change,
                      const Quirks& quirks = {}) {
    auto shape = describe(endpoint, body);
    EXPECT_TRUE(shape.has_value()) << body;
    if (!shape) return {};
    std::string out = rewrite(body, *shape, quirks, change);
    EXPECT_EQ(rewrite_changes(body, *shape, quirks, change), out != body) << body << "\n" << out;
    // What Weir sends is what it would itself accept.
    EXPECT_TRUE(describe(endpoint, out).has_value()) << out;
    return out;
}
std::string chat(std::string_view body, const Rewrite& change, const Quirks& quirks = {}) {
    return rewritten(Endpoint::chat_completions, body, change, quirks);
}

TEST(Rewrite, WithNothingToChangeTheBodyIsTheSameBytes) {
    std::string_view body = R"({ "model":"m",  "x":[1, 2 ] , "max_tokens":5})";
    EXPECT_EQ(chat(body, {}), body);
    EXPECT_EQ(chat(body, {.model = "m", .max_output = {}}), body);
}

TEST(Rewrite, ReplacesTheModelAndNothingElse) {
    EXPECT_EQ(
        chat(R"({"a" : 1, "model" :  "m" ,"b":"model"})", {.model = "x\"y", .max_output = {}}),
        R"({"a" : 1, "model" :  "x\"y" ,"b":"model"})");
}

TEST(Rewrite, AsksForUsageOnlyInStreams) {
    Rewrite usage{.model = {}, .inject_include_usage = true, .max_output = {}};
    EXPECT_EQ(chat(R"({"model":"m","stream":true})", usage),
              R"({"stream_options":{"include_usage":true},"model":"m","stream":true})");
    EXPECT_EQ(chat(R"({"model":"m"})", usage), R"({"model":"m"})");
    EXPECT_EQ(chat(R"({"model":"m","stream":false})", usage), R"({"model":"m","stream":false})");
    std::string_view asked =
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})";
    EXPECT_EQ(chat(asked, usage), asked);
    std::string_view response = R"({"model":"m","stream":true})";
    EXPECT_EQ(rewritten(Endpoint::responses, response, usage), response);
    Quirks refuses;
    refuses.stream_options = false;
    EXPECT_EQ(chat(R"({"model":"m","stream":true})", usage, refuses),
              R"({"model":"m","stream":true})");
}

TEST(Rewrite, MergesIntoExistingStreamOptions) {
    Rewrite usage{.model = {}, .inject_include_usage = true, .max_output = {}};
    EXPECT_EQ(
        chat(R"({"model":"m","stream":true,"stream_options":{"include_obfuscation":false}})",
             usage),
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}})");
    EXPECT_EQ(chat(R"({"model":"m","stream":true,"stream_options":{ }})", usage),
              R"({"model":"m","stream":true,"stream_options":{"include_usage":true }})");
    EXPECT_EQ(
        chat(R"({"model":"m","stream":true,"stream_options":{"include_usage":false}})", usage),
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
    EXPECT_EQ(chat(R"({"model":"m","stream":true,"stream_options":null})", usage),
              R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
}

TEST(Rewrite, SetsMaxOutputUnderTheNameTheServerHeeds) {
    Rewrite limit{.model = {}, .max_output = 812};
    Quirks old;
    old.max_completion_tokens = false;
    EXPECT_EQ(chat(R"({"model":"m"})", limit), R"({"max_completion_tokens":812,"model":"m"})");
    EXPECT_EQ(chat(R"({"model":"m"})", limit, old), R"({"max_tokens":812,"model":"m"})");
    EXPECT_EQ(rewritten(Endpoint::responses, R"({"model":"m"})", limit),
              R"({"max_output_tokens":812,"model":"m"})");
    EXPECT_EQ(rewritten(Endpoint::messages, R"({"model":"m","max_tokens":64000})", limit),
              R"({"model":"m","max_tokens":812})");
    EXPECT_EQ(rewritten(Endpoint::embeddings, R"({"model":"m","input":"x"})", limit),
              R"({"model":"m","input":"x"})");
    EXPECT_EQ(chat(R"({"model":"m","max_tokens":null})", limit),
              R"({"model":"m","max_tokens":812})");
}

TEST(Rewrite, BothMaxNamesAreLowered) {
    EXPECT_EQ(chat(R"({"model":"m","max_tokens":9000,"max_completion_tokens":8000})",
                   {.model = {}, .max_output = 5}),
              R"({"model":"m","max_tokens":5,"max_completion_tokens":5})");
}

TEST(Rewrite, ALimitThatTheServerWouldIgnoreIsRenamed) {
    Quirks old;
    old.max_completion_tokens = false;
    EXPECT_EQ(chat(R"({"model":"m","max_completion_tokens":50})", {}, old),
              R"({"model":"m","max_tokens":50})");
    EXPECT_EQ(
        chat(R"({"model":"m","max_completion_tokens":50})", {.model = {}, .max_output = 7}, old),
        R"({"model":"m","max_tokens":7})");
}

TEST(Rewrite, WeirMetadataGoesAndTheRestStays) {
    Rewrite strip{.model = {}, .max_output = {}, .strip_weir_metadata = true};
    EXPECT_EQ(
        chat(R"({"model":"m","metadata":{"weir.goal":"4711", "a":"b","weir.x":"y"},"n":1})", strip),
        R"({"model":"m","metadata":{"a":"b"},"n":1})");
    EXPECT_EQ(chat(R"({"model":"m","metadata":{"a":"b"}})", strip),
              R"({"model":"m","metadata":{"a":"b"}})");
    EXPECT_EQ(chat(R"({"model":"m","metadata":{}})", strip), R"({"model":"m","metadata":{}})");
    EXPECT_EQ(chat(R"({"model":"m","metadata":{"weir.a":"b"},"n":1})", strip),
              R"({"model":"m","n":1})");
    EXPECT_EQ(chat(R"({"model":"m" , "metadata" : {"weir.a":"b"} })", strip), R"({"model":"m"  })");
    EXPECT_EQ(chat(R"({"metadata":{"weir.a":"b"} , "model":"m"})", strip), R"({ "model":"m"})");
}

TEST(Rewrite, InsertsBeforeAFirstMemberThatGoesOrIsRenamed) {
    Rewrite usage{
        .model = {}, .inject_include_usage = true, .max_output = {}, .strip_weir_metadata = true};
    EXPECT_EQ(
        chat(R"({"metadata":{"weir.goal":"1"},"model":"gpt-4o-mini","messages":[],"stream":true})",
             usage),
        R"({"stream_options":{"include_usage":true},"model":"gpt-4o-mini","messages":[],"stream":true})");
    EXPECT_EQ(chat(R"({"metadata":{"weir.goal":"1"},"model":"m"})",
                   {.model = {}, .max_output = 812, .strip_weir_metadata = true}),
              R"({"max_completion_tokens":812,"model":"m"})");
    Quirks old;
    old.max_completion_tokens = false;
    EXPECT_EQ(
        chat(R"({"max_completion_tokens":64,"messages":[],"model":"llama-3","stream":true})", usage,
             old),
        R"({"stream_options":{"include_usage":true},"max_tokens":64,"messages":[],"model":"llama-3","stream":true})");
}

// For every body and every set of changes: the result is the same JSON but for the keys named.
TEST(Rewrite, ChangesOnlyWhatItNames) {
    const std::vector<std::string> bodies{
        R"({"model":"m","stream":true})",
        R"({"stream":true,"model":"m","metadata":{"weir.a":"1"}})",
        R"({"metadata":{"weir.a":"1","k":"v"},"model":"m","max_tokens":9})",
        R"({"metadata":{"weir.a":"1"},"model":"m","stream":true})",
        R"({"max_completion_tokens":64,"messages":[],"model":"m","stream":true})",
        R"({"messages":[{"role":"user","content":"\u00e9 \"model\": {max_tokens} \ud83d\ude00"}],"model":"m","max_completion_tokens":7,"stream":true,"stream_options":{"include_obfuscation":true}})",
        "{\n  \"temperature\" : 1.10 ,\n  \"model\"\t: \"m\",\n \"stream\" : true , "
        "\"stream_options\" : null,\"big\":12345678901234567890\n}",
        R"({"model":"m","max_tokens":9,"max_completion_tokens":3,"metadata":{"weir.a":"1"},"stream":true})"};
    for (const std::string& body : bodies) {
        for (unsigned bits = 0; bits < 32; ++bits) {
            Rewrite change;
            if ((bits & 1) != 0) change.model = "other/model";
            change.inject_include_usage = (bits & 2) != 0;
            if ((bits & 4) != 0) change.max_output = 5;
            change.strip_weir_metadata = (bits & 8) != 0;
            Quirks quirks;
            quirks.max_completion_tokens = (bits & 16) != 0;
            std::string out = chat(body, change, quirks);
            json before = json::parse(body);
            json after = json::parse(out);
            EXPECT_EQ(after["model"], change.model ? "other/model" : "m");
            if (change.max_output) {
                for (const char* name : {"max_tokens", "max_completion_tokens"}) {
                    if (after.contains(name)) EXPECT_EQ(after[name], 5);
                }
                EXPECT_TRUE(after.contains("max_tokens") ||
                            after.contains("max_completion_tokens"));
                if (!quirks.max_completion_tokens) EXPECT_TRUE(after.contains("max_tokens"));
            }
            if (change.inject_include_usage && before.value("stream", false)) {
                EXPECT_EQ(after["stream_options"]["include_usage"], true);
            }
            for (const char* name :
                 {"model", "max_tokens", "max_completion_tokens", "stream_options", "metadata"}) {
                before.erase(name);
                after.erase(name);
            }
            EXPECT_EQ(before, after) << out;
        }
    }
}

}  // namespace
}  // namespace weir::provider
