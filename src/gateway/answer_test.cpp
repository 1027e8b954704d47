// Whole answers and provider errors: what the client gets and what the ledger says (ledger.md L5,
// L10, wire.md §6.8).
#include <gmock/gmock.h>
#include <zlib.h>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using ledger::EndState;
using testing::HasSubstr;
using world::Reply;
using world::Spent;

const Spent kSpent{.model = "sim-small", .input = 100, .cache_read = 20, .output = 7};
const Spent kClaude{
    .model = "claude-sim", .input = 100, .cache_read = 50, .cache_write = 30, .output = 7};

std::string gzip(std::string_view text) {
    z_stream z{};
    EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(text.size() + 100, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

class Answers : public RoadTest {
 protected:
    Answers() { company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)}; }
    void says(int status, std::string body, std::string more = "") {
        provider = [=](const world::Received&) {
            return world::answer(status, "application/json", body, more);
        };
    }
    void sends(std::string bytes, Reply::End end = Reply::End::close) {
        provider = [=](const world::Received&) {
            return Reply{.pieces = {{.bytes = bytes, .after = {}, .first = {}}}, .end = end};
        };
    }
    // Whatever the provider did, the books balance: nothing is held, and the budget has the charge.
    ledger::EndRecord end_and_books() {
        settle_down();
        auto end = only_end();
        EXPECT_EQ(figures(1).held, 0);
        EXPECT_EQ(figures(1).settled, end.charge.pico());
        return end;
    }
};

TEST_F(Answers, EachDialectIsMeteredToThePico) {
    struct Case {
        std::string request;
        std::string answer;
        Int128 cost;
    };
    Spent embedded{.model = "sim-embed", .input = 9};
    Fields key = {{"authorization", "Bearer " + company.support_key}};
    const std::vector<Case> cases = {
        {chat_request(chat_body()), world::chat_answer(kSpent), cost_of(kSpent)},
        {world::request("POST", "/v1/completions", key,
                        R"({"model":"sim-small","prompt":"x","max_tokens":9})"),
         world::completion_answer(kSpent), cost_of(kSpent)},
        {responses_request(R"({"model":"sim-small","input":"x"})"), world::responses_answer(kSpent),
         cost_of(kSpent)},
        {messages_request(chat_body(R"(,"max_tokens":100)", "claude-sim")),
         world::messages_answer(kClaude), cost_of(kClaude)},
        {world::request("POST", "/v1/embeddings", key, R"({"model":"sim-embed","input":"x"})"),
         world::embeddings_answer(embedded), cost_of(embedded)},
    };
    Int128 sum = 0;
    for (const Case& c : cases) {
        says(200, c.answer);
        auto answer = call(c.request);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, c.answer);
        EXPECT_EQ(answer.field("x-weir-cost-usd"), Money::from_pico(c.cost).to_usd());
        auto end = ends().back();
        EXPECT_EQ(end.state, EndState::settled);
        EXPECT_EQ(end.cost.pico(), c.cost);
        EXPECT_EQ(end.charge.pico(), c.cost);
        sum += c.cost;
    }
    EXPECT_EQ(figures(1).settled, sum);
}

TEST_F(Answers, CountsAndListsCostNothingAndHoldNothing) {
    says(200, R"({"input_tokens":12})");
    EXPECT_EQ(
        call(world::request("POST", "/v1/messages/count_tokens",
                            {{"x-api-key", company.support_key}}, chat_body("", "claude-sim")))
            .body,
        R"({"input_tokens":12})");
    says(200, R"({"data":[]})");
    EXPECT_EQ(call(world::request("GET", "/v1/models",
                                  {{"authorization", "Bearer " + company.support_key}}, ""))
                  .status,
              200);
    EXPECT_EQ(seen.back().method, "GET");
    EXPECT_EQ(ends().size(), 2u);
    for (const auto& end : ends()) {
        EXPECT_EQ(end.state, EndState::settled);
        EXPECT_TRUE(end.charge.is_zero());
    }
    EXPECT_EQ(figures(1).settled, 0);
}

TEST_F(Answers, AProvidersErrorPassesAsItIsAndIsBilledAsTheTableSays) {
    struct Case {
        int status;
        std::string body;
        EndState state;
    };
    const std::vector<Case> cases = {
        {400, world::openai_error("invalid_request_error", "no"), EndState::released},
        {401, world::openai_error("authentication_error", "no"), EndState::released},
        {404, world::openai_error("not_found_error", "no"), EndState::released},
        {429, world::openai_error("rate_limit_exceeded", "slow down"), EndState::released},
        {400, world::openai_error("content_filter", "filtered"), EndState::unknown},
        {500, world::openai_error("server_error", "oops"), EndState::unknown},
        {503, world::openai_error("overloaded", "busy"), EndState::released},
        {503, "<html>bad gateway</html>", EndState::unknown},
        {302, "", EndState::unknown},
    };
    Int128 charged = 0;
    for (const Case& c : cases) {
        says(c.status, c.body, "x-request-id: req_7\r\nretry-after: 3\r\n");
        auto answer = chat(chat_body());
        EXPECT_EQ(answer.status, c.status);
        EXPECT_EQ(answer.body, c.body);
        EXPECT_EQ(answer.field("retry-after"), "3");
        auto end = ends().back();
        EXPECT_EQ(end.state, c.state) << c.status << c.body;
        EXPECT_EQ(end.charge, c.state == EndState::released ? Money{} : end.bound);
        EXPECT_EQ(end.outcome.provider_status, c.status);
        EXPECT_EQ(end.outcome.provider_request_id, "req_7");
        charged += end.charge.pico();
    }
    EXPECT_EQ(figures(1).settled, charged);
    EXPECT_EQ(figures(1).held, 0);
}

TEST_F(Answers, WhatWasNeverSentCostsNothing) {
    for (auto refused :
         {ErrorCode::provider_unreachable, ErrorCode::provider_tls, ErrorCode::provider_timeout}) {
        machine.internet.hosts[std::string(world::kOpenAi)].refuse = [=] {
            return std::optional(refused);
        };
        auto answer = chat(chat_body());
        EXPECT_EQ(answer.status, error_info(refused).http_status);
        EXPECT_THAT(answer.body, HasSubstr(error_info(refused).name));
        EXPECT_EQ(ends().back().state, EndState::released);
    }
    EXPECT_TRUE(seen.empty());
    EXPECT_EQ(figures(1).settled, 0);
    EXPECT_EQ(figures(1).held, 0);
}

TEST_F(Answers, AResetBeforeTheHeadIsUnknownAndStaysAtTheBound) {
    sends("", Reply::End::reset);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 502);
    EXPECT_TRUE(answer.whole);
    EXPECT_THAT(answer.body, HasSubstr(R"("code":"provider_reset")"));
    auto end = end_and_books();
    EXPECT_EQ(end.state, EndState::unknown);
    EXPECT_EQ(end.charge, end.bound);
}

TEST_F(Answers, AResetWhileTheRequestIsBeingReadIsProofThatNothingRan) {
    machine.internet.hosts[std::string(world::kOpenAi)].link.window = 1'024;
    server_->cut_request = [] {
        return std::optional<std::size_t>(600);
    };
    std::string text(20'000, 'x');
    auto answer = chat(R"({"model":"sim-small","max_tokens":5,"messages":[{"role":"user",)"
                       R"("content":")" +
                       text + R"("}]})");
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(end_and_books().state, EndState::released);
}

TEST_F(Answers, SilenceIsATimeoutAndStaysAtTheBound) {
    company.policy.limits.first_byte_timeout_ms = 30'000;
    sends("", Reply::End::hang);
    MonoTime begun = machine.scheduler.now();
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 504);
    EXPECT_LE(machine.scheduler.now() - begun, std::chrono::seconds{32});
    auto end = end_and_books();
    EXPECT_EQ(end.state, EndState::unknown);
    EXPECT_EQ(end.charge, end.bound);
}

TEST_F(Answers, ATotalTimeBoundsAlsoTheWaitForTheFirstByte) {
    company.policy.limits.total_timeout_ms = 20'000;
    sends("", Reply::End::hang);
    MonoTime begun = machine.scheduler.now();
    EXPECT_EQ(chat(chat_body()).status, 504);
    EXPECT_LE(machine.scheduler.now() - begun, std::chrono::seconds{22});
}

TEST_F(Answers, GarbageInPlaceOfHttp) {
    for (const char* garbage :
         {"SSH-2.0-OpenSSH_9\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n broken\r\n\r\n",
          "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"}) {
        sends(garbage);
        auto answer = chat(chat_body());
        EXPECT_EQ(answer.status, 502) << garbage;
        EXPECT_TRUE(answer.whole);
        EXPECT_THAT(answer.body, HasSubstr("provider_protocol"));
        EXPECT_EQ(ends().back().state, EndState::unknown);
    }
}

TEST_F(Answers, ABodyThatStopsEarly) {
    sends(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\"");
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 502);
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(end_and_books().state, EndState::unknown);
}

// An SDK breaks on it where it would raise an error: so it gets one.
TEST_F(Answers, AnAnswerThatIsNoObjectIsAnErrorAndUnknown) {
    for (const char* body : {"I am not JSON", "", " <html>", "\x01\xff{"}) {
        says(200, body);
        auto answer = chat(chat_body());
        EXPECT_EQ(answer.status, 502) << body;
        EXPECT_TRUE(answer.whole);
        EXPECT_THAT(answer.body, HasSubstr("provider_protocol"));
    }
    auto all = ends();
    ASSERT_EQ(all.size(), 4u);
    for (const auto& end : all) {
        EXPECT_EQ(end.state, EndState::unknown);
        EXPECT_EQ(end.charge, end.bound);
        EXPECT_EQ(end.outcome.http_status, 502);
    }
}

TEST_F(Answers, AnAnswerWithoutUsageIsUnknown) {
    says(200, R"({"id":"x","object":"chat.completion","model":"sim-small","choices":[]})");
    EXPECT_EQ(chat(chat_body()).status, 200);
    EXPECT_EQ(end_and_books().state, EndState::unknown);
}

TEST_F(Answers, ACodingThatNobodyAskedForIsTakenOff) {
    // Large enough to come in several pieces, small enough to come in one.
    for (std::size_t padding : {std::size_t{0}, std::size_t{200'000}}) {
        std::string plain = world::chat_answer(kSpent);
        for (std::size_t i = 0; i < padding; ++i) {
            plain.insert(1, 1, " \t\n\r"[i * 2'654'435'761u >> 13 & 3]);
        }
        says(200, gzip(plain), "content-encoding: gzip\r\n");
        auto answer = chat(chat_body());
        EXPECT_EQ(answer.count("content-encoding"), 0u);
        EXPECT_TRUE(answer.body == plain);
        EXPECT_EQ(ends().back().cost.pico(), cost_of(kSpent));
    }
}

TEST_F(Answers, ACodingThatIsCutOffIsAnError) {
    std::string packed = gzip(world::chat_answer(kSpent));
    packed.resize(packed.size() - 12);
    says(200, packed, "content-encoding: gzip\r\n");
    EXPECT_EQ(chat(chat_body()).status, 502);
    EXPECT_EQ(end_and_books().state, EndState::unknown);
}

TEST_F(Answers, AnAnswerUpToTheClose) {
    sends("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + world::chat_answer(kSpent));
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.body, world::chat_answer(kSpent));
    EXPECT_TRUE(answer.keeps_alive());
    EXPECT_EQ(end_and_books().cost.pico(), cost_of(kSpent));
}

TEST_F(Answers, InterimAnswersAreSkipped) {
    std::string last =
        world::answer(200, "application/json", world::chat_answer(kSpent)).pieces[0].bytes;
    sends("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + last, Reply::End::keep);
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.interim, 0);
}

// The provider answers twelve seconds later; whoever asked has gone after three.
TEST_F(Answers, AClientThatLeavesBeforeTheHeadIsMeteredExactly) {
    provider = [](const world::Received&) {
        Reply reply = world::answer(200, "application/json", world::chat_answer(kSpent));
        reply.pieces[0].after = std::chrono::seconds{12};
        return reply;
    };
    {
        auto c = connect();
        runtime::TaskGroup tasks;
        bool sent = false;
        tasks.spawn(send(c, chat_request(chat_body()), sent));
        machine.scheduler.run_for(std::chrono::seconds{3});
        EXPECT_EQ(seen.size(), 1u);
    }
    auto end = end_and_books();
    EXPECT_EQ(end.state, EndState::settled);
    EXPECT_EQ(end.usage.completeness, core::Completeness::exact_drained);
    EXPECT_TRUE(end.outcome.client_gone);
    EXPECT_EQ(end.charge.pico(), cost_of(kSpent));
}

runtime::Task<void> answer_unread(world::Scheduler& scheduler, runtime::Own stream,
                                  std::string bytes) {
    iovec piece{bytes.data(), bytes.size()};
    if (!bytes.empty()) co_await runtime::write_all(*stream, &piece, 1);
    co_await scheduler.delay(std::chrono::hours{1});
}

// A provider may answer while it still reads: then half a request is no proof that nothing ran.
TEST_F(Answers, AClientThatLeavesAnAnswerBegunBeforeTheBodyWasSentStaysAtTheBound) {
    struct Case {
        std::string_view begun;
        EndState state;
    };
    runtime::TaskGroup providers;
    std::string begun;
    auto& host = machine.internet.hosts[std::string(world::kOpenAi)];
    host.link.window = 1'024;
    host.accept = [&](runtime::Own stream) {
        providers.spawn(answer_unread(machine.scheduler, std::move(stream), begun));
    };
    for (const Case& c : {Case{"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", EndState::unknown},
                          Case{"HTTP/1.1 100 Continue\r\n\r\n", EndState::released},
                          Case{"", EndState::released}}) {
        begun = c.begun;
        {
            auto client = connect();
            runtime::TaskGroup tasks;
            bool sent = false;
            std::string user(20'000, 'x');
            tasks.spawn(send(client,
                             chat_request(chat_body(R"(,"max_tokens":5,"user":")" + user + "\"")),
                             sent));
            machine.scheduler.run_for(std::chrono::seconds{3});
            EXPECT_TRUE(sent);
        }
        settle_down();
        auto end = ends().back();
        EXPECT_EQ(end.state, c.state) << c.begun;
        EXPECT_TRUE(end.outcome.client_gone);
        EXPECT_EQ(end.charge, c.state == EndState::unknown ? end.bound : Money{});
        EXPECT_EQ(figures(1).held, 0);
    }
}

TEST_F(Answers, AClientThatLeavesBeforeDispatchCostsNothing) {
    machine.internet.hosts[std::string(world::kOpenAi)].connect_time = std::chrono::seconds{2};
    chat(chat_body(), {}, {.leave_after = 0});
    machine.scheduler.run_for(std::chrono::seconds{3});
    EXPECT_TRUE(seen.empty());
    auto end = end_and_books();
    EXPECT_EQ(end.state, EndState::released);
    EXPECT_TRUE(end.outcome.client_gone);
    EXPECT_TRUE(records<ledger::DispatchedRecord>().empty());
}

}  // namespace
}  // namespace weir::gateway
