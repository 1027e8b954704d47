// Connections on both sides: kept, stale, pipelined, probed, drained.
#include <gmock/gmock.h>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using ledger::EndState;
using testing::HasSubstr;
using world::Reply;

class Connections : public RoadTest {
 protected:
    // An answer after which the provider closes, `after` its last byte.
    static Reply answer_then_close(Duration after) {
        Reply reply =
            world::answer(200, "application/json", world::chat_answer({.input = 10, .output = 2}));
        reply.pieces.push_back({.bytes = "", .after = after, .first = {}});
        reply.end = Reply::End::close;
        return reply;
    }
};

TEST_F(Connections, ManyCallsShareTheClientsAndTheProvidersConnection) {
    auto c = connect();
    for (int i = 0; i < 5; ++i) {
        auto answer = ask(c, chat_request(chat_body()));
        EXPECT_EQ(answer.status, 200);
        EXPECT_TRUE(answer.keeps_alive());
        EXPECT_EQ(seen.back().number, i + 1);
    }
    EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(Connections, PipelinedCallsAreAnsweredInTheirOrder) {
    provider = [](const world::Received& r) {
        Reply reply = world::answer(200, "application/json", r.body);
        reply.pieces[0].after = std::chrono::milliseconds{r.body.contains("first") ? 900 : 1};
        return reply;
    };
    auto c = connect();
    std::string first = chat_body(R"(,"user":"first")");
    std::string second = chat_body(R"(,"user":"second")");
    auto answer = ask(c, chat_request(first) + chat_request(second));
    EXPECT_EQ(answer.body, first);
    EXPECT_EQ(ask(c, chat_request(chat_body())).body, second);
}

// Nothing tells the provider of it, so it would be read as a request of its own: unmetered, and its
// answer the next call's.
TEST_F(Connections, ABodyWhereNoneBelongsIsNotSentOn) {
    std::string hidden = world::request("POST", "/v1/chat/completions", {}, chat_body());
    auto c = connect();
    auto answer =
        ask(c, world::request("GET", "/v1/models",
                              {{"authorization", "Bearer " + company.support_key}}, hidden));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(ask(c, chat_request(chat_body())).status, 200);
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].method, "GET");
    EXPECT_EQ(seen[0].body, "");
    EXPECT_EQ(seen[1].number, 2) << "the connection to the provider was in order";
}

// The provider closes a kept connection just when the next call is on its way to it.
TEST_F(Connections, AStaleOneIsTriedAgainAsAnAttemptOfItsOwn) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000),
                              key_budget(2, core::BudgetUnit::calls, 100)};
    machine.internet.hosts[std::string(world::kOpenAi)].link = {
        .delay_min = std::chrono::milliseconds{200}, .delay_max = std::chrono::milliseconds{200}};
    int calls = 0;
    provider = [&](const world::Received&) {
        return ++calls == 1 ? answer_then_close(std::chrono::seconds{1})
                            : world::answer(200, "application/json",
                                            world::chat_answer({.input = 10, .output = 2}));
    };
    auto c = connect();
    EXPECT_EQ(ask(c, chat_request(chat_body())).field("x-weir-attempts"), "1");
    // Its last byte arrived 200 ms after it was sent; the close comes a second behind it.
    machine.scheduler.run_for(std::chrono::milliseconds{900});
    auto answer = ask(c, chat_request(chat_body()));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-attempts"), "2");
    auto all = ends();
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[1].head.id.ordinal, 1);
    EXPECT_EQ(all[1].state, EndState::unknown) << "it was sent whole, and nobody knows";
    EXPECT_EQ(all[1].charge, all[1].bound);
    EXPECT_EQ(all[2].head.id.ordinal, 2);
    EXPECT_EQ(all[2].head.id.call, all[1].head.id.call);
    EXPECT_EQ(all[2].state, EndState::settled);
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_EQ(figures(1).settled, (all[0].charge + all[1].charge + all[2].charge).pico());
    EXPECT_EQ(figures(2).settled, 2) << "two client calls, whatever the attempts";
}

// Nothing of the first attempt was sent, so it counts for nothing: the second is the call.
TEST_F(Connections, ACallWhoseFirstTryWasNeverSentIsCountedOnce) {
    company.policy.budgets = {key_budget(2, core::BudgetUnit::calls, 100)};
    auto& host = machine.internet.hosts[std::string(world::kOpenAi)];
    host.link = {.delay_min = std::chrono::milliseconds{200},
                 .delay_max = std::chrono::milliseconds{200},
                 .window = 2'048};
    int calls = 0;
    provider = [&](const world::Received&) {
        return ++calls == 1 ? answer_then_close(std::chrono::seconds{1})
                            : world::answer(200, "application/json",
                                            world::chat_answer({.input = 10, .output = 2}));
    };
    auto c = connect();
    ask(c, chat_request(chat_body()));
    machine.scheduler.run_for(std::chrono::milliseconds{900});
    std::string big = chat_body(R"(,"max_tokens":9,"user":")" + std::string(9'000, 'u') + R"(")");
    auto answer = ask(c, chat_request(big));
    EXPECT_EQ(answer.status, 200);
    auto all = ends();
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[1].state, EndState::released);
    EXPECT_EQ(figures(2).settled, 2);
}

TEST_F(Connections, ATryAgainThatNoBudgetAdmitsLeavesTheFirstError) {
    Int128 bound = input_bound(chat_body()) * 1'000'000 + 500'000'000;
    company.policy.budgets = {team_budget(1, "support", bound + bound / 2)};
    machine.internet.hosts[std::string(world::kOpenAi)].link = {
        .delay_min = std::chrono::milliseconds{200}, .delay_max = std::chrono::milliseconds{200}};
    provider = [&](const world::Received&) {
        return answer_then_close(std::chrono::seconds{1});
    };
    auto c = connect();
    ask(c, chat_request(chat_body()));
    machine.scheduler.run_for(std::chrono::milliseconds{900});
    auto answer = ask(c, chat_request(chat_body()));
    EXPECT_EQ(answer.status, 502);
    EXPECT_THAT(answer.body, HasSubstr("provider_reset"));
    EXPECT_EQ(answer.field("x-weir-attempts"), "1");
    EXPECT_EQ(ends().size(), 2u);
    EXPECT_TRUE(records<ledger::RefusalRecord>().empty());
}

TEST_F(Connections, AnIdleOneThatTheProviderClosedIsNotUsed) {
    provider = [&](const world::Received&) {
        return answer_then_close(std::chrono::milliseconds{10});
    };
    auto c = connect();
    ask(c, chat_request(chat_body()));
    machine.scheduler.run_for(std::chrono::seconds{1});
    EXPECT_EQ(ask(c, chat_request(chat_body())).field("x-weir-attempts"), "1");
    EXPECT_EQ(server_->accepted(), 2);
}

TEST_F(Connections, ExpectContinueIsAnsweredBeforeTheBodyComes) {
    auto c = connect();
    std::string whole = chat_request(chat_body(), {{"expect", "100-continue"}});
    auto cut = whole.find("\r\n\r\n") + 4;
    auto interim = ask(c, whole.substr(0, cut), {.interim = true});
    EXPECT_EQ(interim.status, 100);
    EXPECT_TRUE(seen.empty());
    EXPECT_EQ(ask(c, whole.substr(cut)).status, 200);
    EXPECT_EQ(seen.at(0).body, chat_body());
    EXPECT_EQ(seen.at(0).count("expect"), 0u);
}

TEST_F(Connections, AgentsThatLookWhetherAnybodyIsThere) {
    auto c = connect();
    auto head = ask(c, "HEAD / HTTP/1.1\r\nhost: weir\r\n\r\n", {.head_only = true});
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(ask(c, "GET /api/hello HTTP/1.1\r\nhost: weir\r\n\r\n").status, 200);
    EXPECT_EQ(ask(c, chat_request(chat_body())).status, 200) << "the connection goes on";
    EXPECT_EQ(seen.size(), 1u);
}

TEST_F(Connections, WhoAmIAndWhatBecameOfMyCall) {
    Fields key = {{"authorization", "Bearer " + company.support_key}};
    auto me = call(world::request("GET", "/weir/me", key, ""));
    EXPECT_EQ(me.status, 200);
    EXPECT_THAT(me.body, HasSubstr(R"("team":"support")"));
    EXPECT_EQ(call(world::request("GET", "/weir/calls/missing", key, "")).status, 404);
    EXPECT_EQ(call(world::request("GET", "/weir/me", {}, "")).status, 401);
    EXPECT_EQ(call(world::request("POST", "/weir/me", key, "{}")).status, 405);
    EXPECT_EQ(call(world::request("GET", "/weir/else", key, "")).status, 404);
    EXPECT_TRUE(seen.empty());
}

TEST_F(Connections, WhatIsNoHttpGetsFourHundredAndAClose) {
    for (const char* bytes :
         {"nonsense\r\n\r\n", "GET / HTTP/1.1\nhost: a\n\n", "GET / HTTP/1.1\r\n\r\n",
          "POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: "
          "2\r\n\r\nxx",
          "POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: "
          "chunked\r\n\r\n0\r\n\r\n"}) {
        auto answer = call(bytes);
        EXPECT_EQ(answer.status, 400) << bytes;
        EXPECT_EQ(answer.field("connection"), "close");
    }
    EXPECT_TRUE(seen.empty());
}

TEST_F(Connections, DrainingEndsIdleOnesLetsCallsFinishAndTakesNoMore) {
    provider = [](const world::Received&) {
        Reply reply =
            world::answer(200, "application/json", world::chat_answer({.input = 10, .output = 2}));
        reply.pieces[0].after = std::chrono::seconds{30};
        return reply;
    };
    auto idle = connect();
    EXPECT_EQ(ask(idle, "HEAD / HTTP/1.1\r\nhost: w\r\n\r\n", {.head_only = true}).status, 200);
    auto busy = connect();
    world::Answer slow;
    bool done = false;
    runtime::TaskGroup tasks;
    auto converse = [](world::Conversation& c, std::string bytes, world::Answer& out,
                       bool& over) -> runtime::Task<void> {
        co_await world::send_all(c, std::move(bytes));
        out = co_await world::read_answer(c);
        over = true;
    };
    tasks.spawn(converse(busy, chat_request(chat_body()), slow, done));
    machine.scheduler.run_for(std::chrono::seconds{1});
    weir->drain();
    machine.scheduler.run_for(std::chrono::seconds{1});
    EXPECT_TRUE(idle.stream->peer_gone());
    EXPECT_FALSE(weir->is_drained());
    EXPECT_EQ(call(chat_request(chat_body())).status, 0) << "not accepted";
    EXPECT_TRUE(machine.scheduler.run_until([&] { return done; }, std::chrono::minutes{1}));
    EXPECT_EQ(slow.status, 200);
    EXPECT_EQ(slow.field("connection"), "close");
    EXPECT_TRUE(
        machine.scheduler.run_until([&] { return weir->is_drained(); }, std::chrono::seconds{10}));
    EXPECT_EQ(only_end().state, EndState::settled);
}

}  // namespace
}  // namespace weir::gateway
