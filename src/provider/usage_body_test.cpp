// Usage of whole answers: what each figure of a provider is counted as.
#include <algorithm>
#include <gtest/gtest.h>

#include "provider/usage_testing.h"

namespace weir::provider {
namespace {

using testing::Json;
using testing::meter_body;
using testing::StreamSetup;

Json chat(const std::string& usage, const StreamSetup& setup = {}) {
    return meter_body(setup, R"({"id":"c1","object":"chat.completion","model":"m","choices":[)"
                             R"({"index":0,"message":{"role":"assistant","content":"Eight ch"},)"
                             R"("finish_reason":"stop"}],"usage":)" +
                                 usage + "}");
}

Json messages(const std::string& usage, bool long_cache = false) {
    StreamSetup setup = testing::setup_for(core::Endpoint::messages);
    setup.shape.wants_long_cache = long_cache;
    return meter_body(setup, R"({"id":"a1","type":"message","model":"m","content":[],)"
                             R"("stop_reason":"end_turn","usage":)" +
                                 usage + "}");
}

Json responses(const std::string& members) {
    const StreamSetup setup = testing::setup_for(core::Endpoint::responses);
    return meter_body(setup, R"({"id":"r1","object":"response","model":"m",)" + members + "}");
}

Json line(const Json& usage) { return usage.at("lines").at(0); }

bool noted(const Json& usage, const std::string& note) {
    const Json notes = usage.value("notes", Json::array());
    return std::find(notes.begin(), notes.end(), note) != notes.end();
}

TEST(UsageOfBodies, CacheReadsAndWritesAreTakenOffThePrompt) {
    const Json usage = chat(R"({"prompt_tokens":100,"completion_tokens":9,"total_tokens":109,
        "prompt_tokens_details":{"cached_tokens":70,"cache_write_tokens":20}})");
    EXPECT_EQ(line(usage), Json::parse(R"({"role":"main","model":"m","input":10,"cache_read":70,
        "cache_write_short":20,"output":9})"));
    EXPECT_EQ(usage.at("completeness"), "exact");
    EXPECT_FALSE(usage.contains("notes"));
}

TEST(UsageOfBodies, UnadjustedCacheWritesAreClampedToWhatWasNotRead) {
    const Json usage = chat(R"({"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,
        "prompt_tokens_details":{"cached_tokens":70,"cache_write_tokens":100}})");
    EXPECT_EQ(line(usage).at("cache_write_short"), 30);
    EXPECT_FALSE(line(usage).contains("input"));
    EXPECT_FALSE(noted(usage, "inconsistent"));
}

TEST(UsageOfBodies, CachedTokensAreFoundWhereEachProviderPutsThem) {
    for (const char* member : {R"("cached_tokens":6)", R"("num_cached_tokens":6)",
                               R"("prompt_cache_hit_tokens":6,"prompt_cache_miss_tokens":4)",
                               R"("prompt_tokens_details":{"cached_tokens":6})"}) {
        SCOPED_TRACE(member);
        const Json usage =
            chat(std::string(R"({"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,)") +
                 member + "}");
        EXPECT_EQ(line(usage).at("cache_read"), 6);
        EXPECT_EQ(line(usage).at("input"), 4);
        EXPECT_FALSE(usage.contains("notes"));
    }
}

TEST(UsageOfBodies, ReasoningOutsideTheOutputIsBilledAsOutput) {
    const std::string with_total = R"({"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,
        "completion_tokens_details":{"reasoning_tokens":290}})";
    EXPECT_EQ(line(chat(with_total)).at("output"), 291);
    StreamSetup xai;
    xai.quirks.reasoning_outside_output = true;
    EXPECT_EQ(line(chat(with_total, xai)).at("output"), 291) << "not added a second time";
    EXPECT_EQ(line(chat(R"({"prompt_tokens":12,"completion_tokens":1,
        "completion_tokens_details":{"reasoning_tokens":290}})",
                        xai))
                  .at("output"),
              291);
    EXPECT_EQ(chat(with_total).at("reasoning"), 290);
}

TEST(UsageOfBodies, AudioIsCountedApart) {
    const Json usage = chat(R"({"prompt_tokens":100,"completion_tokens":60,"total_tokens":160,
        "prompt_tokens_details":{"cached_tokens":10,"audio_tokens":30},
        "completion_tokens_details":{"audio_tokens":45}})");
    EXPECT_EQ(line(usage), Json::parse(R"({"role":"main","model":"m","input":60,"cache_read":10,
        "input_audio":30,"output":15,"output_audio":45})"));
}

TEST(UsageOfBodies, AbsurdFiguresAreIgnoredAndNoted) {
    for (const char* figure : {"-5", "9007199254740993", "1e3", "12.5", "\"12\"", "true",
                               "99999999999999999999999999"}) {
        SCOPED_TRACE(figure);
        const Json part = chat(R"({"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,
            "prompt_tokens_details":{"cached_tokens":)" +
                               std::string(figure) + "}}");
        EXPECT_EQ(line(part).at("input"), 10);
        EXPECT_TRUE(noted(part, "inconsistent"));
        EXPECT_EQ(part.at("completeness"), "exact");
        // Without a total there is no measurement, only what is left of it.
        const Json total =
            chat(R"({"prompt_tokens":10,"completion_tokens":)" + std::string(figure) + "}");
        EXPECT_EQ(total.at("completeness"), "partial");
        EXPECT_EQ(line(total).at("output"), 2) << "from the eight characters that passed";
        EXPECT_TRUE(noted(total, "inconsistent"));
    }
}

TEST(UsageOfBodies, PartsAboveTheirWholeAreCutAndNoted) {
    const Json usage = chat(R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
        "prompt_tokens_details":{"cached_tokens":50,"audio_tokens":50},
        "completion_tokens_details":{"audio_tokens":9,"reasoning_tokens":900}})");
    EXPECT_EQ(line(usage).at("cache_read"), 10);
    EXPECT_FALSE(line(usage).contains("input"));
    EXPECT_EQ(line(usage).at("output_audio"), 5);
    EXPECT_EQ(usage.at("reasoning"), 5);
    EXPECT_TRUE(noted(usage, "inconsistent"));
}

TEST(UsageOfBodies, AllZeroIsNoMeasurementOfAChat) {
    const Json usage = chat(R"({"prompt_tokens":0,"completion_tokens":0,"total_tokens":0})");
    EXPECT_EQ(usage.at("completeness"), "estimated");
    EXPECT_EQ(line(usage).at("output"), 2);
    EXPECT_TRUE(noted(usage, "inconsistent"));
}

TEST(UsageOfBodies, WithoutUsageTheTextIsEstimated) {
    for (const char* usage : {"null", "{}", "[]", "7"}) {
        SCOPED_TRACE(usage);
        EXPECT_EQ(chat(usage).at("completeness"), "estimated");
        EXPECT_EQ(line(chat(usage)).at("output"), 2);
    }
}

TEST(UsageOfBodies, UnknownFiguresThatMayCostAreNoted) {
    EXPECT_TRUE(noted(chat(R"({"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,
        "quantum_tokens":3})"),
                      "unknown_fields"));
    EXPECT_TRUE(noted(chat(R"({"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,
        "num_sources_used":5})"),
                      "unknown_fields"));
    EXPECT_FALSE(noted(chat(R"({"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,
        "num_sources_used":0,"quantum_tokens":0,"queue_time":0.5,"cost":0.1})"),
                       "unknown_fields"));
}

TEST(UsageOfBodies, EmbeddingsCountTheirInput) {
    const StreamSetup setup = testing::setup_for(core::Endpoint::embeddings);
    for (const char* usage :
         {R"({"prompt_tokens":12,"total_tokens":12})", R"({"total_tokens":12})"}) {
        const Json json = meter_body(
            setup,
            std::string(R"({"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"e",)") +
                R"("usage":)" + usage + "}");
        EXPECT_EQ(json, Json::parse(R"({"completeness":"exact","ended":true,
            "lines":[{"role":"main","model":"e","input":12}]})"));
    }
}

TEST(UsageOfBodies, AnthropicInputExcludesWhatIsCached) {
    const Json usage = messages(R"({"input_tokens":6,"cache_creation_input_tokens":574,
        "cache_read_input_tokens":20443,"cache_creation":{"ephemeral_5m_input_tokens":500,
        "ephemeral_1h_input_tokens":74},"output_tokens":489,
        "output_tokens_details":{"thinking_tokens":77},"service_tier":"batch",
        "inference_geo":"not_available","server_tool_use":{"web_search_requests":10}})");
    EXPECT_EQ(line(usage), Json::parse(R"({"role":"main","model":"m","tier":"batch","input":6,
        "cache_read":20443,"cache_write_short":500,"cache_write_long":74,"output":489})"));
    EXPECT_EQ(usage.at("units"), Json::parse(R"({"web_search":10})"));
    EXPECT_EQ(usage.at("reasoning"), 77);
}

TEST(UsageOfBodies, CacheWritesWithoutASplitAreLongWhereTheRequestCouldWriteLong) {
    const std::string usage =
        R"({"input_tokens":6,"cache_creation_input_tokens":50,"output_tokens":1})";
    EXPECT_EQ(line(messages(usage)).at("cache_write_short"), 50);
    EXPECT_FALSE(noted(messages(usage), "ttl_split_inferred"));
    EXPECT_EQ(line(messages(usage, true)).at("cache_write_long"), 50);
    EXPECT_TRUE(noted(messages(usage, true), "ttl_split_inferred"));
    EXPECT_EQ(line(messages(R"({"input_tokens":6,"cache_creation_input_tokens":50,"output_tokens":1,
        "cache_creation":{"ephemeral_1h_input_tokens":20}})"))
                  .at("cache_write_long"),
              50)
        << "growth goes to the only TTL used";
}

TEST(UsageOfBodies, IterationsThatDoNotAddUpCountAtTheLarger) {
    const Json usage = messages(R"({"input_tokens":100,"output_tokens":20,"iterations":[
        {"type":"message","input_tokens":60,"output_tokens":30},
        {"type":"compaction","input_tokens":1000,"output_tokens":10}]})");
    EXPECT_EQ(usage.at("lines"), Json::parse(R"([
        {"role":"main","model":"m","input":100,"output":30},
        {"role":"compaction","input":1000,"output":10}])"));
    EXPECT_TRUE(noted(usage, "inconsistent"));
    // Only hidden entries: the top level is the message's.
    const Json hidden = messages(R"({"input_tokens":7,"output_tokens":3,"iterations":[
        {"type":"compaction","input_tokens":1000,"output_tokens":10}]})");
    EXPECT_EQ(hidden.at("lines").size(), 2u);
    EXPECT_EQ(hidden.at("lines").at(1),
              Json::parse(R"({"role":"main","model":"m","input":7,"output":3})"));
}

TEST(UsageOfBodies, UnknownIterationsAreBilledAndNoted) {
    const Json usage = messages(R"({"input_tokens":7,"output_tokens":3,"iterations":[
        {"type":"message","input_tokens":7,"output_tokens":3},
        {"type":"oracle_message","model":"o","input_tokens":500,"output_tokens":9}]})");
    EXPECT_EQ(usage.at("lines").size(), 2u);
    EXPECT_EQ(usage.at("lines").at(1).at("model"), "o");
    EXPECT_TRUE(noted(usage, "unknown_fields"));
}

TEST(UsageOfBodies, ResponsesZerosAreMeasured) {
    const Json usage = responses(R"("status":"completed","output":[],
        "usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0})");
    EXPECT_EQ(usage.at("completeness"), "exact");
}

TEST(UsageOfBodies, ABackgroundResponseIsNotAtItsEnd) {
    const Json usage = responses(R"("status":"queued","output":[],"usage":null)");
    EXPECT_EQ(usage.at("completeness"), "estimated");
    EXPECT_FALSE(usage.contains("ended"));
}

TEST(UsageOfBodies, AToldSearchCountWinsOverCountedItems) {
    const std::string items = R"("output":[{"type":"web_search_call","action":{"type":"search"}}],)"
                              R"("usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2})";
    const Json counted = responses(R"("status":"completed",)" + items);
    EXPECT_EQ(counted.at("units").at("web_search"), 1);
    EXPECT_TRUE(noted(counted, "search_count_inferred"));
    const Json told = responses(
        R"("status":"completed","tool_usage":{"web_search":{"num_requests":4}},)" + items);
    EXPECT_EQ(told.at("units").at("web_search"), 4);
    EXPECT_FALSE(noted(told, "search_count_inferred"));
}

std::string chat_answer(const std::string& model, const std::string& annotations) {
    return R"({"id":"c1","object":"chat.completion","model":")" + model +
           R"(","choices":[{"index":0,"message":{"role":"assistant","content":"Eight ch",)"
           R"("annotations":[)" +
           annotations +
           R"(]},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}})";
}

// wire.md §1.1: a fee for the call, of which chat's usage does not speak.
TEST(UsageOfBodies, AChatsWebSearchIsOneUnitForTheCall) {
    const std::string source =
        R"({"type":"url_citation","url_citation":{"url":"https://a.test","title":"t"}})";
    StreamSetup asked;
    asked.shape.web_search = true;
    StreamSetup asked_of_search_model;
    asked_of_search_model.shape.model = "gpt-4o-search-preview";
    for (const Json& usage :
         {meter_body(asked, chat_answer("gpt-5", "")),
          meter_body({}, chat_answer("gpt-5", source + "," + source)),
          meter_body({}, chat_answer("gpt-4o-mini-search-preview-2025-03-11", "")),
          meter_body(asked_of_search_model, chat_answer("", ""))}) {
        EXPECT_EQ(usage.at("units").at("web_search"), 1);
        EXPECT_TRUE(noted(usage, "search_count_inferred"));
        EXPECT_EQ(usage.at("completeness"), "exact");
    }
    // Its words about one are none.
    EXPECT_FALSE(meter_body({}, chat_answer("gpt-5", R"("url_citation")")).contains("units"));
    // A route of that name to another model does not search.
    EXPECT_FALSE(meter_body(asked_of_search_model, chat_answer("gpt-5", "")).contains("units"));
    // Neither does a refusal.
    EXPECT_FALSE(meter_body(asked, R"({"error":{"message":"no"}})").contains("units"));
}

TEST(UsageOfBodies, WhereTheCallsFeeHoldsTheSearchItIsNoUnit) {
    StreamSetup perplexity;
    perplexity.quirks.search_in_call_fee = true;
    perplexity.shape.web_search = true;
    EXPECT_FALSE(meter_body(perplexity, chat_answer("sonar", "")).contains("units"));
}

TEST(UsageOfBodies, CompactionAnswersAreBilled) {
    const StreamSetup setup = testing::setup_for(core::Endpoint::responses_compact);
    const Json usage = meter_body(setup, R"({"id":"r1","object":"response.compaction","output":[],
        "usage":{"input_tokens":900,"output_tokens":30,"total_tokens":930}})");
    EXPECT_EQ(line(usage), Json::parse(R"({"role":"main","input":900,"output":30})"));
    EXPECT_EQ(usage.at("completeness"), "exact");
}

TEST(UsageOfBodies, CountingAndListingAreFree) {
    for (const auto endpoint : {core::Endpoint::count_tokens, core::Endpoint::models,
                                core::Endpoint::responses_input_tokens}) {
        const StreamSetup setup = testing::setup_for(endpoint);
        EXPECT_EQ(meter_body(setup, R"({"input_tokens":2095})"),
                  Json::parse(R"({"completeness":"none","ended":true})"));
    }
}

TEST(UsageOfBodies, GarbageIsEstimatedNeverExact) {
    for (const auto endpoint : {core::Endpoint::chat_completions, core::Endpoint::embeddings,
                                core::Endpoint::responses, core::Endpoint::messages}) {
        for (const char* body : {"", "{", "null", "[]", "\xff\xfe", "<html>502</html>",
                                 R"({"usage":{"prompt_tokens":1)", R"({"usage":)"}) {
            SCOPED_TRACE(body);
            const StreamSetup setup = testing::setup_for(endpoint);
            const Json usage = meter_body(setup, body);
            EXPECT_EQ(usage.at("completeness"), "estimated");
            EXPECT_FALSE(usage.contains("ended"));
        }
    }
}

}  // namespace
}  // namespace weir::provider
