// Streams on their way to the client: as they come, metered, and with a well-formed end whatever
// the provider does.
#include <gmock/gmock.h>

#include "gateway/road_fixture.h"
#include "ledger/fold.h"

namespace weir::gateway {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using world::Reply;
using world::Spent;
using world::StreamSays;

const Spent kSpent{.model = "sim-small", .input = 100, .output = 7};
const Spent kClaude{.model = "claude-sim", .input = 100, .cache_read = 50, .output = 7};

std::string joined(const std::vector<std::string>& events) {
    std::string out;
    for (const auto& e : events) out += e;
    return out;
}

class Streams : public RoadTest {
 protected:
    void says(std::vector<std::string> events, Duration between = {},
              Reply::End end = Reply::End::keep, bool last_chunk = true) {
        provider = [=](const world::Received&) {
            Reply reply = world::stream_of(events, between);
            if (!last_chunk) reply.pieces.pop_back();
            reply.end = end;
            return reply;
        };
    }
    static std::string stream_body(std::string_view more = "",
                                   std::string_view model = "sim-small") {
        return chat_body(R"(,"max_tokens":100,"stream":true)" + std::string(more), model);
    }
    world::Answer chat_stream(std::string_view more = "", world::Patience patience = {}) {
        return chat(stream_body(more), {}, patience);
    }
};

TEST_F(Streams, UsageThatNobodyAskedForIsAskedForMeteredAndTakenOut) {
    says(world::chat_events(kSpent, {}));
    auto answer = chat_stream();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body, joined(world::chat_events(kSpent, {.usage = false})));
    EXPECT_THAT(seen.at(0).body, HasSubstr(R"("stream_options":{"include_usage":true})"));
    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::settled);
    EXPECT_EQ(end.usage.completeness, core::Completeness::exact);
    EXPECT_EQ(end.cost.pico(), cost_of(kSpent));
    EXPECT_EQ(end.charge.pico(), cost_of(kSpent));
    EXPECT_THAT(end.outcome.notes, Contains("injected include_usage"));
}

TEST_F(Streams, UsageThatTheClientAskedForIsItsOwn) {
    says(world::chat_events(kSpent, {}));
    std::string body = stream_body(R"(,"stream_options":{"include_usage":true})");
    auto answer = chat(body);
    EXPECT_EQ(answer.body, joined(world::chat_events(kSpent, {})));
    EXPECT_EQ(seen.at(0).body, body);
    EXPECT_EQ(only_end().cost.pico(), cost_of(kSpent));
}

TEST_F(Streams, TheCostIsToldInTheLastUsageObjectToAClientThatAsksForIt) {
    const std::string cost =
        R"("usage":{"cost":)" + Money::from_pico(cost_of(kSpent)).to_usd() + ",";
    says(world::chat_events(kSpent, {}));
    auto answer = chat(stream_body(), {{"x-weir-include", "cost"}});
    EXPECT_THAT(answer.body, HasSubstr(cost)) << "the chunk that Weir asked for is shown";
    EXPECT_EQ(only_end().cost.pico(), cost_of(kSpent));
}

TEST_F(Streams, ResponsesAndMessagesPassUntouched) {
    says(world::responses_events(kSpent, {}));
    std::string body = R"({"model":"sim-small","input":"hello","stream":true})";
    EXPECT_EQ(call(responses_request(body)).body, joined(world::responses_events(kSpent, {})));
    EXPECT_EQ(seen.at(0).body, body);
    says(world::messages_events(kClaude, {}));
    EXPECT_EQ(call(messages_request(stream_body("", "claude-sim"))).body,
              joined(world::messages_events(kClaude, {})));
    EXPECT_EQ(ends().at(0).cost.pico(), cost_of(kSpent));
    EXPECT_EQ(ends().at(1).cost.pico(), cost_of(kClaude));
}

TEST_F(Streams, EachEventIsWithTheClientBeforeTheNextIsMade) {
    says(world::chat_events(kSpent, {.pieces = 5, .usage = false}), std::chrono::seconds{10});
    auto answer = chat_stream(R"(,"stream_options":{"include_usage":true})");
    ASSERT_EQ(answer.chunk_times.size(), 7u);
    for (std::size_t i = 1; i < answer.chunk_times.size(); ++i) {
        Duration gap = answer.chunk_times[i] - answer.chunk_times[i - 1];
        EXPECT_GE(gap, std::chrono::milliseconds{9'990});
        EXPECT_LE(gap, std::chrono::milliseconds{10'010});
    }
}

TEST_F(Streams, ASlowClientHoldsTheProviderBackAndIsCutInTheEnd) {
    int made = 0;
    provider = [&](const world::Received&) {
        Reply reply = world::stream_of(world::chat_events(kSpent, {.pieces = 2'000}));
        for (auto& piece : reply.pieces)
            piece.first = [&made] {
                ++made;
            };
        return reply;
    };
    machine.internet.hosts[std::string(world::kOpenAi)].link.window = 4'096;
    company.policy.limits.client_idle_timeout_ms = 60'000;
    auto c = connect({.window = 4'096});
    runtime::TaskGroup tasks;
    bool sent = false;
    tasks.spawn(send(c, chat_request(stream_body()), sent));
    machine.scheduler.run_for(std::chrono::seconds{30});
    EXPECT_TRUE(sent);
    EXPECT_LT(made, 400) << "what nobody reads is not fetched";
    EXPECT_EQ(weir->open_calls(), 1u);
    settle_down(std::chrono::seconds{120});
    EXPECT_EQ(made, 2'000 + 5) << "cut off, its answer is read to the end for its usage";
    EXPECT_EQ(only_end().usage.completeness, core::Completeness::exact_drained);
    EXPECT_TRUE(only_end().outcome.client_gone);
}

// The client may go at any byte of its answer; the provider is read to the end all the same.
TEST_F(Streams, AClientThatLeavesAnywhereIsMeteredExactly) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    says(world::chat_events(kSpent, {}), std::chrono::seconds{1});
    for (std::size_t bytes = 1; bytes < 1'800; bytes += 150) {
        chat_stream("", {.leave_after = bytes});
        settle_down();
    }
    auto all = ends();
    ASSERT_EQ(all.size(), 12u);
    int gone = 0;
    for (const auto& end : all) {
        EXPECT_EQ(end.state, ledger::EndState::settled);
        EXPECT_TRUE(end.usage.is_exact());
        EXPECT_EQ(end.charge.pico(), cost_of(kSpent));
        gone += end.usage.completeness == core::Completeness::exact_drained ? 1 : 0;
    }
    EXPECT_GE(gone, 6);
    EXPECT_EQ(figures(1).settled, 12 * cost_of(kSpent));
    EXPECT_EQ(figures(1).held, 0);
}

TEST_F(Streams, ADrainHasABoundAndThenTheHoldStays) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    company.policy.limits.drain_ms = 20'000;
    says(world::chat_events(kSpent, {.pieces = 1, .usage = false, .end = false}), {},
         Reply::End::hang, false);
    MonoTime begun = machine.scheduler.now();
    chat_stream("", {.leave_after = 200});
    settle_down();
    Duration took = machine.scheduler.now() - begun;
    EXPECT_GE(took, std::chrono::seconds{19});
    EXPECT_LE(took, std::chrono::seconds{22});
    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::unknown);
    EXPECT_EQ(end.charge, end.bound);
    EXPECT_LT(end.cost, end.charge) << "cost is the estimate, charge the upper end";
    EXPECT_EQ(figures(1).settled, end.bound.pico());
}

struct Torn {
    const char* name;
    std::string_view path;
    std::vector<std::string> events;
    std::string_view model;
    std::string_view error_mark;
};

class TornStreams : public Streams, public testing::WithParamInterface<int> {
 protected:
    static Torn torn(int which) {
        StreamSays part{.pieces = 2, .usage = false, .end = false};
        switch (which) {
            case 0: {
                auto events = world::chat_events(kSpent, part);
                events.pop_back();  // the finish chunk
                return {"chat", "/v1/chat/completions", events, "sim-small",
                        R"(data: {"error":{"message":)"};
            }
            case 1:
                return {"responses", "/v1/responses", world::responses_events(kSpent, part),
                        "sim-small", "event: response.failed\ndata: "};
            default:
                return {"messages", "/v1/messages", world::messages_events(kClaude, part),
                        "claude-sim", "event: error\ndata: {\"type\":\"error\""};
        }
    }
    world::Answer ask_torn(const Torn& t) {
        std::string body = t.path == "/v1/responses"
                               ? R"({"model":"sim-small","input":"hello","stream":true})"
                               : stream_body("", t.model);
        return call(world::request("POST", t.path,
                                   {{"authorization", "Bearer " + company.support_key}}, body));
    }
    void expect_told(const Torn& t, const world::Answer& answer) {
        EXPECT_EQ(answer.status, 200);
        EXPECT_TRUE(answer.whole) << answer.malformed;
        std::string before = joined(t.events);
        ASSERT_TRUE(answer.body.starts_with(before)) << answer.body;
        EXPECT_TRUE(answer.body.substr(before.size()).starts_with(t.error_mark)) << answer.body;
        EXPECT_TRUE(answer.body.ends_with("\n\n"));
        EXPECT_THAT(answer.body, Not(HasSubstr("[DONE]")));
        auto end = only_end();
        EXPECT_EQ(end.state, ledger::EndState::unknown);
        EXPECT_FALSE(end.usage.is_exact());
        EXPECT_EQ(end.charge, end.bound);
        EXPECT_TRUE(end.outcome.has_error);
    }
};

TEST_P(TornStreams, AReset) {
    Torn t = torn(GetParam());
    says(t.events, std::chrono::milliseconds{1}, Reply::End::reset, false);
    provider = [inner = provider](const world::Received& r) {
        Reply reply = inner(r);
        reply.pieces.push_back({.bytes = "", .after = std::chrono::seconds{1}, .first = {}});
        return reply;
    };
    expect_told(t, ask_torn(t));
}

TEST_P(TornStreams, AnEndBeforeTheDialectsEnd) {
    Torn t = torn(GetParam());
    says(t.events);
    expect_told(t, ask_torn(t));
}

TEST_P(TornStreams, ACloseInTheMiddleOfAnEvent) {
    Torn t = torn(GetParam());
    auto events = t.events;
    events.push_back("data: {\"half\":");
    says(events, {}, Reply::End::close, false);
    expect_told(t, ask_torn(t));
}

TEST_P(TornStreams, Silence) {
    company.policy.limits.idle_timeout_ms = 30'000;
    Torn t = torn(GetParam());
    says(t.events, {}, Reply::End::hang, false);
    expect_told(t, ask_torn(t));
}

TEST_P(TornStreams, GarbageInTheChunking) {
    Torn t = torn(GetParam());
    says(t.events, {}, Reply::End::keep, false);
    provider = [inner = provider](const world::Received& r) {
        Reply reply = inner(r);
        reply.pieces.push_back(
            {.bytes = "zz\r\nnonsense", .after = std::chrono::seconds{1}, .first = {}});
        return reply;
    };
    expect_told(t, ask_torn(t));
}

INSTANTIATE_TEST_SUITE_P(Dialects, TornStreams, testing::Values(0, 1, 2));

TEST_F(Streams, AnErrorAfterTwoHundredIsTheProvidersOwnWord) {
    auto events = world::chat_events(kSpent, {.pieces = 2, .usage = false, .end = false});
    events.pop_back();
    events.push_back(world::chat_error_event());
    says(events);
    auto answer = chat_stream();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body, joined(events)) << "nothing is added to it";
    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::unknown);
    EXPECT_TRUE(end.outcome.has_error);
    EXPECT_EQ(end.outcome.error, ErrorCode::provider_error);
    EXPECT_EQ(end.charge, end.bound);

    auto claude = world::messages_events(kClaude, {.pieces = 1, .end = false});
    claude.push_back(world::messages_error_event());
    says(claude);
    EXPECT_EQ(call(messages_request(stream_body("", "claude-sim"))).body, joined(claude));
    EXPECT_EQ(ends().at(1).state, ledger::EndState::unknown);

    auto failed = world::responses_events(kSpent, {.pieces = 1, .end = false});
    failed.push_back(world::responses_error_event());
    says(failed);
    EXPECT_EQ(call(responses_request(R"({"model":"sim-small","input":"x","stream":true})")).body,
              joined(failed));
    EXPECT_EQ(ends().at(2).state, ledger::EndState::unknown);
}

TEST_F(Streams, AStreamWithoutUsageIsChargedAtItsBoundAndSaysWhatItIs) {
    says(world::chat_events(kSpent, {.usage = false}));
    auto answer = chat_stream();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body, joined(world::chat_events(kSpent, {.usage = false})));
    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::unknown);
    EXPECT_EQ(end.usage.completeness, core::Completeness::estimated);
    EXPECT_EQ(end.charge, end.bound);
}

// The same refusal before the head is a 529, and free.
TEST_F(Streams, ARefusalAtTheDoorThatIsTheFirstEventIsReleased) {
    says(
        {"event: error\ndata: "
         R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"
         "\n\n"});
    EXPECT_THAT(call(messages_request(stream_body("", "claude-sim"))).body,
                HasSubstr("overloaded_error"));
    EXPECT_EQ(only_end().state, ledger::EndState::released);
    EXPECT_TRUE(only_end().charge.is_zero());
}

TEST_F(Streams, UsageTwiceCountsOnce) {
    says(world::chat_events(kSpent, {.repeat_usage = true}));
    chat_stream();
    EXPECT_EQ(only_end().cost.pico(), cost_of(kSpent));
    EXPECT_TRUE(only_end().usage.has(core::UsageNote::repeated));
}

TEST_F(Streams, WhatBreaksBehindTheDialectsOwnEndIsNoErrorToTheClient) {
    says(world::chat_events(kSpent, {}), std::chrono::milliseconds{1}, Reply::End::close, false);
    auto answer = chat_stream();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body, joined(world::chat_events(kSpent, {.usage = false})));
    EXPECT_EQ(only_end().state, ledger::EndState::settled);
    EXPECT_EQ(only_end().cost.pico(), cost_of(kSpent));
}

TEST_F(Streams, AProviderThatBillsAboveTheBoundIsAnOverrunByName) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    Spent dear{.model = "sim-small", .input = 100, .output = 100'000};
    says(world::chat_events(dear, {}));
    chat_stream();
    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::settled);
    EXPECT_EQ(end.charge.pico(), cost_of(dear));
    EXPECT_EQ(end.overrun, end.charge - end.bound);
    EXPECT_EQ(figures(1).settled, cost_of(dear));
    EXPECT_EQ(figures(1).overrun, (end.charge - end.bound).pico());
}

// ledger.md §3, the runner-up: tools that the provider runs raise the input beyond what was held,
// and the window closes meanwhile.
TEST_F(Streams, LateUsageAboveTheHoldIsSettledInTheWindowOfItsAdmission) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    company.policy.budgets[0].window = core::WindowKind::hour;
    auto events = world::messages_events(kClaude, {.pieces = 10});
    for (std::string& event : events) {
        auto at = event.find(R"({"output_tokens":7})");
        if (at != std::string::npos) event.insert(at + 1, R"("input_tokens":50000,)");
    }
    says(events, std::chrono::minutes{4});
    start();
    machine.scheduler.run_for(std::chrono::minutes{30});
    const auto opened = figures(1).window;
    auto answer = call(messages_request(stream_body("", "claude-sim")));
    EXPECT_TRUE(answer.whole);
    ASSERT_GT(weir->treasury().now().seconds(), opened.end) << "the hour is over";

    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::settled);
    const Spent raised{.model = "claude-sim", .input = 50'000, .cache_read = 50, .output = 7};
    EXPECT_EQ(end.charge.pico(), cost_of(raised));
    EXPECT_EQ(end.overrun, end.charge - end.bound);
    EXPECT_FALSE(end.overrun.is_zero());
    ASSERT_EQ(end.parts.size(), 1u);
    EXPECT_EQ(end.parts[0].window, opened);
    EXPECT_EQ(figures(1).window.start, opened.end);
    EXPECT_EQ(figures(1).settled, 0) << "the new hour owes nothing";
    EXPECT_EQ(figures(1).held, 0);
    ledger::Fold fold;
    for (const auto& record : records<ledger::AdmitRecord>()) fold.add(record);
    fold.add(end);
    ASSERT_EQ(fold.balances().size(), 1u);
    const auto& [key, balance] = *fold.balances().begin();
    EXPECT_EQ(key.window_start, opened.start);
    EXPECT_EQ(balance.settled, cost_of(raised));
    EXPECT_EQ(balance.overrun, (end.charge - end.bound).pico());
    EXPECT_EQ(balance.held, 0);
}

TEST_F(Streams, ATotalTimeEndsAStreamThatDripsOn) {
    company.policy.limits.total_timeout_ms = 60'000;
    says(world::chat_events(kSpent, {.pieces = 1'000}), std::chrono::seconds{5});
    MonoTime begun = machine.scheduler.now();
    auto answer = chat_stream();
    EXPECT_LE(machine.scheduler.now() - begun, std::chrono::seconds{63});
    EXPECT_TRUE(answer.whole);
    EXPECT_THAT(answer.body, HasSubstr(R"(data: {"error":)"));
    EXPECT_EQ(only_end().state, ledger::EndState::unknown);
}

TEST_F(Streams, AnOldClientGetsBytesUpToTheClose) {
    says(world::chat_events(kSpent, {}));
    std::string bytes = chat_request(stream_body());
    bytes.replace(bytes.find("HTTP/1.1"), 8, "HTTP/1.0");
    auto answer = call(bytes);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.count("transfer-encoding"), 0u);
    EXPECT_TRUE(answer.closed);
    EXPECT_EQ(answer.body, joined(world::chat_events(kSpent, {.usage = false})));
}

}  // namespace
}  // namespace weir::gateway
