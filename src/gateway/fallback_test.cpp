// Routes with more than one target: what is tried next, what is not, and what it costs.
#include <algorithm>
#include <gmock/gmock.h>
#include <map>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using world::Received;
using world::Reply;

constexpr std::string_view kMax = R"(,"max_tokens":100)";

std::string joined(const std::vector<std::string>& events) {
    std::string out;
    for (const auto& e : events) out += e;
    return out;
}

// "both": the vendor's model first, then a server of one's own.
class Fallback : public RoadTest {
 protected:
    Fallback() {
        company.policy.routes["both"].targets = {{"openai", "sim-small"}, {"local", "sim-open"}};
        provider = [this](const Received& r) {
            return r.field("host") == world::kOpenAi ? openai(r) : local(r);
        };
    }
    static Reply good() {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 2}));
    }
    static Reply error(int status, std::string_view type = "server_error",
                       std::string_view fields = {}) {
        return world::answer(status, "application/json", world::openai_error(type, "no"), fields);
    }
    static Reply too_long() {
        return world::answer(400, "application/json",
                             R"({"error":{"type":"invalid_request_error",)"
                             R"("code":"context_length_exceeded","message":"no"}})");
    }
    static Reply silence() {
        Reply reply;
        reply.end = Reply::End::hang;
        return reply;
    }
    world::Answer ask_both(std::string_view more = kMax, Fields fields = {}) {
        return chat(chat_body(more, "both"), std::move(fields));
    }
    std::vector<std::string> hosts() const {
        std::vector<std::string> out;
        for (const Received& r : seen) out.emplace_back(r.field("host"));
        return out;
    }
    void wait(Duration d) {
        bool done = false;
        machine.scheduler.after(d, [&] { done = true; });
        EXPECT_TRUE(machine.scheduler.run_until([&] { return done; }, d * 2));
    }

    std::function<Reply(const Received&)> openai = [](const Received&) {
        return good();
    };
    std::function<Reply(const Received&)> local = [](const Received&) {
        return good();
    };
    const std::string first{world::kOpenAi};
    const std::string second{world::kLocal};
};

TEST_F(Fallback, AnOverloadedProviderIsFollowedByTheNextAndTheClientSeesWhoAnswered) {
    openai = [](const Received&) {
        return error(503, "overloaded");
    };
    auto answer = ask_both();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-provider"), "local");
    EXPECT_EQ(answer.field("x-weir-model"), "sim-open");
    EXPECT_EQ(answer.field("x-weir-attempts"), "2");
    EXPECT_EQ(hosts(), (std::vector{first, second}));
    auto both = ends();
    ASSERT_EQ(both.size(), 2u) << "each attempt has its entry";
    EXPECT_EQ(both[0].head.provider, "openai");
    EXPECT_EQ(both[0].state, ledger::EndState::released) << "an overload that bills nothing";
    EXPECT_EQ(both[1].head.id.ordinal, 2);
    EXPECT_THAT(both[1].outcome.notes,
                Contains("follows openai/sim-small, which came to overloaded"));
}

TEST_F(Fallback, EveryTroubleOfAProviderIsFollowed) {
    for (int status : {401, 403, 408, 409, 429, 500, 502, 504, 529}) {
        seen.clear();
        openai = [status](const Received&) {
            return error(status);
        };
        EXPECT_EQ(ask_both().status, 200) << status;
        EXPECT_EQ(seen.back().field("host"), second);
        wait(seconds{700});
    }
}

TEST_F(Fallback, WhatTheCallItselfDidWrongIsToldAtOnceAndAsItCame) {
    openai = [](const Received&) {
        return error(400, "invalid_request_error");
    };
    auto answer = ask_both();
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, world::openai_error("invalid_request_error", "no"));
    EXPECT_EQ(hosts(), std::vector{first});
}

TEST_F(Fallback, WhereNobodyAnswersTheClientGetsTheLastProvidersOwnError) {
    openai = [](const Received&) {
        return error(503, "overloaded");
    };
    local = [](const Received&) {
        return error(429, "rate_limit_error", "retry-after: 3\r\n");
    };
    auto answer = ask_both();
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.body, world::openai_error("rate_limit_error", "no"));
    EXPECT_EQ(answer.field("retry-after"), "3");
    EXPECT_EQ(answer.field("x-weir-provider"), "local");
    EXPECT_EQ(answer.field("x-weir-attempts"), "2");
}

TEST_F(Fallback, AHostThatIsGoneIsFollowed) {
    machine.internet.hosts.erase(first);
    EXPECT_EQ(ask_both().status, 200);
    EXPECT_EQ(hosts(), std::vector{second});
    EXPECT_EQ(ends().at(0).state, ledger::EndState::released);
}

TEST_F(Fallback, SilenceIsChargedAtItsBoundAndThenFollowed) {
    company.policy.budgets = {team_budget(1, "support", Money::from_usd(1).pico())};
    company.policy.routes["both"].first_byte_timeout_ms = 20'000;
    openai = [](const Received&) {
        return silence();
    };
    auto answer = ask_both();
    EXPECT_EQ(answer.status, 200);
    auto both = ends();
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(both[0].state, ledger::EndState::unknown);
    EXPECT_EQ(both[0].charge, both[0].bound);
    EXPECT_EQ(figures(1).settled, both[0].bound.pico());
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_EQ((both[1].at - both[0].head.admitted_at) / seconds{1}, 20);
}

TEST_F(Fallback, EachAttemptHasAnAdmissionOfItsOwn) {
    company.policy.routes["both"].targets = {{"openai", "sim-small"}, {"openai", "sim-large"}};
    company.policy.routes["both"].first_byte_timeout_ms = 20'000;
    openai = [](const Received&) {
        return silence();
    };
    start();
    const auto one = chat(chat_body(kMax, "openai/sim-small"));
    const Int128 bound = ends().at(0).bound.pico();
    seen.clear();
    weir->treasury().define({team_budget(1, "support", bound + 1)});
    auto answer = ask_both();
    EXPECT_EQ(answer.status, 504) << "what the first attempt met";
    EXPECT_EQ(hosts(), std::vector{first}) << "there is no money for a second";
    EXPECT_EQ(answer.field("x-weir-model"), "sim-small");
    EXPECT_EQ(answer.field("x-weir-attempts"), "1");
    EXPECT_EQ(figures(1).settled, bound);
}

TEST_F(Fallback, AStreamThatBeginsWithAnErrorIsFollowed) {
    openai = [](const Received&) {
        return world::stream_of({world::chat_error_event()});
    };
    const world::Spent spent{.input = 10, .output = 2};
    local = [&](const Received&) {
        return world::stream_of(world::chat_events(spent, {.usage = true}));
    };
    auto answer = ask_both(R"(,"max_tokens":100,"stream":true)");
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body, joined(world::chat_events(spent, {.usage = false})));
    EXPECT_EQ(answer.field("x-weir-provider"), "local");
}

TEST_F(Fallback, AStreamThatBeginsWithAnErrorIsShownWhereNobodyFollows) {
    company.policy.routes["both"].targets.pop_back();
    company.policy.routes["both"].targets.push_back({"openai", "sim-large"});
    openai = [](const Received&) {
        return world::stream_of({world::chat_error_event()});
    };
    auto answer = ask_both(R"(,"max_tokens":100,"stream":true)");
    EXPECT_EQ(seen.size(), 2u);
    EXPECT_THAT(answer.body, HasSubstr(world::chat_error_event()));
}

TEST_F(Fallback, OfAStreamThatHasBegunNothingIsReplayed) {
    openai = [](const Received&) {
        Reply reply = world::stream_of(world::chat_events({.input = 10, .output = 2}, {}));
        reply.pieces.resize(2);
        reply.end = Reply::End::reset;
        return reply;
    };
    auto answer = ask_both(R"(,"max_tokens":100,"stream":true)");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(hosts(), std::vector{first});
    EXPECT_THAT(answer.body, HasSubstr("provider_reset"));
    EXPECT_THAT(answer.body, Not(HasSubstr("[DONE]")));
}

TEST_F(Fallback, ARetryAfterIsObeyedAndThenOneCallFindsOut) {
    openai = [](const Received&) {
        return error(429, "rate_limit_error", "retry-after: 7\r\n");
    };
    ask_both();
    seen.clear();
    auto answer = ask_both();
    EXPECT_EQ(hosts(), std::vector{second});
    EXPECT_EQ(answer.field("x-weir-attempts"), "1");
    EXPECT_THAT(ends().back().outcome.notes,
                Contains(HasSubstr("openai/sim-small left out: cools for")));
    wait(seconds{7});
    openai = [](const Received&) {
        return good();
    };
    seen.clear();
    ask_both();
    EXPECT_EQ(hosts(), std::vector{first});
}

TEST_F(Fallback, ACooldownAloneRefusesNoCall) {
    openai = [](const Received&) {
        return error(429, "rate_limit_error", "retry-after: 90\r\n");
    };
    local = [](const Received&) {
        return error(429, "rate_limit_error", "retry-after: 60\r\n");
    };
    ask_both();
    seen.clear();
    local = [](const Received&) {
        return good();
    };
    EXPECT_EQ(ask_both().status, 200);
    EXPECT_EQ(hosts(), std::vector{second}) << "the one that is back soonest";
}

TEST_F(Fallback, WhoMayNotUseATargetNeverGetsThere) {
    for (auto& [id, key] : company.policy.keys) key.models = {"sim-small"};
    openai = [](const Received&) {
        return error(503, "overloaded");
    };
    auto answer = ask_both();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(hosts(), std::vector{first});
}

TEST_F(Fallback, WhoMayNotUseTheFirstTargetBeginsWithTheSecond) {
    core::AccessRule rule;
    rule.name = "own servers only";
    rule.providers = {"local"};
    company.policy.access = {rule};
    EXPECT_EQ(ask_both().status, 200);
    EXPECT_EQ(hosts(), std::vector{second});
}

TEST_F(Fallback, TroubleIsNotMadeLargerThanTheRetryBudget) {
    company.policy.limits.retry_percent = 0;
    openai = [](const Received&) {
        return too_long();
    };
    int followed = 0;
    for (int i = 0; i < 30; ++i) followed += ask_both().status == 200 ? 1 : 0;
    EXPECT_EQ(followed, core::RetryBudget::kSavedMax);
    seen.clear();
    ask_both();
    EXPECT_EQ(hosts(), std::vector{first});
}

TEST_F(Fallback, WhatIsTooLongGoesToNoModelOfTheSameWindow) {
    company.policy.routes["both"].targets.push_back({"openai", "sim-large"});
    ASSERT_EQ(world::price_of("sim-large")->context, world::price_of("sim-small")->context);
    openai = [](const Received&) {
        return too_long();
    };
    local = [](const Received&) {
        return too_long();
    };
    EXPECT_EQ(ask_both().status, 400);
    EXPECT_EQ(hosts(), (std::vector{first, second})) << "nobody knows how much the second takes";
}

TEST_F(Fallback, WhatAContentFilterRefusesGoesOnOnlyWhereTheRouteSaysSo) {
    openai = [](const Received&) {
        return error(400, "content_filter");
    };
    EXPECT_EQ(ask_both().status, 400);
    EXPECT_EQ(hosts(), std::vector{first});
    weir.reset();
    company.policy.routes["both"].filtered_goes_on = true;
    EXPECT_EQ(ask_both().status, 200);
}

TEST_F(Fallback, ATrajectoryStaysWhereItWentWhileThatIsWell) {
    openai = [](const Received&) {
        return error(429, "rate_limit_error", "retry-after: 5\r\n");
    };
    const Fields of_one{{"x-weir-trajectory", "t1"}};
    ask_both(kMax, of_one);
    wait(seconds{6});
    openai = [](const Received&) {
        return good();
    };
    seen.clear();
    ask_both(kMax, of_one);
    ask_both(kMax, of_one);
    EXPECT_EQ(hosts(), (std::vector{second, second})) << "its cache is there";
    seen.clear();
    ask_both(kMax, {{"x-weir-trajectory", "t2"}});
    EXPECT_EQ(hosts(), std::vector{first});
    local = [](const Received&) {
        return error(503, "overloaded");
    };
    seen.clear();
    ask_both(kMax, of_one);
    ask_both(kMax, of_one);
    EXPECT_EQ(hosts(), (std::vector{second, first, first})) << "it moved once";
}

TEST_F(Fallback, WithOneOfTwoKeysFailingEachTrajectoryMovesOnce) {
    for (auto& p : company.policy.providers) {
        if (p.name == "openai") p.more_keys = {Secret{"sk-second"}};
    }
    std::map<std::string, std::vector<std::string>> keys;  // by trajectory
    std::string now;
    bool second_fails = false;
    openai = [&](const Received& r) {
        std::string key{r.field("authorization")};
        keys[now].push_back(key);
        const bool fails = second_fails && key == "Bearer sk-second";
        return fails ? error(401, "invalid_api_key") : good();
    };
    auto turn = [&] {
        for (int t = 0; t < 20; ++t) {
            now = "t" + std::to_string(t);
            EXPECT_EQ(chat(chat_body(kMax), {{"x-weir-trajectory", now}}).status, 200);
        }
    };
    turn();
    turn();
    int on_second = 0;
    for (const auto& [t, used] : keys) {
        EXPECT_EQ(used[0], used[1]) << t;
        on_second += used[0] == "Bearer sk-second" ? 1 : 0;
    }
    EXPECT_GT(on_second, 3);
    EXPECT_LT(on_second, 17);
    second_fails = true;
    for (auto& [t, used] : keys) used.resize(1);
    turn();
    turn();
    int failed = 0;
    for (const auto& [t, used] : keys) {
        for (std::size_t i = 1; i < used.size(); ++i) failed += used[i] == "Bearer sk-second";
        EXPECT_EQ(used.back(), "Bearer " + std::string(world::kOpenAiSecret)) << t;
    }
    EXPECT_EQ(failed, 1) << "who met it first; the others left it alone";
}

// The ledger says of whom it was asked, and `weir why` what decided.
TEST_F(Fallback, ARefusalIsRecordedWithTheTargetThatWasAsked) {
    openai = [](const Received&) {
        return error(429, "rate_limit_error", "retry-after: 60\r\n");
    };
    ask_both();
    core::BudgetSpec none = team_budget(1, "support", 1);
    none.where.push_back({core::Dimension::model, {"sim-large"}});
    weir.reset();
    company.policy.routes["both"].targets = {{"openai", "sim-small"}, {"openai", "sim-large"}};
    company.policy.budgets = {none};
    ask_both();
    const auto answer = ask_both();
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.field("x-weir-model"), "sim-large");
    const auto refusals = records<ledger::RefusalRecord>();
    ASSERT_EQ(refusals.size(), 1u);
    EXPECT_EQ(refusals[0].head.model, "sim-large");
}

TEST_F(Fallback, ACallersOwnCredentialGoesToNobodyElse) {
    openai = [](const Received&) {
        return error(401, "invalid_api_key");
    };
    auto answer = call(
        world::request("POST", "/v1/chat/completions",
                       {{"authorization", "Bearer sk-own"}, {"x-weir-key", company.support_key}},
                       chat_body(kMax, "both")));
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(hosts(), std::vector{first});
    for (const auto& f : weir->targets().figures(machine.clock.mono_now())) {
        EXPECT_EQ(f.failures, 0u) << "a caller's wrong login says nothing of the provider";
    }
}

TEST_F(Fallback, NoAttemptBeginsAfterTheClientsOwnPatience) {
    company.policy.limits.first_byte_timeout_ms = 30'000;
    openai = [](const Received&) {
        return silence();
    };
    EXPECT_EQ(ask_both(kMax, {{"x-stainless-timeout", "20"}}).status, 504);
    EXPECT_EQ(hosts(), std::vector{first});
}

// Ten minutes in which three of ten requests come to errors, silence, resets and billed timeouts,
// at each of three providers.
TEST_F(Fallback, InAStormWhatCouldSucceedDoesAndNothingIsUncounted) {
    core::ProviderRecord third =
        *std::ranges::find(company.policy.providers, "spare", &core::ProviderRecord::name);
    third.name = "third";
    third.host = world::kAnthropic;
    company.policy.providers.push_back(third);
    company.policy.routes["storm"] = {
        .targets = {{"openai", "sim-small"}, {"spare", "sim-small"}, {"third", "sim-small"}},
        .first_byte_timeout_ms = 5'000};
    company.policy.limits.first_byte_timeout_ms = 5'000;
    company.policy.budgets = {team_budget(1, "support", Money::from_usd(1).pico())};
    SeededRng dice{11};
    std::map<std::string, int> faults;  // by the call's goal, as its body names it
    provider = [&](const Received& r) {
        if (dice.below(10) >= 3) return good();
        ++faults[r.body];
        switch (dice.below(5)) {
            case 0:
                return error(500);
            case 1:
                return error(503, "overloaded");
            case 2:
                return error(429, "rate_limit_error", "retry-after: 2\r\n");
            case 3:
                return silence();
            default:
                Reply reply;
                reply.end = Reply::End::reset;
                return reply;
        }
    };
    int succeeded = 0;
    int early = 0;  // failed before each had been tried: the others cooled
    int attempts = 0;
    constexpr int kCalls = 600;
    for (int i = 0; i < kCalls; ++i) {
        const std::string body =
            chat_body(R"(,"max_tokens":100,"user":"c)" + std::to_string(i) + '"', "storm");
        const auto answer = chat(body);
        const int made = std::atoi(std::string(answer.field("x-weir-attempts")).c_str());
        attempts += made;
        succeeded += answer.status == 200 ? 1 : 0;
        early += answer.status != 200 && made < 3 ? 1 : 0;
        wait(seconds{1});
    }
    EXPECT_GT(succeeded, kCalls * 95 / 100) << "0.3 to the third fail everywhere";
    EXPECT_LE(early, kCalls / 100);
    EXPECT_LE(attempts, kCalls * 3 / 2 + core::RetryBudget::kSavedMax);
    auto all = ends();
    EXPECT_EQ(all.size(), seen.size()) << "an entry for each request at a provider";
    Int128 charged = 0;
    for (const auto& end : all) {
        charged += end.charge.pico();
        if (end.outcome.http_status == 200) EXPECT_LT(end.outcome.first_byte_us, 50'000);
    }
    EXPECT_EQ(figures(1).settled, charged);
    EXPECT_EQ(figures(1).held, 0);
    EXPECT_LE(charged, Money::from_usd(1).pico());
}

}  // namespace
}  // namespace weir::gateway
