// What goes on to providers, and what comes back to clients (product.md §3.11, §3.13, §3.15).
#include <gmock/gmock.h>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Headers : public RoadTest {};

TEST_F(Headers, TheProviderSeesTheClientsOwnFieldsAndItsOwnHostAndCredential) {
    auto answer = chat(chat_body(), {{"user-agent", "OpenAI/Python 2.1"},
                                     {"x-stainless-lang", "python"},
                                     {"openai-organization", "org-1"},
                                     {"Accept", "application/json"}});
    EXPECT_EQ(answer.status, 200);
    ASSERT_EQ(seen.size(), 1u);
    const auto& out = seen[0];
    EXPECT_EQ(out.target, "/v1/chat/completions");
    EXPECT_EQ(out.field("host"), world::kOpenAi);
    EXPECT_EQ(out.field("authorization"), "Bearer " + std::string(world::kOpenAiSecret));
    EXPECT_EQ(out.field("user-agent"), "OpenAI/Python 2.1");
    EXPECT_EQ(out.field("x-stainless-lang"), "python");
    EXPECT_EQ(out.field("openai-organization"), "org-1");
    EXPECT_EQ(out.field("accept"), "application/json");
    EXPECT_EQ(out.body, chat_body()) << "the body is forwarded as it came";
}

TEST_F(Headers, NothingOfWeirsOrOfTheClientsNetworkGoesOut) {
    const Fields kept = {{"x-weir-goal", "ticket-1"},
                         {"x-weir-tags", "a=b"},
                         {"x-session-id", "s1"},
                         {"helicone-session-id", "s2"},
                         {"x-portkey-metadata", R"({"a":"b"})"},
                         {"cookie", "session=1"},
                         {"forwarded", "for=10.1.1.1"},
                         {"x-forwarded-for", "10.1.1.1"},
                         {"x-forwarded-proto", "https"},
                         {"X-Forwarded-Server", "inside.example"},
                         {"x-forwarded-client-cert", "Subject=CN=ada"},
                         {"x-forwarded-user", "ada"},
                         {"x-forwarded-email", "ada@example.com"},
                         {"proxy-authorization", "Basic x"},
                         {"baggage", "weir.goal=x"},
                         {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                         {"tracestate", "a=1"},
                         {"x-real-ip", "10.1.1.1"},
                         {"connection", "keep-alive, x-hop"},
                         {"x-hop", "1"},
                         {"te", "trailers"},
                         {"keep-alive", "timeout=5"}};
    chat(chat_body(), kept);
    ASSERT_EQ(seen.size(), 1u);
    for (const auto& [name, value] : kept) {
        EXPECT_EQ(seen[0].count(name), 0u) << name;
    }
    for (const auto& [name, value] : seen[0].fields) {
        EXPECT_THAT(value, Not(HasSubstr("weir_"))) << name << ": Weir's key left the house";
        EXPECT_THAT(name, Not(StartsWith("x-weir-")));
    }
}

TEST_F(Headers, TheKeyMayComeInAnyFieldThatSdksUse) {
    for (const char* name : {"x-api-key", "api-key", "x-goog-api-key", "x-weir-key"}) {
        auto answer = call(world::request("POST", "/v1/chat/completions",
                                          {{name, company.support_key}}, chat_body()));
        EXPECT_EQ(answer.status, 200) << name;
        EXPECT_EQ(seen.back().field("authorization"),
                  "Bearer " + std::string(world::kOpenAiSecret));
        if (std::string_view(name) != "authorization") EXPECT_EQ(seen.back().count(name), 0u);
    }
}

TEST_F(Headers, QueryStringAndUrlTags) {
    auto answer =
        call(world::request("POST", "/t/goal=ticket-9/v1/chat/completions?beta=true&x=%20",
                            {{"authorization", "Bearer " + company.support_key}}, chat_body()));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(seen[0].target, "/v1/chat/completions?beta=true&x=%20");
    EXPECT_EQ(only_end().head.attribution.of(core::Dimension::goal), "ticket-9");
}

TEST_F(Headers, AnswersCarryTheProvidersFieldsAndWeirsOwn) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    company.policy.expected = {core::Dimension::task_type};
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 2}),
                             "x-request-id: req_9\r\nopenai-processing-ms: 12\r\n"
                             "set-cookie: __cf=1\r\nalt-svc: h3\r\n"
                             "location: https://elsewhere.example/\r\n"
                             "strict-transport-security: max-age=1\r\n"
                             "x-weir-cost-usd: 99\r\nconnection: x-drop\r\nx-drop: 1\r\n");
    };
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.field("content-type"), "application/json");
    EXPECT_EQ(answer.field("x-request-id"), "req_9");
    EXPECT_EQ(answer.field("openai-processing-ms"), "12");
    for (const char* name : {"set-cookie", "alt-svc", "strict-transport-security", "location"}) {
        EXPECT_EQ(answer.count(name), 0u) << name;
    }
    EXPECT_THAT(std::string(answer.field("x-weir-call-id")), StartsWith("call_"));
    EXPECT_EQ(answer.field("x-weir-model"), "sim-small");
    EXPECT_EQ(answer.field("x-weir-provider"), "openai");
    EXPECT_EQ(answer.field("x-weir-attempts"), "1");
    EXPECT_EQ(answer.count("x-weir-cost-usd"), 1u) << "a provider cannot speak for Weir";
    EXPECT_EQ(answer.field("x-weir-cost-usd"), "0.00002");
    EXPECT_EQ(answer.field("x-weir-budget"),
              "team support; remaining=0.99998; resets=2026-12-01T00:00:00Z");
    EXPECT_EQ(answer.field("x-weir-missing"), "task_type");
}

TEST_F(Headers, ABudgetThatOthersSpendFromIsNotTold) {
    core::BudgetSpec pot = team_budget(1, "support", 5'000'000'000);
    pot.name = "organisation";
    pot.where.clear();
    company.policy.budgets = {pot, team_budget(2, "support", 1'000'000'000'000)};
    EXPECT_EQ(chat(chat_body()).field("x-weir-budget"),
              "team support; remaining=0.99998; resets=2026-12-01T00:00:00Z")
        << "the tightest that the key may see";
    company.policy.budgets = {pot};
    weir.reset();
    EXPECT_EQ(chat(chat_body()).count("x-weir-budget"), 0u);
    // Where it refuses, nobody could tell why without it.
    company.policy.budgets[0].amount = 1;
    weir.reset();
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(std::string(answer.field("x-weir-budget")), StartsWith("organisation; "));
}

TEST_F(Headers, AFieldThatTheProvidersConnectionNamesDoesNotPass) {
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 2}),
                             "connection: x-drop\r\nx-drop: 1\r\n");
    };
    EXPECT_EQ(chat(chat_body()).count("x-drop"), 0u);
}

TEST_F(Headers, AHeaderThatContradictsTheKeyIsToldOf) {
    auto answer = chat(chat_body(), {{"x-weir-environment", "production"}});
    EXPECT_EQ(answer.field("x-weir-ignored"), "environment");
    EXPECT_EQ(only_end().head.attribution.of(core::Dimension::environment), "development");
}

class OwnCredential : public RoadTest {
 protected:
    static constexpr std::string_view kLogin = "Bearer sk-ant-oat01-the-callers-own-login";
    world::Answer call_with_login(Fields more = {}) {
        provider = [](const world::Received&) {
            return world::answer(
                200, "application/json",
                world::messages_answer({.model = "claude-sim", .input = 100, .output = 10}));
        };
        more.emplace_back("authorization", kLogin);
        more.emplace_back("x-weir-key", company.support_key);
        more.emplace_back("anthropic-version", "2023-06-01");
        return call(world::request("POST", "/v1/messages", more,
                                   chat_body(R"(,"max_tokens":100)", "claude-sim")));
    }
};

TEST_F(OwnCredential, GoesToTheProviderUntouchedAndTheConfiguredOneStays) {
    EXPECT_EQ(call_with_login().status, 200);
    EXPECT_EQ(seen[0].field("authorization"), kLogin);
    EXPECT_EQ(seen[0].count("authorization"), 1u);
    EXPECT_EQ(seen[0].count("x-api-key"), 0u);
    EXPECT_EQ(seen[0].count("x-weir-key"), 0u);
}

TEST_F(OwnCredential, AWeirKeyBesideItIsNotSentOn) {
    EXPECT_EQ(call_with_login({{"x-api-key", company.support_key}}).status, 200);
    for (const auto& [name, value] : seen[0].fields) {
        EXPECT_THAT(value, Not(HasSubstr(company.support_key))) << name;
    }
}

// product.md §3.15: metered at list value, outside USD budgets and billed cost.
TEST_F(OwnCredential, IsMeteredButOutsideUsdBudgetsAndBilledCost) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000),
                              key_budget(2, core::BudgetUnit::tokens, 100'000)};
    EXPECT_EQ(call_with_login().status, 200) << "a budget of a millionth dollar does not hold it";
    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::settled);
    EXPECT_EQ(end.bill.total.pico(), 100 * 3'000'000 + 10 * 15'000'000) << "at list value";
    EXPECT_TRUE(end.cost.is_zero());
    EXPECT_TRUE(end.charge.is_zero());
    EXPECT_TRUE(end.overrun.is_zero());
    EXPECT_TRUE(end.head.own_credential);
    EXPECT_EQ(figures(1).settled, 0);
    EXPECT_EQ(figures(1).overrun, 0);
    EXPECT_EQ(figures(2).settled, 110) << "tokens are tokens";
}

// As x-weir-cost-usd of an answer that is not streamed says.
TEST_F(OwnCredential, CostsNothingInTheStreamThatTellsTheCost) {
    provider = [](const world::Received&) {
        return world::stream_of(
            world::messages_events({.model = "claude-sim", .input = 100, .output = 10}, {}), {});
    };
    Fields more{{"authorization", std::string(kLogin)},
                {"x-weir-key", company.support_key},
                {"x-weir-include", "cost"}};
    auto answer =
        call(world::request("POST", "/v1/messages", more,
                            chat_body(R"(,"max_tokens":100,"stream":true)", "claude-sim")));
    EXPECT_THAT(answer.body, HasSubstr(R"("cost":0.00,)"));
    EXPECT_TRUE(only_end().cost.is_zero());
}

// Where no key is asked for, anything would do as a login, and no budget would hold.
TEST_F(OwnCredential, DoesNotTakeACallOutOfBudgetsAtAProviderThatNeedsNone) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    core::ProviderRecord& anthropic = company.policy.providers.at(1);
    ASSERT_EQ(anthropic.name, "anthropic");
    const core::ProviderRecord usual = anthropic;
    anthropic.key = {};
    anthropic.public_host = false;
    EXPECT_EQ(call_with_login().status, 200);
    auto end = only_end();
    EXPECT_FALSE(end.head.own_credential);
    EXPECT_EQ(end.charge, end.bill.total);
    EXPECT_EQ(figures(1).settled, end.charge.pico());

    anthropic = usual;
    anthropic.auth = core::AuthStyle::none;
    weir.reset();
    EXPECT_EQ(call_with_login().status, 200);
    EXPECT_FALSE(ends().back().head.own_credential);
}

// Subscriptions alone: the vendor itself asks for a login, so the operator need not have a key.
TEST_F(OwnCredential, IsBilledToTheCallerAtAVendorsOwnHostWithoutAKey) {
    company.policy.budgets = {team_budget(1, "support", 1)};
    company.policy.providers.at(1).key = {};
    company.policy.providers.at(1).public_host = true;
    EXPECT_EQ(call_with_login().status, 200);
    EXPECT_TRUE(only_end().head.own_credential);
    EXPECT_EQ(figures(1).settled, 0);
}

}  // namespace
}  // namespace weir::gateway
