// Against extractions that we did not write: usage bodies of real providers with the figures that
// the genai-prices data reads from them. Sums are compared, because its classes nest and ours do
// not.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>

#include "provider/usage_testing.h"

namespace weir::provider {
namespace {

using testing::Json;

struct Case {
    core::Endpoint endpoint;
    std::string body;
    const char* extractor;  // provider_id/api_flavor
};

Case case_of(const Json& body) {
    const std::string usage = R"(,"usage":)" + body.at("usage").dump() + "}";
    const Json& figures = body.at("usage");
    if (figures.contains("cache_creation_input_tokens")) {
        return {core::Endpoint::messages, R"({"type":"message")" + usage, "anthropic/default"};
    }
    if (figures.contains("input_tokens")) {
        return {core::Endpoint::responses, R"({"status":"completed")" + usage, "openai/responses"};
    }
    if (!figures.contains("completion_tokens") && figures.contains("prompt_tokens")) {
        return {core::Endpoint::embeddings, R"({"object":"list")" + usage, "openai/embeddings"};
    }
    if (figures.contains("prompt_tokens")) {
        return {core::Endpoint::chat_completions, R"({"choices":[])" + usage, "openai/chat"};
    }
    return {core::Endpoint::models, {}, nullptr};  // a dialect that is not spoken here
}

const Json* extraction(const Json& row, const std::string& extractor) {
    for (const Json& found : row.at("extracted")) {
        for (const Json& by : found.at("extractors")) {
            const std::string name = by.at("provider_id").get<std::string>() + "/" +
                                     by.at("api_flavor").get<std::string>();
            if (name == extractor) return &found.at("usage");
        }
    }
    return nullptr;
}

TEST(UsageAgainstGenaiPrices, SumsAgreeOnEveryBodyOfOurDialects) {
    const std::string path = WEIR_SOURCE_DIR "/../shared/data/prices/usage_bodies_expected.json";
    if (!std::filesystem::exists(path)) {
        GTEST_SKIP() << "no usage bodies: shared/data is not beside the project";
    }
    int compared = 0;
    for (const Json& row : Json::parse(testing::read_file(path))) {
        const Json& body = row.at("body");
        if (!body.contains("usage")) continue;
        const Case c = case_of(body);
        const Json* expected = c.extractor == nullptr ? nullptr : extraction(row, c.extractor);
        if (expected == nullptr) continue;
        SCOPED_TRACE(body.dump());
        const std::unique_ptr<Meter> meter = make_meter(c.endpoint, {}, {});
        meter->on_body(c.body);
        const core::Usage usage = meter->usage();
        ASSERT_EQ(usage.completeness, core::Completeness::exact);
        core::UsageLine sum;
        for (const core::UsageLine& line : usage.lines) {
            if (line.role != core::LineRole::main) continue;  // the oracle reads the top level only
            for (std::size_t i = 0; i < core::kTokenClasses; ++i) sum.tokens[i] += line.tokens[i];
        }
        using enum core::TokenClass;
        EXPECT_EQ(sum.input_total(), expected->value("input_tokens", 0));
        // It does not know output outside completion_tokens (Gemini's thoughts: wire.md §0.6).
        const Json& given = body.at("usage");
        std::int64_t out = expected->value("output_tokens", std::int64_t{0});
        if (given.contains("total_tokens") && given.contains("prompt_tokens")) {
            out = std::max(out, given.at("total_tokens").get<std::int64_t>() -
                                    given.at("prompt_tokens").get<std::int64_t>());
        }
        EXPECT_EQ(sum.output_total(), out);
        // It does not know cached tokens at the top level (Mistral, Moonshot).
        if (expected->contains("cache_read_tokens")) {
            EXPECT_EQ(sum.of(cache_read), expected->at("cache_read_tokens"));
        }
        EXPECT_EQ(sum.of(cache_write_short) + sum.of(cache_write_long),
                  expected->value("cache_write_tokens", 0));
        EXPECT_EQ(usage.unit(core::UnitKind::web_search), expected->value("web_searches", 0));
        ++compared;
    }
    EXPECT_GT(compared, 300);
}

}  // namespace
}  // namespace weir::provider
