// What goes out so that a bound holds, and what is refused because none would (ledger.md §1.2;
// product.md §3.6, §3.7).
#include <gmock/gmock.h>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Int128 kDollar = 1'000'000'000'000;

class Bounds : public RoadTest {
 protected:
    std::string sent() const { return seen.empty() ? std::string{"(nothing)"} : seen.back().body; }
    static Int128 bound_of(const std::string& body, std::int64_t output) {
        return input_bound(body) * 1'000'000 + Int128{output} * 5'000'000;
    }
};

TEST_F(Bounds, AMaximumThatTheCallDoesNotNameIsSentUnderABlockingBudget) {
    company.policy.budgets = {team_budget(1, "support", kDollar)};
    std::string body = chat_body("");
    world::Answer answer = chat(body);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-max-output"), "4096; default");
    EXPECT_EQ(sent(), R"({"max_completion_tokens":4096,)" + body.substr(1));
    EXPECT_EQ(only_end().bound.pico(), bound_of(body, 4096));
    EXPECT_THAT(only_end().outcome.notes, testing::Contains("max output set to 4096"));
}

TEST_F(Bounds, EachDialectIsToldInItsOwnWord) {
    company.policy.budgets = {team_budget(1, "support", 10 * kDollar)};
    call(responses_request(R"({"model":"sim-small","input":"hello"})"));
    EXPECT_THAT(sent(), HasSubstr(R"({"max_output_tokens":4096,)"));
    call(messages_request(chat_body("", "claude-sim")));
    EXPECT_THAT(sent(), HasSubstr(R"({"max_tokens":4096,)"));
    call(world::request("POST", "/v1/completions",
                        {{"authorization", "Bearer " + company.support_key}},
                        R"({"model":"sim-small","prompt":"hello"})"));
    EXPECT_THAT(sent(), HasSubstr(R"({"max_tokens":4096,)"));
    call(world::request("POST", "/v1/embeddings",
                        {{"authorization", "Bearer " + company.support_key}},
                        R"({"model":"sim-embed","input":"hello"})"));
    EXPECT_EQ(sent(), R"({"model":"sim-embed","input":"hello"})") << "it has no output";
}

TEST_F(Bounds, WhereTheCatalogueKnowsNoMaximumTheDefaultIsSent) {
    company.policy.budgets = {team_budget(1, "support", kDollar)};
    company.policy.limits.default_max_output = 2'000;
    EXPECT_EQ(chat(chat_body("", "sim-open")).status, 200);
    EXPECT_THAT(sent(), HasSubstr(R"("max_completion_tokens":2000)"));
}

TEST_F(Bounds, ARouteToAModelThatSearchesByItselfIsRefusedUnderABlockingBudget) {
    company.policy.routes["news"] = {.targets = {{"openai", "sim-small-search-preview"}}};
    EXPECT_EQ(chat(chat_body(R"(,"max_tokens":10)", "news")).status, 200) << "no budget minds";
    company.policy.budgets = {team_budget(1, "support", kDollar)};
    weir.reset();
    world::Answer answer = chat(chat_body(R"(,"max_tokens":10)", "news"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, HasSubstr("has no limit"));
}

TEST_F(Bounds, AMaximumBeyondTheModelsIsLoweredToWhatWasHeld) {
    company.policy.budgets = {team_budget(1, "support", kDollar)};
    world::Answer answer = chat(chat_body(R"(,"max_completion_tokens":9000000000000)"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-max-output"), "4096; clamped");
    EXPECT_THAT(sent(), HasSubstr(R"("max_completion_tokens":4096)"));
    EXPECT_THAT(only_end().outcome.notes, testing::Contains("max output lowered to 4096"));
}

TEST_F(Bounds, AMaximumOfNothingOrNullIsNone) {
    company.policy.budgets = {team_budget(1, "support", kDollar)};
    for (const char* none : {R"(,"max_tokens":null)", R"(,"max_tokens":0)"}) {
        EXPECT_EQ(chat(chat_body(none)).status, 200);
        EXPECT_THAT(sent(), HasSubstr(R"("max_tokens":4096)")) << none;
    }
}

TEST_F(Bounds, AnAnthropicCacheWarmingOfNoOutputStaysOne) {
    company.policy.budgets = {team_budget(1, "support", kDollar)};
    call(messages_request(chat_body(R"(,"max_tokens":0)", "claude-sim")));
    EXPECT_THAT(sent(), HasSubstr(R"("max_tokens":0)"));
}

TEST_F(Bounds, NothingIsChangedWhereNoBlockingBudgetMatches) {
    auto alert_only = team_budget(1, "support", 1);
    alert_only.blocking = core::Blocking::never;
    auto observed = team_budget(2, "support", 1);
    observed.observe = true;
    auto calls = key_budget(4, core::BudgetUnit::calls, 1'000);
    company.policy.budgets = {alert_only, observed, team_budget(3, "research", 1), calls};
    for (std::string_view more : {"", R"(,"max_tokens":900000)"}) {
        std::string body = chat_body(more);
        EXPECT_EQ(chat(body).status, 200);
        EXPECT_EQ(sent(), body);
    }
    EXPECT_GT(figures(1).settled, 0) << "it counts all the same";
}

TEST_F(Bounds, ATokenBudgetHoldsByTheSameMaximum) {
    company.policy.budgets = {key_budget(1, core::BudgetUnit::tokens, 100'000)};
    std::string body = chat_body("");
    EXPECT_EQ(chat(body).status, 200);
    EXPECT_THAT(sent(), HasSubstr(R"("max_completion_tokens":4096)"));
    EXPECT_EQ(figures(1).settled, 12);
}

// ledger.md B3.
TEST_F(Bounds, AServerThatKnowsMaxTokensOnlyIsTalkedToInThatWord) {
    std::string body = chat_body(R"(,"max_completion_tokens":7)", "llama-3");
    EXPECT_EQ(chat(body).status, 200);
    EXPECT_THAT(sent(), HasSubstr(R"("max_tokens":7)"));
    company.policy.budgets = {key_budget(1, core::BudgetUnit::tokens, 1'000'000)};
    company.policy.limits.default_max_output = 900;
    weir.reset();
    EXPECT_EQ(chat(chat_body("", "llama-3")).status, 200);
    EXPECT_THAT(sent(), HasSubstr(R"("max_tokens":900)"));
}

TEST_F(Bounds, AServerThatKnowsOneNameIsNotGivenTheEmptierOfTwo) {
    company.policy.budgets = {key_budget(1, core::BudgetUnit::tokens, 1'000'000)};
    for (const char* emptier : {"0", "null", "1"}) {
        std::string more =
            R"(,"max_tokens":)" + std::string(emptier) + R"(,"max_completion_tokens":64)";
        EXPECT_EQ(chat(chat_body(more, "llama-3")).status, 200);
        EXPECT_THAT(sent(), HasSubstr(R"("max_tokens":64)")) << emptier;
    }
}

TEST_F(Bounds, AProviderThatIgnoresTheMaximumIsRefusedUnderABlockingBudget) {
    company.policy.providers[0].quirks.honours_max_output = false;
    company.policy.budgets = {team_budget(1, "support", kDollar)};
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, HasSubstr("does not keep to a maximum output"));
    EXPECT_TRUE(seen.empty());
}

// ledger.md B1, B2: each is refused under a blocking budget, and passes where none matches.
TEST_F(Bounds, WhatCannotBeBoundedIsRefusedOnlyWhereABudgetBlocks) {
    constexpr std::string_view kUnbounded[] = {
        R"(,"web_search_options":{})",
        R"(,"tools":[{"type":"never_heard_of"}])",
        R"(,"prediction":{"type":"content","content":"x"})",
        R"(,"plugins":[{"id":"web"}])",
        R"(,"models":["a","b"])",
    };
    for (std::string_view more : kUnbounded) {
        std::string body = chat_body(more);
        EXPECT_EQ(chat(body).status, 200) << more;
        EXPECT_EQ(sent(), body);
    }
    company.policy.budgets = {team_budget(1, "support", 100 * kDollar)};
    weir.reset();
    seen.clear();
    for (std::string_view more : kUnbounded) {
        auto answer = chat(chat_body(more));
        EXPECT_EQ(answer.status, 400) << more;
        EXPECT_THAT(answer.body, HasSubstr("cannot be bounded")) << more;
        EXPECT_THAT(answer.body, HasSubstr("unsupported_parameter")) << more;
    }
    EXPECT_TRUE(seen.empty());
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_EQ(records<ledger::RefusalRecord>().size(), std::size(kUnbounded));
}

TEST_F(Bounds, AReferenceIsBoundedByTheContextWindow) {
    company.policy.budgets = {team_budget(1, "support", 10 * kDollar)};
    EXPECT_EQ(call(responses_request(R"({"model":"sim-small","input":"hello",)"
                                     R"("previous_response_id":"resp_0","max_output_tokens":16})"))
                  .status,
              200);
    EXPECT_GE(records<ledger::AdmitRecord>().at(0).input_bound, 128'000);
}

TEST_F(Bounds, ALenientEnvironmentIsNeitherRefusedNorChanged) {
    company.policy.budgets = {team_budget(1, "research", 1)};
    std::string body = chat_body(R"(,"web_search_options":{})");
    auto answer = call(world::request("POST", "/v1/chat/completions",
                                      {{"authorization", "Bearer " + company.research_key}}, body));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(sent(), body);
    EXPECT_GT(figures(1).settled, 0);
}

// product.md §3.7.
TEST_F(Bounds, AnUnpricedModelPassesLoudlyButNotUnderABudgetInDollars) {
    auto& openai = company.policy.providers[0];
    openai.price_vendor = "nobody";
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.model = "odd", .input = 10, .output = 2}));
    };
    company.policy.budgets = {team_budget(1, "research", 1),
                              key_budget(2, core::BudgetUnit::tokens, 100'000)};
    std::string body = chat_body(R"(,"max_tokens":50)", "openai/odd");
    auto answer = chat(body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_THAT(std::string(answer.field("x-weir-cost-usd")), HasSubstr("unpriced"));
    EXPECT_EQ(figures(2).settled, 12) << "tokens that were counted are proven, priced or not";
    company.policy.budgets = {team_budget(1, "support", 100 * kDollar)};
    weir.reset();
    seen.clear();
    answer = chat(body);
    EXPECT_EQ(answer.status, 403) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("has no price"));
    EXPECT_TRUE(seen.empty());
}

// The dearest model's limits are not those of a model that nobody knows.
TEST_F(Bounds, AProvisionalPriceBoundsByTheCallsOwnMaximum) {
    company.policy.budgets = {team_budget(1, "support", 100 * kDollar)};
    company.policy.limits.default_max_output = 2'000;
    std::string body = chat_body(R"(,"max_tokens":60000)", "brand-new");
    EXPECT_EQ(chat(body).status, 200);
    EXPECT_EQ(sent(), body);
    EXPECT_EQ(records<ledger::AdmitRecord>().at(0).max_output, 60'000);
    EXPECT_TRUE(records<ledger::AdmitRecord>().at(0).head.provisional_price);
    EXPECT_EQ(chat(chat_body("", "brand-new")).status, 200);
    EXPECT_THAT(sent(), HasSubstr(R"("max_completion_tokens":2000)"));
}

TEST_F(Bounds, AbsurdFiguresAreRefusedUnderAnyBudgetAndUnderNone) {
    for (const char* more : {R"(,"n":20000)", R"(,"n":-1)", R"(,"max_tokens":-5)",
                             R"(,"max_tokens":1e30)", R"(,"max_tokens":"100")"}) {
        EXPECT_EQ(chat(chat_body(more)).status, 400) << more;
    }
    EXPECT_TRUE(seen.empty());
}

}  // namespace
}  // namespace weir::gateway
