// A call that does not fit any more: admitted with less output where that is enough, told so, and
// held at no more than what was sent; or kept in line until others give back what they hold
// (product.md §3.4, §3.5; ledger.md §2).
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr std::string_view kTask = "chat";

class Clamping : public RoadTest {
 protected:
    static std::string body(std::string_view more = "") {
        return chat_body(R"(,"max_tokens":2000)" + std::string(more));
    }
    // Of a call with so much output, in pico-USD, by the sample company's prices.
    static Int128 bound(std::int64_t output, std::string_view more = "") {
        return input_bound(body(more)) * 1'000'000 + Int128{output} * 5'000'000;
    }
    void budget(Int128 pico) { company.policy.budgets = {team_budget(1, "support", pico)}; }
    // So many answers of so many tokens, of the kind that these calls are.
    void teach(std::int64_t tokens, int answers = 300) {
        if (!weir) start();
        core::Attribution attribution;
        attribution.offer(core::Dimension::task_type, kTask, core::Source::header);
        for (int i = 0; i < answers; ++i) {
            weir->treasury().learn("sim-small", attribution, tokens, false);
        }
    }
    world::Answer ask(std::string_view more = "") {
        return chat(body(more), {{"x-weir-task-type", std::string(kTask)}});
    }
    Json sent() { return Json::parse(seen.back().body); }
};

TEST_F(Clamping, TheProviderIsToldAndSoIsTheCaller) {
    budget(bound(1'500));
    teach(1'200);
    auto answer = ask();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-max-output"), "1500; clamped");
    EXPECT_EQ(sent().at("max_tokens"), 1'500);
    auto admitted = records<ledger::AdmitRecord>();
    ASSERT_EQ(admitted.size(), 1u);
    EXPECT_EQ(admitted[0].bound.pico(), bound(1'500));
    EXPECT_EQ(admitted[0].max_output, 1'500);
    EXPECT_EQ(admitted[0].parts.at(0).held, bound(1'500));
    EXPECT_THAT(only_end().outcome.notes, testing::Contains("max output lowered to 1500"));
}

TEST_F(Clamping, ACallThatNamesNoMaximumIsToldOneAllTheSame) {
    std::string silent = chat_body("");
    budget(input_bound(silent) * 1'000'000 + Int128{1'500} * 5'000'000);
    teach(1'200);
    auto answer = chat(silent, {{"x-weir-task-type", std::string(kTask)}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-max-output"), "1500; clamped");
    EXPECT_EQ(sent().at("max_completion_tokens"), 1'500);
}

TEST_F(Clamping, NeverBelowTheLeastOutputOfTheInstallation) {
    budget(bound(1'023));
    teach(10);
    auto answer = ask();
    EXPECT_EQ(answer.status, 400) << "not even the least fits into the whole budget";
    EXPECT_THAT(answer.body, HasSubstr("call_exceeds_budget"));
    EXPECT_TRUE(seen.empty());
}

TEST_F(Clamping, TheLeastIsTheInstallationsToSet) {
    company.policy.limits.min_output = 16;
    budget(bound(100));
    teach(80);
    EXPECT_EQ(ask().field("x-weir-max-output"), "100; clamped");
}

TEST_F(Clamping, AnAnswerThatMustBeWholeIsNotCut) {
    budget(bound(1'500, R"(,"response_format":{"type":"json_object"})") + 1'024 * 1'000'000);
    teach(100);
    EXPECT_EQ(ask(R"(,"response_format":{"type":"json_object"})").status, 400);
    EXPECT_EQ(ask(R"(,"tools":[{"type":"function","function":{"name":"f"}}],)"
                  R"("tool_choice":"required")")
                  .status,
              400);
    EXPECT_TRUE(seen.empty());
}

TEST_F(Clamping, AThinkingBudgetIsLeftWholeWithSomethingToSay) {
    company.policy.limits.min_output = 16;
    auto claude = [](std::int64_t thinking) {
        return R"({"model":"claude-sim","max_tokens":4000,"thinking":{"type":"enabled",)"
               R"("budget_tokens":)" +
               std::to_string(thinking) + R"(},"messages":[{"role":"user","content":"hello"}]})";
    };
    Int128 input = input_bound(claude(2'000)) * 3'000'000;
    budget(input + Int128{2'500} * 15'000'000);
    start();
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::messages_answer({.model = "claude-sim", .input = 10}));
    };
    EXPECT_EQ(call(messages_request(claude(3'000))).status, 400);
    auto answer = call(messages_request(claude(2'000)));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.field("x-weir-max-output"), "2500; clamped");
}

TEST_F(Clamping, NeverBelowWhatResponsesTake) {
    company.policy.limits.min_output = 1;
    const std::string body = R"({"model":"sim-small","input":"hello","max_output_tokens":2000})";
    auto ask_with = [&](std::int64_t output) {
        weir.reset();
        budget(input_bound(body) * 1'000'000 + Int128{output} * 5'000'000);
        company.policy.budgets[0].clamp = core::Clamp::always;
        start();
        return call(responses_request(body));
    };
    provider = [](const world::Received&) {
        return world::answer(200, "application/json", world::responses_answer({.input = 10}));
    };
    EXPECT_EQ(ask_with(15).status, 400);
    EXPECT_TRUE(seen.empty());
    auto answer = ask_with(16);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.field("x-weir-max-output"), "16; clamped");
}

TEST_F(Clamping, OffMeansOff) {
    budget(bound(1'999));
    company.policy.budgets[0].clamp = core::Clamp::off;
    EXPECT_EQ(ask().status, 400);
}

TEST_F(Clamping, LearnsFromWhatWasServed) {
    company.policy.limits.min_output = 16;
    provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 50}));
    };
    budget(Int128{1'000'000'000'000});
    for (int i = 0; i < 20; ++i) ASSERT_EQ(ask().status, 200);
    core::BudgetSpec small = team_budget(2, "support", bound(60));
    company.policy.budgets = {small};
    weir->treasury().define({small});
    EXPECT_EQ(ask().field("x-weir-max-output"), "60; clamped") << "unlearned it would need 256";
}

// ---- in line ------------------------------------------------------------------------------------

class InLine : public Clamping {
 protected:
    InLine() {
        company.policy.limits.busy_wait_ms = 5'000;
        budget(bound(2'000) * 3 / 2);
        provider = [this](const world::Received&) {
            world::Reply reply = world::answer(200, "application/json",
                                               world::chat_answer({.input = 10, .output = 2}));
            reply.pieces[0].after = took;
            return reply;
        };
    }
    runtime::Task<void> one(world::Answer& out, world::Patience patience = {}) {
        auto c = connect();
        if (co_await world::send_all(c, chat_request(body()))) {
            out = co_await world::read_answer(c, patience);
        }
        order.push_back(&out);
    }
    Duration took = std::chrono::seconds{1};
    std::vector<const world::Answer*> order;
};

TEST_F(InLine, WhatFitsOnceOthersEndWaitsForThem) {
    start();
    world::Answer first;
    world::Answer second;
    world::Answer third;
    runtime::TaskGroup tasks;
    tasks.spawn(one(first));
    tasks.spawn(one(second));
    tasks.spawn(one(third));
    ASSERT_TRUE(
        machine.scheduler.run_until([&] { return tasks.size() == 0; }, std::chrono::minutes{1}));
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(third.status, 200);
    EXPECT_EQ(seen.size(), 3u);
    EXPECT_TRUE(records<ledger::RefusalRecord>().empty());
    EXPECT_THAT(order, testing::ElementsAre(&first, &second, &third));
    EXPECT_TRUE(weir->treasury().books_balance());
}

TEST_F(InLine, AfterItsTimeACallIsToldBusy) {
    took = std::chrono::seconds{20};
    start();
    world::Answer first;
    world::Answer second;
    runtime::TaskGroup tasks;
    tasks.spawn(one(first));
    tasks.spawn(one(second));
    MonoTime begun = machine.scheduler.now();
    ASSERT_TRUE(
        machine.scheduler.run_until([&] { return !order.empty(); }, std::chrono::minutes{1}));
    EXPECT_EQ(order.front(), &second);
    EXPECT_EQ(second.status, 429);
    EXPECT_THAT(second.body, HasSubstr("budget_busy"));
    EXPECT_GE(machine.scheduler.now() - begun, std::chrono::seconds{5});
    EXPECT_LT(machine.scheduler.now() - begun, std::chrono::seconds{6});
    ASSERT_TRUE(
        machine.scheduler.run_until([&] { return tasks.size() == 0; }, std::chrono::minutes{1}));
    EXPECT_EQ(first.status, 200);
}

TEST_F(InLine, WhoHangsUpLeavesTheLine) {
    start();
    world::Answer first;
    world::Answer second;
    world::Answer third;
    runtime::TaskGroup tasks;
    tasks.spawn(one(first));
    tasks.spawn(one(second, {.limit = milliseconds{300}}));
    tasks.spawn(one(third));
    ASSERT_TRUE(
        machine.scheduler.run_until([&] { return tasks.size() == 0; }, std::chrono::minutes{1}));
    EXPECT_EQ(second.status, 0);
    EXPECT_EQ(third.status, 200);
    EXPECT_EQ(seen.size(), 2u) << "nothing was sent for who had left";
}

TEST_F(InLine, WithoutTheOptionItIsToldAtOnce) {
    company.policy.limits.busy_wait_ms = 0;
    start();
    world::Answer first;
    world::Answer second;
    runtime::TaskGroup tasks;
    tasks.spawn(one(first));
    tasks.spawn(one(second));
    ASSERT_TRUE(
        machine.scheduler.run_until([&] { return tasks.size() == 0; }, std::chrono::minutes{1}));
    EXPECT_EQ(order.front(), &second);
    EXPECT_EQ(second.status, 429);
}

}  // namespace
}  // namespace weir::gateway
