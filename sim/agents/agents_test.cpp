// What an observer of the agents would name: that they do the same from the same seed, that their
// contexts grow, that they try failed tools again, and that they say whose calls they make.
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "provider/provider.h"
#include "sim/agents/render.h"
#include "sim/agents/staff.h"

namespace weir::agents {
namespace {

// Answers at once as the script says, until `refuse_after` calls.
class ToldWire final : public Wire {
 public:
    struct Seen {
        Ask ask;
        std::int64_t bytes = 0;
        std::size_t messages = 0;
        std::string body;
    };

    runtime::Task<Reply> send(const Ask& ask) override {
        std::size_t messages = ask.conversation ? ask.conversation->messages().size() : 0;
        seen.push_back({ask, ask.bytes(), messages, renders ? render(ask, "key").body : ""});
        seen.back().ask.conversation = nullptr;
        if (seen.size() > refuse_after) co_return refusal;
        Reply reply{.status = 200};
        if (ask.conversation == nullptr) co_return reply;
        Message message{.kind = Message::Kind::assistant, .text = passage(rng_, ask.script.output)};
        if (!ask.script.tool.empty()) {
            message = {
                Message::Kind::tool_call, {.said = R"({"query":"x"})"}, "call_1", ask.script.tool};
        }
        reply.messages.push_back(std::move(message));
        co_return reply;
    }
    runtime::Task<void> pause(Duration d) override {
        now_ = now_ + d;
        co_return;
    }
    UnixTime now() const override { return now_; }

    std::vector<Seen> seen;
    bool renders = true;
    std::size_t refuse_after = 100'000;
    Reply refusal{.status = 402, .error = "budget_exhausted"};

 private:
    SeededRng rng_{7};
    UnixTime now_ = UnixTime::from_seconds(1'795'000'000);
};

using Work = runtime::Task<void> (*)(Wire&, Post, std::uint64_t, std::uint64_t);
constexpr Work kAll[] = {resolve_ticket, process_batch, write_change, evaluate_release};

ToldWire worked(Work work, std::uint64_t seed, bool renders = true) {
    ToldWire wire;
    wire.renders = renders;
    runtime::TaskGroup group;
    group.spawn(work(wire, {.key = "key", .prefix = "", .ratchet_from = {}}, 4711, seed));
    EXPECT_EQ(group.size(), 0U) << "nothing waits in this world";
    return wire;
}

TEST(Agents, DoTheSameFromTheSameSeed) {
    for (Work work : kAll) {
        ToldWire one = worked(work, 5);
        ToldWire two = worked(work, 5);
        ToldWire other = worked(work, 6);
        ASSERT_EQ(one.seen.size(), two.seen.size());
        for (std::size_t i = 0; i < one.seen.size(); ++i) {
            EXPECT_EQ(one.seen[i].body, two.seen[i].body);
        }
        EXPECT_NE(one.seen.front().body, other.seen.front().body);
    }
}

TEST(Agents, SayWhoseCallsTheyMake) {
    for (Work work : kAll) {
        for (const auto& seen : worked(work, 3).seen) {
            const Labels& labels = seen.ask.labels;
            EXPECT_FALSE(labels.goal.empty());
            EXPECT_TRUE(labels.trajectory.starts_with(labels.goal)) << labels.trajectory;
        }
    }
}

TEST(Agents, ContextGrowsFromTurnToTurn) {
    std::int64_t before = 0;
    std::size_t turns = 0;
    for (const auto& seen : worked(resolve_ticket, 2).seen) {
        if (seen.ask.labels.task_type != "support_reply") continue;
        if (!seen.ask.labels.trajectory.ends_with("-1")) continue;
        EXPECT_GT(seen.bytes, before);
        before = seen.bytes;
        ++turns;
    }
    EXPECT_GE(turns, 3U);
}

TEST(Agents, OneTicketInManySpirals) {
    std::size_t longest = 0;
    int spirals = 0;
    constexpr std::uint64_t kTickets = 400;
    for (std::uint64_t seed = 0; seed < kTickets; ++seed) {
        std::size_t calls = worked(resolve_ticket, seed * 977, false).seen.size();
        longest = std::max(longest, calls);
        if (calls > 100) ++spirals;
    }
    EXPECT_GT(longest, 100U);
    EXPECT_GE(spirals, 2);
    EXPECT_LE(spirals, 20);
}

TEST(Agents, StopWhenTheirBudgetIsExhausted) {
    for (Work work : kAll) {
        ToldWire wire;
        wire.refuse_after = 3;
        runtime::TaskGroup group;
        group.spawn(work(wire, {.key = "key", .prefix = "", .ratchet_from = {}}, 1, 9));
        std::map<std::string, int> after_refusal;
        for (std::size_t i = 3; i < wire.seen.size(); ++i) {
            ++after_refusal[wire.seen[i].ask.labels.trajectory];
        }
        for (const auto& [trajectory, calls] : after_refusal) EXPECT_LE(calls, 1) << trajectory;
    }
}

TEST(Agents, TryAgainWhatMayPass) {
    ToldWire wire;
    wire.refuse_after = 0;
    wire.refusal = {.status = 529, .error = "overloaded_error"};
    Ask ask;
    Conversation talk{Passage{}};
    ask.conversation = &talk;
    runtime::TaskGroup group;
    group.spawn([](Wire& w, const Ask& a) -> runtime::Task<void> {
        co_await insist(w, a);
    }(wire, ask));
    EXPECT_EQ(wire.seen.size(), 3U);
}

TEST(Agents, ABillingErrorIsFinalForAnthropicsClients) {
    EXPECT_TRUE((Reply{.status = 429, .error = "billing_error"}).is_final());
    EXPECT_FALSE((Reply{.status = 429, .error = "rate_limit_error"}).is_final());
    EXPECT_TRUE((Reply{.status = 402, .error = "budget_exhausted"}).is_final());
    EXPECT_FALSE((Reply{.status = 0}).is_final());
}

TEST(Agents, SubAgentsNameTheirParentAndGetItsContextOnceMore) {
    ToldWire wire = worked(write_change, 11);
    std::set<std::string> leads;
    std::set<std::string> scouts;
    std::int64_t lead_bytes = 0;
    for (const auto& seen : wire.seen) {
        const Labels& labels = seen.ask.labels;
        if (labels.agent == "lead") {
            leads.insert(labels.trajectory);
            lead_bytes = seen.bytes;
        } else if (scouts.insert(labels.trajectory).second) {
            EXPECT_TRUE(leads.contains(labels.parent)) << labels.parent;
            EXPECT_GT(seen.bytes, lead_bytes / 2) << "a scout begins with what the lead knows";
        }
    }
    EXPECT_EQ(leads.size(), 1U);
    EXPECT_GE(scouts.size(), 2U);
}

TEST(Agents, SendWhatTheGatewayReads) {
    for (Work work : kAll) {
        for (const auto& seen : worked(work, 21).seen) {
            auto shape = provider::describe(seen.ask.endpoint, seen.body);
            ASSERT_TRUE(shape) << shape.error().message() << "\n" << seen.body.substr(0, 400);
            EXPECT_EQ(shape->model, seen.ask.model);
            EXPECT_EQ(shape->stream, seen.ask.stream);
            if (seen.ask.inputs.empty()) EXPECT_EQ(shape->max_output, seen.ask.max_output);
            EXPECT_EQ(shape->unbounded, 0);
            auto size = static_cast<double>(seen.body.size());
            EXPECT_NEAR(static_cast<double>(seen.bytes) / size, 1.0, 0.12)
                << "the past is bounded by the size that is guessed";
        }
    }
}

TEST(Agents, HearTheSameStreamedOrNot) {
    Ask ask;
    ask.stream = true;
    Reply streamed = read_answer(
        ask, {200, "text/event-stream",
              "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,"
              "\"id\":\"call_9\",\"function\":{\"name\":\"look\",\"arguments\":\"\"}}]}}]}\n\n"
              "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
              "{\"arguments\":\"{\\\"a\\\":\"}}]}}]}\n\n"
              "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
              "{\"arguments\":\"1}\"}}]}}]}\n\ndata: [DONE]\n\n"});
    ask.stream = false;
    Reply whole =
        read_answer(ask, {200, "application/json",
                          R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"call_9",)"
                          R"("function":{"name":"look","arguments":"{\"a\":1}"}}]}}]})"});
    for (const Reply& reply : {streamed, whole}) {
        ASSERT_EQ(reply.messages.size(), 1U);
        EXPECT_EQ(reply.messages[0].kind, Message::Kind::tool_call);
        EXPECT_EQ(reply.messages[0].call_id, "call_9");
        EXPECT_EQ(reply.messages[0].text.said, R"({"a":1})");
    }
}

TEST(Agents, AStreamThatTellsAnErrorIsNoAnswer) {
    Ask ask;
    ask.endpoint = core::Endpoint::messages;
    ask.stream = true;
    Reply reply = read_answer(
        ask, {200, "text/event-stream",
              "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
              "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
              "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n"});
    EXPECT_FALSE(reply.ok());
    EXPECT_FALSE(reply.is_final());
}

}  // namespace
}  // namespace weir::agents
