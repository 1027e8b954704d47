// What an operator stops: new calls are refused, open ones end at once, and the ledger says which.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;
using world::Reply;
using Json = nlohmann::json;

class Stops : public RoadTest {
 protected:
    // One conversation that goes on while the test does something else.
    struct Open {
        world::Conversation conversation;
        world::Answer answer;
        bool done = false;
    };
    static runtime::Task<void> converse(Open& open, std::string bytes) {
        co_await world::send_all(open.conversation, std::move(bytes));
        open.answer = co_await world::read_answer(open.conversation);
        open.done = true;
    }
    std::unique_ptr<Open> begin(std::string bytes) {
        auto open = std::make_unique<Open>(Open{connect(), {}, false});
        tasks_.spawn(converse(*open, std::move(bytes)));
        machine.scheduler.run_for(seconds{2});
        return open;
    }
    // Tells the road, and how long it took until the call had its answer.
    Duration stop(Open& open, std::vector<core::Condition> where) {
        const MonoTime told = machine.scheduler.now();
        tell({{.id = 1, .where = std::move(where), .reason = "it loops"}});
        machine.scheduler.run_until([&] { return open.done; }, seconds{120});
        return machine.scheduler.now() - told;
    }
    void tell(std::vector<core::StopRule> stops) {
        company.policy.stops = std::move(stops);
        weir->road().take_policy(company.snapshot());
    }
    static std::string stream_body() { return chat_body(R"(,"max_tokens":100,"stream":true)"); }
    void drips() {
        provider = [](const world::Received&) {
            return world::stream_of(world::chat_events({.input = 100, .output = 7}, {.pieces = 50}),
                                    seconds{1});
        };
    }

    runtime::TaskGroup tasks_;
};

const std::vector<core::Condition> kSupport{{core::Dimension::team, {"support"}}};

TEST_F(Stops, NewCallsAreRefusedForGoodAndTakeNoMoney) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    company.policy.stops = {{.id = 1, .where = kSupport, .reason = "it loops", .actor = "ada"}};
    auto answer = chat(chat_body());
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.field("x-should-retry"), "false");
    auto error = Json::parse(answer.body).at("error");
    EXPECT_EQ(error.at("code"), "stopped");
    EXPECT_THAT(error.at("message").get<std::string>(), HasSubstr("team=support: it loops"));
    EXPECT_THAT(answer.body, Not(HasSubstr("ada")));
    EXPECT_TRUE(seen.empty());
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_EQ(records<ledger::RefusalRecord>().at(0).error, ErrorCode::stopped);
    tell({});
    EXPECT_EQ(chat(chat_body()).status, 200) << "resumed";
}

TEST_F(Stops, AnOpenStreamEndsWithAnErrorWithinASecond) {
    company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
    drips();
    auto open = begin(chat_request(stream_body()));
    EXPECT_LE(stop(*open, kSupport), seconds{1});
    EXPECT_EQ(open->answer.status, 200);
    EXPECT_THAT(open->answer.body, HasSubstr("it loops"));
    EXPECT_THAT(open->answer.body, Not(HasSubstr("[DONE]")));
    settle_down(seconds{1});
    auto end = only_end();
    EXPECT_EQ(end.state, ledger::EndState::unknown);
    EXPECT_EQ(end.outcome.error, ErrorCode::stopped);
    EXPECT_EQ(end.charge, end.bound) << "nobody knows what the provider did";
    EXPECT_EQ(figures(1).held, 0);
}

TEST_F(Stops, ACallThatWaitsForItsAnswerEndsToo) {
    provider = [](const world::Received&) {
        Reply reply = world::answer(200, "application/json", world::chat_answer({.input = 10}));
        reply.pieces[0].after = seconds{20};
        return reply;
    };
    auto open = begin(chat_request(chat_body()));
    EXPECT_LE(stop(*open, {}), seconds{1});
    EXPECT_EQ(open->answer.status, 403);
    EXPECT_THAT(open->answer.body, HasSubstr("stopped everything"));
}

TEST_F(Stops, AStreamWhoseClientDoesNotReadEndsToo) {
    provider = [](const world::Received&) {
        return world::stream_of(world::chat_events({.input = 100, .output = 7}, {.pieces = 60'000}),
                                {});
    };
    company.policy.limits.client_idle_timeout_ms = 60'000;
    auto slow = connect({.window = 4'096});
    bool sent = false;
    tasks_.spawn(send(slow, chat_request(stream_body()), sent));
    machine.scheduler.run_for(seconds{5});
    ASSERT_EQ(weir->open_calls(), 1u);
    tell({{.id = 1, .where = kSupport}});
    settle_down(seconds{1});
    EXPECT_EQ(only_end().outcome.error, ErrorCode::stopped);
}

TEST_F(Stops, OthersGoOn) {
    drips();
    auto open = begin(chat_request(stream_body()));
    EXPECT_GT(stop(*open, {{core::Dimension::team, {"research"}}}), seconds{20});
    EXPECT_THAT(open->answer.body, HasSubstr("[DONE]"));
    EXPECT_EQ(only_end().state, ledger::EndState::settled);
}

TEST_F(Stops, ManyAtOnceEndAndNoneIsForgotten) {
    drips();
    std::vector<std::unique_ptr<Open>> all;
    for (int i = 0; i < 20; ++i) all.push_back(begin(chat_request(stream_body())));
    tell({{.id = 1, .where = kSupport}});
    settle_down(seconds{1});
    EXPECT_EQ(ends().size(), 20u);
    for (const auto& end : ends()) EXPECT_EQ(end.outcome.error, ErrorCode::stopped);
}

}  // namespace
}  // namespace weir::gateway
