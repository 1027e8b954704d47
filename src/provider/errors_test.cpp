#include <algorithm>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::Dialect;
using nlohmann::json;

constexpr Dialect kDialects[] = {Dialect::openai_chat, Dialect::openai_completions,
                                 Dialect::openai_embeddings, Dialect::openai_responses,
                                 Dialect::anthropic};

std::string header(const ErrorAnswer& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers) {
        if (key == name) return value;
    }
    return {};
}

RefusalFigures ticket() {
    RefusalFigures figures;
    figures.budget = "ticket";
    figures.scope = "trajectory t-1";
    figures.used = "1.98";
    figures.held = "0.01";
    figures.amount = "2.00";
    figures.resets_at = "2026-12-01T00:00:00Z";
    figures.what_to_do = "Ask your team to raise it.";
    return figures;
}

TEST(ErrorAnswer, AnExhaustedBudgetInOpenAisWords) {
    RefusalFigures figures = ticket();
    auto answer =
        error_answer(Dialect::openai_chat, Error{ErrorCode::budget_exhausted}, "call_1", &figures);
    EXPECT_EQ(answer.status, 402);
    EXPECT_EQ(
        answer.body,
        R"({"error":{"message":"The budget is spent. Budget ticket (trajectory t-1): $1.98 used and $0.01 held of $2.00. Resets at 2026-12-01T00:00:00Z. Ask your team to raise it.",)"
        R"("type":"insufficient_quota","param":null,"code":"budget_exhausted",)"
        R"("weir":{"code":"budget_exhausted","retryable":false,"call_id":"call_1","budget":"ticket","scope":"trajectory t-1",)"
        R"("used_usd":"1.98","held_usd":"0.01","amount_usd":"2.00","resets_at":"2026-12-01T00:00:00Z","what_to_do":"Ask your team to raise it."}}})");
    EXPECT_EQ(header(answer, "x-should-retry"), "false");
    EXPECT_EQ(header(answer, "retry-after"), "");
}

TEST(ErrorAnswer, ARateLimitSaysWhenInHeadersAndBody) {
    RateFigures rate{.limit = "interns",
                     .scope = "gpt-6-sol",
                     .unit = core::RateUnit::tokens,
                     .amount = 100'000,
                     .retry_after_ms = 1'200};
    auto answer = error_answer(Dialect::openai_chat, Error{ErrorCode::rate_limited}, "call_1",
                               nullptr, &rate);
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(
        answer.body,
        R"({"error":{"message":"The rate limit was reached.","type":"rate_limit_error","param":null,"code":"rate_limited",)"
        R"("weir":{"code":"rate_limited","retryable":true,"call_id":"call_1","limit":"interns","scope":"gpt-6-sol",)"
        R"("unit":"tokens","amount":100000,"retry_after_ms":1200}}})");
    EXPECT_EQ(header(answer, "x-should-retry"), "true");
    EXPECT_EQ(header(answer, "retry-after"), "2");
    EXPECT_EQ(header(answer, "retry-after-ms"), "1200");
}

TEST(ErrorAnswer, ABudgetOfCallsCountsInCallsAndNotInDollars) {
    RefusalFigures figures;
    figures.budget = "ticket";
    figures.unit = core::BudgetUnit::calls;
    figures.used = "58";
    figures.held = "2";
    figures.amount = "60";
    auto answer =
        error_answer(Dialect::openai_chat, Error{ErrorCode::budget_busy}, "call_1", &figures);
    json error = json::parse(answer.body)["error"];
    EXPECT_TRUE(std::string(error["message"]).ends_with("ticket: 58 calls used and 2 held of 60."))
        << error["message"];
    EXPECT_EQ(error["weir"]["unit"], "calls");
    EXPECT_EQ(error["weir"]["used"], "58");
    EXPECT_EQ(error["weir"]["held"], "2");
    EXPECT_EQ(error["weir"]["amount"], "60");
    for (const char* name : {"used_usd", "held_usd", "amount_usd"}) {
        EXPECT_FALSE(error["weir"].contains(name)) << name;
    }
}

TEST(ErrorAnswer, AnExhaustedBudgetInAnthropicsWords) {
    auto answer = error_answer(Dialect::anthropic, Error{ErrorCode::budget_exhausted}, "call_1");
    EXPECT_EQ(answer.status, 402);
    EXPECT_EQ(
        answer.body,
        R"({"type":"error","error":{"type":"billing_error","message":"The budget is spent.",)"
        R"("weir":{"code":"budget_exhausted","retryable":false,"call_id":"call_1"}},"request_id":"call_1"})");
    EXPECT_EQ(header(answer, "x-should-retry"), "false");
    EXPECT_EQ(header(answer, "retry-after"), "");
    EXPECT_EQ(header(answer, "request-id"), "call_1");
}

TEST(ErrorAnswer, AgentsAreToldByTheStatusThatTheyHeed) {
    EXPECT_EQ(client_of("claude-cli/2.1.197 (external, sdk-cli)"), Client::claude_code);
    EXPECT_EQ(client_of("codex_exec/0.169.0 (Debian 12.0.0; x86_64)"), Client::codex);
    EXPECT_EQ(client_of("codex_cli_rs/0.50.0"), Client::codex);
    EXPECT_EQ(client_of("OpenAI/Python 2.0"), Client::any);
    auto status = [](Client client, Dialect dialect, ErrorCode code) {
        return error_answer(dialect, Error{code}, "call_1", nullptr, nullptr, client).status;
    };
    const auto messages = Dialect::anthropic;
    const auto responses = Dialect::openai_responses;
    EXPECT_EQ(status(Client::claude_code, messages, ErrorCode::budget_exhausted), 429);
    EXPECT_EQ(status(Client::claude_code, messages, ErrorCode::call_exceeds_budget), 400);
    EXPECT_EQ(status(Client::codex, responses, ErrorCode::budget_exhausted), 400);
    EXPECT_EQ(status(Client::codex, responses, ErrorCode::model_not_allowed), 400);
    EXPECT_EQ(status(Client::codex, responses, ErrorCode::key_unknown), 401);
    EXPECT_EQ(status(Client::codex, responses, ErrorCode::upgrade_required), 426);
    EXPECT_EQ(status(Client::codex, responses, ErrorCode::budget_busy), 503);
    EXPECT_EQ(status(Client::codex, responses, ErrorCode::rate_limited), 503);
    EXPECT_EQ(status(Client::any, responses, ErrorCode::budget_busy), 429);
}

TEST(ErrorAnswer, ABusyBudgetSaysWhenToTryAgain) {
    RefusalFigures figures = ticket();
    figures.retry_after_ms = 2'300;
    for (Dialect dialect : kDialects) {
        auto answer = error_answer(dialect, Error{ErrorCode::budget_busy}, "call_1", &figures);
        EXPECT_EQ(answer.status, 429);
        EXPECT_EQ(header(answer, "x-should-retry"), "true");
        EXPECT_EQ(header(answer, "retry-after"), "3");
        EXPECT_EQ(header(answer, "retry-after-ms"), "2300");
    }
    auto unknown = error_answer(Dialect::openai_chat, Error{ErrorCode::budget_busy}, "call_1");
    EXPECT_EQ(header(unknown, "retry-after-ms"), "1000");
}

TEST(ErrorAnswer, StatusAndTypeAreTheDialectsOwn) {
    struct Case {
        ErrorCode code;
        int openai;
        std::string_view openai_type;
        int anthropic;
        std::string_view anthropic_type;
    };
    for (const Case& c :
         {Case{ErrorCode::malformed_json, 400, "invalid_request_error", 400,
               "invalid_request_error"},
          Case{ErrorCode::call_exceeds_budget, 400, "invalid_request_error", 400,
               "invalid_request_error"},
          Case{ErrorCode::key_unknown, 401, "invalid_request_error", 401, "authentication_error"},
          Case{ErrorCode::model_not_allowed, 403, "permission_error", 403, "permission_error"},
          Case{ErrorCode::unknown_model, 404, "invalid_request_error", 404, "not_found_error"},
          Case{ErrorCode::body_too_large, 413, "invalid_request_error", 413, "request_too_large"},
          Case{ErrorCode::rate_limited, 429, "rate_limit_error", 429, "rate_limit_error"},
          Case{ErrorCode::overloaded, 503, "server_error", 529, "overloaded_error"},
          Case{ErrorCode::provider_timeout, 504, "server_error", 504, "timeout_error"},
          Case{ErrorCode::internal, 500, "server_error", 500, "api_error"}}) {
        auto openai = error_answer(Dialect::openai_responses, Error{c.code}, "c");
        auto anthropic = error_answer(Dialect::anthropic, Error{c.code}, "c");
        EXPECT_EQ(openai.status, c.openai);
        EXPECT_EQ(json::parse(openai.body)["error"]["type"], c.openai_type);
        EXPECT_EQ(json::parse(openai.body)["error"]["code"], error_info(c.code).name);
        EXPECT_EQ(anthropic.status, c.anthropic);
        EXPECT_EQ(json::parse(anthropic.body)["error"]["type"], c.anthropic_type);
    }
}

TEST(ErrorAnswer, EveryErrorSaysWhetherToRetryAndHidesItsDetail) {
    for (std::size_t i = 0; i < kErrorCodes; ++i) {
        auto code = static_cast<ErrorCode>(i);
        for (Dialect dialect : kDialects) {
            auto answer = error_answer(dialect, Error{code, "", "secret-detail"}, "call_1");
            EXPECT_EQ(header(answer, "x-should-retry"),
                      error_info(code).retryable ? "true" : "false");
            json body = json::parse(answer.body);
            EXPECT_EQ(body["error"]["weir"]["code"], error_info(code).name);
            EXPECT_EQ(answer.body.find("secret-detail"), std::string::npos);
            EXPECT_GE(answer.status, 400);
            EXPECT_EQ(
                error_event(dialect, Error{code, "", "secret-detail"}, "c").find("secret-detail"),
                std::string::npos);
        }
    }
}

TEST(ErrorAnswer, AParameterIsNamed) {
    auto shape = describe(core::Endpoint::chat_completions, R"({"model":"m","max_tokens":-1})");
    ASSERT_FALSE(shape);
    auto answer = error_answer(Dialect::openai_chat, shape.error(), "c");
    EXPECT_EQ(json::parse(answer.body)["error"]["param"], "max_tokens");
}

TEST(ErrorAnswer, AHostileMessageStaysInsideItsString) {
    Error error{ErrorCode::unknown_model, "no \"model\"\n\xFF\x01 }"};
    for (Dialect dialect : kDialects) {
        EXPECT_TRUE(json::accept(error_answer(dialect, error, "c").body));
        std::string event = error_event(dialect, error, "c");
        EXPECT_TRUE(event.ends_with("\n\n"));
        EXPECT_EQ(event.find("\n}"), std::string::npos);
    }
}

TEST(ErrorEvent, TornChatStreamsRaiseAndDoNotLookWhole) {
    std::string event =
        error_event(Dialect::openai_chat, Error{ErrorCode::provider_reset}, "call_1");
    ASSERT_TRUE(event.starts_with("data: {\"error\":{"));
    EXPECT_EQ(event.find("[DONE]"), std::string::npos);
    EXPECT_TRUE(json::accept(event.substr(6)));
}

TEST(ErrorEvent, AnthropicStreamsEndWithANamedEvent) {
    std::string event = error_event(Dialect::anthropic, Error{ErrorCode::provider_reset}, "call_1");
    ASSERT_TRUE(event.starts_with("event: error\ndata: {\"type\":\"error\""));
    EXPECT_EQ(json::parse(event.substr(19))["error"]["type"], "api_error");
}

TEST(ErrorEvent, ResponsesStreamsFailForAgentsAndRaiseForSdks) {
    std::string events =
        error_event(Dialect::openai_responses, Error{ErrorCode::provider_reset}, "call_1", 41);
    auto split = events.find("\n\n");
    std::string first = events.substr(0, split);
    std::string second = events.substr(split + 2);
    ASSERT_TRUE(first.starts_with("event: response.failed\ndata: "));
    ASSERT_TRUE(second.starts_with("event: error\ndata: "));
    json failed = json::parse(first.substr(29));
    EXPECT_EQ(failed["type"], "response.failed");
    EXPECT_EQ(failed["response"]["status"], "failed");
    EXPECT_EQ(failed["response"]["error"]["code"], "server_error");
    EXPECT_FALSE(failed.contains("error"));
    EXPECT_EQ(failed["sequence_number"], 41);
    json raised = json::parse(second.substr(19));
    EXPECT_EQ(raised["error"]["code"], "provider_reset");
    EXPECT_EQ(raised["sequence_number"], 42);
}

}  // namespace
}  // namespace weir::provider
