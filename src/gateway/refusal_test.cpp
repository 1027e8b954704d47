// Refusals: in the caller's dialect, with figures, before anything was sent, and without a trace in
// any balance (product.md §3.4; ledger.md I9).
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

// What an entry of chat_body() with max_tokens 100 can cost.
Int128 bound_of_chat() { return input_bound(chat_body()) * 1'000'000 + 500'000'000; }

class Refusals : public RoadTest {
 protected:
    void expect_nothing_happened() {
        EXPECT_TRUE(seen.empty());
        EXPECT_TRUE(records<ledger::AdmitRecord>().empty());
        for (const auto& f : weir->treasury().figures()) {
            EXPECT_EQ(f.settled, 0);
            EXPECT_EQ(f.held, 0);
        }
    }
    std::string refusal_code() { return std::string(error_info(only_refusal().error).name); }
    ledger::RefusalRecord only_refusal() {
        auto all = records<ledger::RefusalRecord>();
        EXPECT_EQ(all.size(), 1u);
        return all.empty() ? ledger::RefusalRecord{} : all.front();
    }
};

TEST_F(Refusals, TooLargeForTheBudget) {
    company.policy.budgets = {team_budget(1, "support", bound_of_chat() - 1)};
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.field("x-should-retry"), "false");
    auto error = Json::parse(answer.body).at("error");
    EXPECT_EQ(error.at("code"), "call_exceeds_budget");
    EXPECT_EQ(error.at("type"), "invalid_request_error");
    EXPECT_EQ(error.at("weir").at("budget"), "team support");
    EXPECT_EQ(error.at("weir").at("call_id"), answer.field("x-weir-call-id"));
    expect_nothing_happened();
    auto refusal = only_refusal();
    EXPECT_EQ(refusal.error, ErrorCode::call_exceeds_budget);
    EXPECT_EQ(refusal.bound.pico(), bound_of_chat());
    ASSERT_EQ(refusal.parts.size(), 1u);
    EXPECT_TRUE(refusal.parts[0].refused);
}

TEST_F(Refusals, ExactlyTheBudgetFits) {
    company.policy.budgets = {team_budget(1, "support", bound_of_chat())};
    EXPECT_EQ(chat(chat_body()).status, 200);
}

TEST_F(Refusals, SpentIsFinalAndSaysTheFigures) {
    company.policy.budgets = {team_budget(1, "support", bound_of_chat())};
    ASSERT_EQ(chat(chat_body()).status, 200);
    seen.clear();
    auto before = figures(1);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 402);
    EXPECT_EQ(answer.field("x-should-retry"), "false");
    EXPECT_EQ(answer.count("retry-after"), 0u);
    auto error = Json::parse(answer.body).at("error");
    EXPECT_EQ(error.at("code"), "budget_exhausted");
    EXPECT_EQ(error.at("type"), "insufficient_quota");
    const auto& figures_told = error.at("weir");
    EXPECT_EQ(figures_told.at("used_usd"), "0.00002");
    EXPECT_EQ(figures_told.at("held_usd"), "0.00");
    EXPECT_EQ(figures_told.at("amount_usd"), Money::from_pico(bound_of_chat()).to_usd());
    EXPECT_EQ(figures_told.at("resets_at"), "2026-12-01T00:00:00Z");
    EXPECT_TRUE(figures_told.contains("what_to_do"));
    EXPECT_TRUE(seen.empty());
    EXPECT_EQ(figures(1), before) << "a refusal changes no balance";
}

TEST_F(Refusals, ABudgetOfCallsSaysHowManyWereMade) {
    company.policy.budgets = {key_budget(1, core::BudgetUnit::calls, 1)};
    ASSERT_EQ(chat(chat_body()).status, 200);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 402);
    auto error = Json::parse(answer.body).at("error");
    EXPECT_THAT(std::string(error.at("message")), HasSubstr("1 calls used and 0 held of 1."));
    EXPECT_EQ(error.at("weir").at("unit"), "calls");
    EXPECT_EQ(error.at("weir").at("used"), "1");
    EXPECT_EQ(error.at("weir").at("held"), "0");
    EXPECT_EQ(error.at("weir").at("amount"), "1");
}

// The zone is 14 hours ahead, so its day ends at 10:00 UTC; the refusal says so, and it is so.
TEST_F(Refusals, ADaysBudgetBeginsAnewAtMidnightOfItsZone) {
    core::BudgetSpec spec = key_budget(1, core::BudgetUnit::calls, 1);
    spec.window = core::WindowKind::day;
    spec.zone = std::make_shared<core::Zone>("Pacific/Kiritimati", 14 * 3'600,
                                             std::vector<core::Zone::Shift>{});
    company.policy.budgets = {spec};
    ASSERT_EQ(chat(chat_body()).status, 200);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 402);
    const std::string told = Json::parse(answer.body).at("error").at("weir").at("resets_at");
    EXPECT_THAT(told, testing::EndsWith("T10:00:00Z"));
    machine.scheduler.run_for(*parse_rfc3339(told) - weir->treasury().now() -
                              std::chrono::seconds{1});
    EXPECT_EQ(chat(chat_body()).status, 402);
    machine.scheduler.run_for(std::chrono::seconds{1});
    EXPECT_EQ(chat(chat_body()).status, 200);
}

TEST_F(Refusals, SpentInAnthropicsWords) {
    company.policy.budgets = {team_budget(1, "support", 100'000'000'000)};
    provider = [](const world::Received&) {
        return world::answer(
            200, "application/json",
            world::messages_answer({.model = "claude-sim", .input = 1, .output = 6'000}));
    };
    std::string body = chat_body(R"(,"max_tokens":4000)", "claude-sim");
    ASSERT_EQ(call(messages_request(body)).status, 200);
    auto answer = call(messages_request(body));
    EXPECT_EQ(answer.status, 402);
    EXPECT_EQ(answer.field("x-should-retry"), "false");
    auto told = Json::parse(answer.body);
    EXPECT_EQ(told.at("type"), "error");
    EXPECT_EQ(told.at("error").at("type"), "billing_error");
    EXPECT_EQ(told.at("request_id"), answer.field("request-id"));
}

TEST_F(Refusals, OnlyHeldByCallsInFlightIsBusyAndWorthARetry) {
    company.policy.budgets = {team_budget(1, "support", bound_of_chat() * 3 / 2)};
    provider = [](const world::Received&) {
        world::Reply reply =
            world::answer(200, "application/json", world::chat_answer({.input = 10, .output = 2}));
        reply.pieces[0].after = std::chrono::seconds{5};
        return reply;
    };
    auto first = connect();
    auto second = connect();
    world::Answer slow;
    bool done = false;
    runtime::TaskGroup tasks;
    auto converse = [](world::Conversation& c, std::string bytes, world::Answer& out,
                       bool& over) -> runtime::Task<void> {
        co_await world::send_all(c, std::move(bytes));
        out = co_await world::read_answer(c);
        over = true;
    };
    tasks.spawn(converse(first, chat_request(chat_body()), slow, done));
    machine.scheduler.run_for(std::chrono::seconds{1});
    auto answer = ask(second, chat_request(chat_body()));
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.field("x-should-retry"), "true");
    EXPECT_NE(answer.field("retry-after"), "");
    EXPECT_THAT(answer.body, HasSubstr(R"("code":"budget_busy")"));
    EXPECT_EQ(figures(1).held, bound_of_chat()) << "the first call's hold alone";
    EXPECT_TRUE(answer.keeps_alive());
    machine.scheduler.run_until([&] { return done; }, std::chrono::seconds{10});
    EXPECT_EQ(slow.status, 200);
    EXPECT_EQ(ask(second, chat_request(chat_body())).status, 200) << "the money came back";
}

TEST_F(Refusals, KeysThatDoNotOpen) {
    std::string wrong_sum = company.support_key;
    wrong_sum.back() = wrong_sum.back() == '0' ? '1' : '0';
    SeededRng rng(99);
    std::string unknown = core::mint_key(rng);
    struct Case {
        Fields fields;
        std::string code;
    };
    for (const Case& c :
         std::vector<Case>{{{}, "key_missing"},
                           {{{"authorization", "Bearer " + wrong_sum}}, "invalid_api_key"},
                           {{{"authorization", "Bearer " + unknown}}, "invalid_api_key"},
                           {{{"x-api-key", "sk-ant-1"}}, "invalid_api_key"}}) {
        auto answer = call(world::request("POST", "/v1/chat/completions", c.fields, chat_body()));
        EXPECT_EQ(answer.status, 401) << c.code;
        EXPECT_EQ(Json::parse(answer.body).at("error").at("code"), c.code);
        answer = call(world::request("POST", "/v1/messages", c.fields, chat_body()));
        EXPECT_EQ(answer.status, 401);
        EXPECT_EQ(Json::parse(answer.body).at("error").at("type"), "authentication_error");
    }
    expect_nothing_happened();
    EXPECT_TRUE(records<ledger::RefusalRecord>().empty()) << "nobody's call is in nobody's books";
}

TEST_F(Refusals, KeysThatOpenNoMore) {
    for (auto& [id, k] : company.policy.keys) k.revoked = world::SimClock::kStart;
    EXPECT_THAT(chat(chat_body()).body, HasSubstr("key_revoked"));
    weir.reset();
    for (auto& [id, k] : company.policy.keys) {
        k.revoked.reset();
        k.expires = world::SimClock::kStart + std::chrono::hours{1};
    }
    auto c = connect();
    EXPECT_EQ(ask(c, chat_request(chat_body())).status, 200);
    machine.clock.jump(std::chrono::hours{2});
    auto late = ask(c, chat_request(chat_body()));
    EXPECT_EQ(late.status, 401) << "also on a connection that was known";
    EXPECT_THAT(late.body, HasSubstr("key_expired"));
}

TEST_F(Refusals, AModelThatTheKeyMayNotUse) {
    for (auto& [id, key] : company.policy.keys) key.models = {"sim-small"};
    EXPECT_EQ(chat(chat_body()).status, 200);
    seen.clear();
    for (const char* model : {"sim-large", "openai/sim-large", "nothing-known"}) {
        auto answer = chat(chat_body(R"(,"max_tokens":100)", model));
        EXPECT_EQ(answer.status, 403) << model;
        EXPECT_THAT(answer.body, HasSubstr("model_not_allowed"));
    }
    EXPECT_EQ(chat(chat_body(R"(,"max_tokens":100)", "openai/sim-small")).status, 200);
}

TEST_F(Refusals, BodiesThatMeanNothingOrTwoThings) {
    struct Case {
        std::string body;
        std::string code;
    };
    for (const Case& c :
         std::vector<Case>{{"", "malformed_json"},
                           {"{", "malformed_json"},
                           {"[]", "malformed_json"},
                           {"{\"model\":\"sim-small\xff\"}", "malformed_json"},
                           {R"({"messages":[]})", "invalid_parameter"},
                           {chat_body(R"(,"max_tokens":1,"max_tokens":100000)"), "ambiguous_json"},
                           {chat_body(R"(,"max_tok\u0065ns":100000)"), "ambiguous_json"},
                           {chat_body(R"(,"Max_Tokens":100000)"), "ambiguous_json"},
                           {chat_body(R"(,"MODEL":"sim-large")"), "ambiguous_json"},
                           {chat_body(R"(,"n":1.5)"), "invalid_parameter"},
                           {chat_body(R"(,"max_tokens":-1)"), "invalid_parameter"}}) {
        auto answer = chat(c.body);
        EXPECT_GE(answer.status, 400);
        EXPECT_LT(answer.status, 500);
        EXPECT_THAT(answer.body, HasSubstr(c.code)) << c.body;
        EXPECT_TRUE(answer.whole);
    }
    expect_nothing_happened();
}

TEST_F(Refusals, EndpointsAndMethods) {
    Fields key = {{"authorization", "Bearer " + company.support_key}};
    EXPECT_EQ(call(world::request("POST", "/v1/nonsense", key, "{}")).status, 404);
    EXPECT_EQ(call(world::request("POST", "/v1/chat/../models", key, "{}")).status, 404);
    auto batches = call(world::request("POST", "/v1/batches", key, "{}"));
    EXPECT_THAT(batches.body, HasSubstr("endpoint_refused"));
    auto put = call(world::request("PUT", "/v1/messages", key, "{}"));
    EXPECT_EQ(put.status, 405);
    auto upgrade = call(world::request(
        "GET", "/v1/responses",
        {{"connection", "upgrade"}, {"upgrade", "websocket"}, {"sec-websocket-version", "13"}},
        ""));
    EXPECT_EQ(upgrade.status, 426);
    EXPECT_EQ(upgrade.field("upgrade"), "HTTP/1.1");
    expect_nothing_happened();
}

TEST_F(Refusals, ABodyBeyondTheLimit) {
    company.policy.limits.body_bytes_max = 2'000;
    auto answer = chat(chat_body() + std::string(3'000, ' '));
    EXPECT_EQ(answer.status, 413);
    EXPECT_TRUE(answer.whole);
    expect_nothing_happened();
}

TEST_F(Refusals, TooManyTrajectoriesRefuseThatCallAlone) {
    auto spec = key_budget(1, core::BudgetUnit::usd, 1'000'000'000'000);
    spec.by = core::Dimension::trajectory;
    company.policy.budgets = {spec};
    EXPECT_EQ(chat(chat_body(), {{"x-weir-trajectory", "a"}}).status, 200);
    EXPECT_EQ(figures(1).instance, "support/a");
}

}  // namespace
}  // namespace weir::gateway
