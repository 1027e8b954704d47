// Access rules on every path that leads to a model (peers.md: aliases, prefixes, pass-through), and
// rules that only watch.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

class AccessRules : public RoadTest {
 protected:
    void only(std::vector<std::string> models) {
        company.policy.access = {{.name = "small-only",
                                  .where = {{core::Dimension::team, {"support"}}},
                                  .models = std::move(models)}};
    }
    static std::string asking(std::string_view model) {
        return Json{{"model", model},
                    {"max_tokens", 100},
                    {"messages", {{{"role", "user"}, {"content", "hello"}}}}}
            .dump();
    }
    int status(std::string_view model, Fields more = {}) {
        return chat(asking(model), std::move(more)).status;
    }
};

TEST_F(AccessRules, NoWayLeadsAroundARule) {
    company.policy.routes["fast"] = {.targets = {{"openai", "sim-small"}}};
    company.policy.routes["sly"] = {.targets = {{"openai", "sim-large"}}};
    only({"sim-small"});
    EXPECT_EQ(status("sim-small"), 200);
    EXPECT_EQ(status("fast"), 200) << "an alias of what is allowed";
    const std::size_t sent = seen.size();
    EXPECT_EQ(status("sim-large"), 403);
    EXPECT_EQ(status("openai/sim-large"), 403);
    EXPECT_EQ(status("sly"), 403) << "an alias of what is not";
    EXPECT_EQ(status("sim-large", {{"x-weir-team", "research"}}), 403);
    EXPECT_EQ(status("no-such-model"), 403) << "what may not be used is not told of either";
    EXPECT_EQ(call(messages_request(asking("claude-sim"))).status, 403);
    EXPECT_EQ(call(responses_request(R"({"model":"sim-large","input":"hello"})")).status, 403);
    EXPECT_EQ(call(world::request("POST", "/v1/embeddings",
                                  {{"authorization", "Bearer " + company.support_key}},
                                  R"({"model":"sim-embed","input":"hello"})"))
                  .status,
              403);
    EXPECT_EQ(call(world::request("POST", "/v1/messages/count_tokens",
                                  {{"x-api-key", company.support_key}}, asking("claude-sim")))
                  .status,
              403)
        << "also where nothing is billed";
    EXPECT_EQ(seen.size(), sent);
}

TEST_F(AccessRules, ARefusalNamesTheRuleAndIsWrittenDown) {
    only({"sim-small"});
    auto answer = chat(asking("sim-large"));
    EXPECT_EQ(answer.status, 403);
    EXPECT_THAT(answer.body, HasSubstr("model_not_allowed"));
    EXPECT_THAT(answer.body, HasSubstr("small-only"));
    auto refusals = records<ledger::RefusalRecord>();
    ASSERT_EQ(refusals.size(), 1u);
    EXPECT_EQ(refusals[0].error, ErrorCode::model_not_allowed);
}

TEST_F(AccessRules, OfOthersAreNotAsked) {
    only({"sim-small"});
    EXPECT_EQ(call(world::request("POST", "/v1/chat/completions",
                                  {{"authorization", "Bearer " + company.research_key}},
                                  asking("sim-large")))
                  .status,
              200);
}

TEST_F(AccessRules, ProvidersAndEndpointsAreRuledToo) {
    company.policy.access = {{.name = "no-openai", .providers = {"anthropic"}}};
    EXPECT_EQ(status("sim-small"), 403);
    EXPECT_EQ(call(world::request("GET", "/v1/models",
                                  {{"authorization", "Bearer " + company.support_key}}, ""))
                  .status,
              403);
    weir.reset();
    company.policy.access = {{.name = "chat-only", .endpoints = {"chat_completions"}}};
    EXPECT_EQ(status("sim-small"), 200);
    EXPECT_EQ(call(responses_request(R"({"model":"sim-small","input":"hello"})")).status, 403);
}

TEST_F(AccessRules, AnObservedRuleIsToldAndWrittenDown) {
    only({"sim-small"});
    company.policy.access[0].observe = true;
    auto answer = chat(asking("sim-large"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-observed"), "small-only");
    EXPECT_THAT(only_end().outcome.notes,
                testing::Contains("access rule small-only would have refused it, were it applied"));
    EXPECT_EQ(chat(asking("sim-small")).field("x-weir-observed"), "");
}

TEST_F(AccessRules, AnObservedBudgetIsToldWhenItWouldHaveRefused) {
    auto watched = team_budget(1, "support", 1);
    watched.observe = true;
    company.policy.budgets = {watched, team_budget(2, "support", Int128{1} << 60)};
    auto answer = chat(asking("sim-small"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-weir-observed"), "team support");
    EXPECT_FALSE(records<ledger::AdmitRecord>().at(0).parts.at(0).blocks);
}

TEST_F(AccessRules, WhileAllIsObservedNothingIsHeldBackAndAllIsTold) {
    only({"sim-small"});
    company.policy.budgets = {team_budget(1, "support", 1)};
    core::RateLimitSpec rate;
    rate.name = "slowly";
    rate.requests = 1;
    rate.burst = std::chrono::seconds{60};
    company.policy.rate_limits = {rate};
    const UnixTime now = machine.clock.unix_now();
    company.policy.observing = {now + std::chrono::hours{1}, "incident", "ops", now};
    EXPECT_EQ(chat(asking("sim-large")).field("x-weir-observed"), "team support, small-only");
    auto second = chat(asking("sim-large"));
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(second.field("x-weir-observed"), "team support, slowly, small-only");
    settle_down();
    EXPECT_GT(figures(1).settled, 1) << "counted all the same";
    machine.scheduler.run_for(std::chrono::hours{1});
    EXPECT_EQ(chat(asking("sim-large")).status, 403) << "it has ended by itself";
    EXPECT_EQ(chat(asking("sim-small")).status, 400) << "too large for its budget again";
}

}  // namespace
}  // namespace weir::gateway
