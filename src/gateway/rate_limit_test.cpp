// Rate limits on the road: before money, in the words of the caller's SDK, and told on every
// answer.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using Json = nlohmann::json;

class RateLimitsOnTheRoad : public RoadTest {
 protected:
    core::RateLimitSpec& limit() {
        auto& limits = company.policy.rate_limits;
        if (limits.empty()) {
            limits.push_back({.name = "pace",
                              .where = {{core::Dimension::team, {"support"}}},
                              .by = core::Dimension::key});
        }
        return limits.front();
    }
    void pass(Duration d) { machine.scheduler.run_for(d); }
};

TEST_F(RateLimitsOnTheRoad, TooManyRequestsAreToldWhenToComeBackAndTouchNoMoney) {
    limit().requests = 2;
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    EXPECT_EQ(chat(chat_body()).status, 200);
    EXPECT_EQ(chat(chat_body()).status, 200);
    const auto before = figures(1);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.field("x-should-retry"), "true");
    EXPECT_EQ(answer.field("retry-after"), "30");
    const std::int64_t ms = std::stoll(std::string(answer.field("retry-after-ms")));
    EXPECT_LE(ms, 30'000);
    EXPECT_GT(ms, 29'000);
    EXPECT_EQ(answer.field("x-ratelimit-limit-requests"), "2");
    EXPECT_EQ(answer.field("x-ratelimit-remaining-requests"), "0");
    EXPECT_EQ(answer.field("x-ratelimit-reset-requests"), "1m0s");
    auto error = Json::parse(answer.body).at("error");
    EXPECT_EQ(error.at("code"), "rate_limited");
    EXPECT_EQ(error.at("type"), "rate_limit_error");
    EXPECT_THAT(error.at("message").get<std::string>(), HasSubstr("2 requests a minute"));
    EXPECT_EQ(error.at("weir").at("limit"), "pace");
    EXPECT_EQ(error.at("weir").at("unit"), "requests");
    EXPECT_EQ(error.at("weir").at("amount"), 2);
    EXPECT_EQ(error.at("weir").at("retry_after_ms"), ms);
    EXPECT_EQ(figures(1), before);
    EXPECT_EQ(seen.size(), 2u);
    auto refusals = records<ledger::RefusalRecord>();
    ASSERT_EQ(refusals.size(), 1u);
    EXPECT_EQ(refusals[0].error, ErrorCode::rate_limited);
    EXPECT_THAT(refusals[0].message, HasSubstr("pace"));
    pass(std::chrono::milliseconds{ms});
    EXPECT_EQ(chat(chat_body()).status, 200) << "back when it was told to be";
}

TEST_F(RateLimitsOnTheRoad, InAnthropicsWords) {
    limit().requests = 1;
    limit().tokens = 1'000'000;
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::messages_answer({.model = "claude-sim", .input = 10}),
                             "anthropic-ratelimit-requests-remaining: 4999\r\n"
                             "anthropic-ratelimit-unified-status: allowed\r\n");
    };
    const std::string body = chat_body(R"(,"max_tokens":100)", "claude-sim");
    auto answer = call(messages_request(body));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("anthropic-ratelimit-requests-limit"), "1");
    EXPECT_EQ(answer.field("anthropic-ratelimit-requests-remaining"), "0")
        << "Weir's, and not the provider's";
    EXPECT_EQ(answer.count("anthropic-ratelimit-requests-remaining"), 1u);
    EXPECT_EQ(answer.count("anthropic-ratelimit-unified-status"), 0u);
    EXPECT_EQ(answer.field("anthropic-ratelimit-tokens-limit"), "1000000");
    EXPECT_THAT(std::string(answer.field("anthropic-ratelimit-requests-reset")),
                testing::MatchesRegex("....-..-..T..:..:..Z"));
    answer = call(messages_request(body));
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.field("retry-after"), "60");
    EXPECT_EQ(Json::parse(answer.body).at("error").at("type"), "rate_limit_error");
}

TEST_F(RateLimitsOnTheRoad, WhatTheProviderSaysOfItsOwnLimitsPassesWhereWeirSetsNone) {
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 2}),
                             "x-ratelimit-remaining-requests: 4999\r\n");
    };
    EXPECT_EQ(chat(chat_body()).field("x-ratelimit-remaining-requests"), "4999");
}

TEST_F(RateLimitsOnTheRoad, TokensAreChargedAsUsed) {
    // Room for the bound of one call, and for what a hundred use.
    limit().tokens = 500;
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 2}));
    };
    for (int i = 0; i < 10; ++i) EXPECT_EQ(chat(chat_body()).status, 200) << i;
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 1'000, .output = 90}));
    };
    EXPECT_EQ(chat(chat_body()).status, 200);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 429);
    EXPECT_THAT(answer.body, HasSubstr("500 tokens a minute"));
}

TEST_F(RateLimitsOnTheRoad, ACallInFlightTakesAPlaceUntilItsDrainHasEnded) {
    limit().parallel = 1;
    provider = [](const world::Received&) {
        return world::stream_of(world::chat_events({.input = 10, .output = 3}, {}), seconds{5});
    };
    const std::string stream = chat_body(R"(,"max_tokens":100,"stream":true)");
    chat(stream, {}, {.leave_after = 200});
    ASSERT_EQ(weir->open_calls(), 1u) << "the client left, the drain goes on";
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.field("retry-after"), "1");
    EXPECT_THAT(answer.body, HasSubstr("1 calls at once"));
    settle_down();
    EXPECT_EQ(chat(stream).status, 200);
}

TEST_F(RateLimitsOnTheRoad, WhatFailedOrWasRefusedGivesItsPlaceBack) {
    limit().parallel = 1;
    company.policy.budgets = {team_budget(1, "support", 1)};
    EXPECT_EQ(chat(chat_body()).status, 400) << "too large for the budget";
    EXPECT_EQ(chat(chat_body()).status, 400);
    company.policy.budgets.clear();
    weir.reset();
    provider = [](const world::Received&) {
        return world::answer(500, "application/json", world::openai_error("server_error", "no"));
    };
    for (int i = 0; i < 3; ++i) EXPECT_EQ(chat(chat_body()).status, 500);
}

TEST_F(RateLimitsOnTheRoad, OtherKeysAreNotHeldUp) {
    limit().where = {{core::Dimension::team, {"nobody"}}};
    limit().requests = 1;
    EXPECT_EQ(chat(chat_body()).status, 200);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.count("x-ratelimit-limit-requests"), 0u);
}

}  // namespace
}  // namespace weir::gateway
