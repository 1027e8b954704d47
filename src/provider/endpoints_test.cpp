#include <algorithm>
#include <gtest/gtest.h>
#include <string>

#include "core/budget_match.h"
#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::Endpoint;

ErrorCode refusal(std::string_view method, std::string_view path) {
    auto match = match_endpoint(method, path);
    EXPECT_FALSE(match.has_value()) << method << " " << path;
    return match ? ErrorCode::internal : match.error().code();
}

bool is_outside_budgets(Endpoint endpoint) {
    return std::ranges::find(core::kEndpointsOutsideBudgets, endpoint) !=
           core::kEndpointsOutsideBudgets.end();
}

TEST(Endpoints, WhatCostsIsGoverned) {
    struct Case {
        std::string_view path;
        Endpoint endpoint;
        std::string_view upstream;
    };
    for (const Case& c :
         {Case{"/v1/chat/completions", Endpoint::chat_completions, "/chat/completions"},
          Case{"/chat/completions", Endpoint::chat_completions, "/chat/completions"},
          Case{"/v1/completions", Endpoint::completions, "/completions"},
          Case{"/v1/embeddings", Endpoint::embeddings, "/embeddings"},
          Case{"/v1/responses", Endpoint::responses, "/responses"},
          Case{"/responses", Endpoint::responses, "/responses"},
          Case{"/v1/responses/compact", Endpoint::responses_compact, "/responses/compact"},
          Case{"/v1/messages", Endpoint::messages, "/messages"}}) {
        auto match = match_endpoint("POST", c.path);
        ASSERT_TRUE(match) << c.path;
        EXPECT_EQ(match->endpoint, c.endpoint);
        EXPECT_EQ(match->fate, Fate::governed);
        EXPECT_FALSE(is_outside_budgets(c.endpoint));
        EXPECT_EQ(match->upstream_path, c.upstream);
    }
}

TEST(Endpoints, CountingAndListingAreFree) {
    for (auto [method, path, endpoint] :
         {std::tuple{"POST", "/v1/messages/count_tokens", Endpoint::count_tokens},
          std::tuple{"POST", "/v1/responses/input_tokens", Endpoint::responses_input_tokens},
          std::tuple{"GET", "/v1/models", Endpoint::models},
          std::tuple{"GET", "/v1/models/openai/gpt-6", Endpoint::models},
          std::tuple{"GET", "/v1/models/ft:gpt-4o:org::id", Endpoint::models}}) {
        auto match = match_endpoint(method, path);
        ASSERT_TRUE(match) << path;
        EXPECT_EQ(match->fate, Fate::free);
        EXPECT_EQ(match->endpoint, endpoint);
        // Who counts a past budget from the ledger must leave the same ones out.
        EXPECT_TRUE(is_outside_budgets(endpoint));
    }
    EXPECT_EQ(match_endpoint("GET", "/v1/models/openai/gpt-6")->upstream_path,
              "/models/openai/gpt-6");
}

TEST(Endpoints, KnownOnesThatCannotBeHeldAreRefusedWithAReason) {
    for (auto [method, path] : {std::pair{"POST", "/v1/batches"},
                                {"GET", "/v1/files/file-1/content"},
                                {"POST", "/v1/images/generations"},
                                {"POST", "/v1/audio/speech"},
                                {"GET", "/v1/realtime"},
                                {"POST", "/v1/fine_tuning/jobs"},
                                {"POST", "/v1/vector_stores/vs/files"},
                                {"POST", "/v1/threads/runs"},
                                {"POST", "/v1/moderations"},
                                {"GET", "/v1/responses/resp_1"},
                                {"DELETE", "/v1/responses/resp_1"},
                                {"POST", "/v1/responses/resp_1/cancel"},
                                {"POST", "/v1/messages/batches"},
                                {"POST", "/v1/models/gemini-3:generateContent"},
                                {"POST", "/v1beta/models/gemini-3:streamGenerateContent"},
                                {"POST", "/model/claude%3A0/converse"},
                                {"POST", "/api/chat"},
                                {"POST", "/openai/deployments/d/chat/completions"},
                                {"POST", "/v1/conversations"},
                                {"GET", "/v1/organization/admin_api_keys"},
                                {"GET", "/v1/chat/completions"}}) {
        auto match = match_endpoint(method, path);
        ASSERT_FALSE(match) << path;
        EXPECT_EQ(match.error().code(), ErrorCode::endpoint_refused) << path;
        EXPECT_GT(match.error().message().size(), 40u) << path;
    }
}

TEST(Endpoints, AnUnknownPathIsToldTheNearest) {
    auto match = match_endpoint("POST", "/v1/chat/completion");
    ASSERT_FALSE(match);
    EXPECT_EQ(match.error().code(), ErrorCode::unknown_endpoint);
    EXPECT_NE(match.error().message().find("/v1/chat/completions"), std::string_view::npos);
    // The usual mistake with a base URL.
    match = match_endpoint("POST", "/v1/v1/messages");
    ASSERT_FALSE(match);
    EXPECT_NE(match.error().message().find("did you mean /v1/messages?"), std::string_view::npos);
    EXPECT_EQ(refusal("GET", "/favicon.ico"), ErrorCode::unknown_endpoint);
    EXPECT_EQ(refusal("POST", "/messages"), ErrorCode::unknown_endpoint);
}

TEST(Endpoints, AWrongMethodIsToldTheRightOne) {
    auto match = match_endpoint("GET", "/v1/messages");
    ASSERT_FALSE(match);
    EXPECT_EQ(match.error().code(), ErrorCode::method_not_allowed);
    EXPECT_NE(match.error().message().find("POST"), std::string_view::npos);
    EXPECT_EQ(allowed_methods("/v1/messages"), "POST");
    EXPECT_EQ(allowed_methods("/v1/models/x"), "GET");
    EXPECT_EQ(allowed_methods("/nothing"), "");
}

TEST(Endpoints, AWebSocketIsToldToUpgradeNothing) {
    EXPECT_EQ(refusal("GET", "/v1/responses"), ErrorCode::upgrade_required);
}

// The path is sent on with the provider's key.
TEST(Endpoints, APathThatMayMeanSomethingElseUpstreamIsUnknown) {
    for (std::string_view path :
         {"/v1/models/../organization/admin_api_keys", "/v1/models/%2e%2e/files",
          "/v1/models/..%2ffiles", "/v1/models/.", "/v1//models", "/v1/models/", "/v1/models/a?b",
          "/v1/models/a#b", "/v1/models/a%", "/v1/models/a%0d%0ax", "/v1/models/a b",
          "/v1/models/a\\b", "/v1/models/%00", "/", "", "v1/models", "/v1/models/a%2f%2e%2e%2fb",
          "/v1/models/%25"}) {
        EXPECT_EQ(refusal("GET", path), ErrorCode::unknown_endpoint) << path;
    }
}

TEST(Endpoints, TheDocsTableHasARowForEachFate) {
    std::string table = endpoints_markdown();
    EXPECT_NE(table.find("| POST | `/v1/messages` | governed |"), std::string::npos);
    EXPECT_NE(table.find("| GET | `/v1/models` | free |"), std::string::npos);
    EXPECT_NE(table.find("| any | `/v1/batches/**` | refused | its usage"), std::string::npos);
}

}  // namespace
}  // namespace weir::provider
