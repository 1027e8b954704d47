// Other budgets over a time of the ledger, asked over the API.
#include <gmock/gmock.h>

#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;

class SimulateTest : public AdminTest {
 protected:
    // Over the fixture's calls: $0.0009 each, one a second, every third of support.
    Reply simulate(const std::string& more, const std::string& key = std::string{kOperator}) {
        return post("/budgets/simulate", R"({"from":"2026-11-24T03:00:00Z")" + more + "}", key);
    }
};

TEST_F(SimulateTest, TellsWhatWouldHaveBeenRefusedWhenAndWhose) {
    settle(1, 30);
    const Reply reply = simulate(R"(,"budgets":{"teams":{"by":"team","usd":"0.01"}})");
    ASSERT_EQ(reply.status, 200) << reply.text;
    EXPECT_EQ(reply.body["seen"]["calls"], 30);
    EXPECT_EQ(reply.body["seen"]["cost_usd"], "0.027");
    ASSERT_EQ(reply.body["budgets"].size(), 1u);
    const Json& budget = reply.body["budgets"][0];
    EXPECT_EQ(budget["name"], "teams");
    EXPECT_EQ(budget["kind"], "hard outside production");
    // Of research 20 calls, of which 9 leave less than a bound; of support all ten fit but the
    // last.
    EXPECT_EQ(budget["instances"][0]["instance"], "research");
    EXPECT_EQ(budget["instances"][0]["refused"]["calls"], 11);
    EXPECT_EQ(budget["instances"][0]["refused"]["cost_usd"], "0.0099");
    EXPECT_EQ(budget["instances"][0]["refused_at"].get<std::string>().substr(0, 17),
              "2026-11-24T03:00:");
    EXPECT_EQ(budget["by_team"][0]["team"], "research");
    EXPECT_EQ(budget["refused"]["calls"], reply.body["refused"]["calls"]);
    EXPECT_FALSE(reply.body["notes"].empty());
}

TEST_F(SimulateTest, WhatIsGivenIsLaidOverWhatIsInForce) {
    settle(1, 10);
    ask("PUT", "/admin/v1/budgets/pot", R"({"usd":"100"})");
    ask("PUT", "/admin/v1/budgets/other", R"({"calls":3})");
    ask("PUT", "/admin/v1/budgets/loops", R"({"repeats":3})");
    const Reply both = simulate(R"(,"budgets":{"pot":{"usd":"0.005"}})");
    ASSERT_EQ(both.body["budgets"].size(), 2u) << both.text;
    EXPECT_GT(both.body["refused"]["calls"], 0);
    EXPECT_THAT(both.text, HasSubstr("Budget loops is left out"));
    const Reply alone = simulate(R"(,"only":true,"budgets":{"pot":{"usd":"0.005"}})");
    ASSERT_EQ(alone.body["budgets"].size(), 1u);
    EXPECT_EQ(alone.body["budgets"][0]["name"], "pot");
    // None given: those in force.
    EXPECT_EQ(simulate("").body["budgets"].size(), 2u);
    // Nothing was changed by any of it.
    EXPECT_EQ(get("/budgets/pot").body["amount"], "100.00");
    EXPECT_EQ(get("/audit?limit=1").body["audit"][0]["subject"], "budget:loops");
}

TEST_F(SimulateTest, GivenBudgetsKnowTeamsAttributesAndTheZone) {
    settle(1, 30);
    ask("PATCH", "/admin/v1/teams/support", R"({"attributes":{"department":"service"}})");
    const Reply of_team = simulate(
        R"(,"budgets":{"service":{"where":{"department":"service"},"calls":4,"window":"total"}})");
    EXPECT_EQ(of_team.body["refused"]["calls"], 6) << of_team.text;
    // Where the day begins in the middle of the calls, their second half has a day of its own.
    auto placed = std::make_shared<core::Policy>(*policy);
    const std::int64_t to_midnight = 86'400 - (store::kNoon + 16) % 86'400;
    placed->zone = std::make_shared<const core::Zone>("Test/Place", to_midnight,
                                                      std::vector<core::Zone::Shift>{});
    const std::string daily = R"(,"budgets":{"daily":{"calls":10,"window":"day"}})";
    EXPECT_EQ(simulate(daily).body["refused"]["calls"], 20);
    policy = placed;
    EXPECT_EQ(simulate(daily).body["refused"]["calls"], 10);
}

TEST_F(SimulateTest, ReplaysAtOtherPrices) {
    settle(1, 10);
    const std::string budget = R"(,"budgets":{"pot":{"usd":"100"}},"prices":)";
    const Reply dear = simulate(
        budget +
        R"({"prices":[{"provider":"openai","model":"gpt-6-luna","input":2,"output":10}]})");
    ASSERT_EQ(dear.status, 200) << dear.text;
    EXPECT_EQ(dear.body["seen"]["cost_usd"], "0.018");
    const Reply yaml = simulate(
        budget + R"("prices:\n - {provider: openai, model: 'gpt-6-*', input: 0, output: 50}\n")");
    EXPECT_EQ(yaml.body["seen"]["cost_usd"], "0.06") << yaml.text;
    const Reply neither = simulate(budget + R"("no prices")");
    EXPECT_EQ(neither.status, 400);
    EXPECT_THAT(neither.message(), HasSubstr("neither a catalogue nor negotiated rates"));
}

TEST_F(SimulateTest, WrongQuestionsSayWhatIsWrong) {
    const std::pair<std::string, const char*> bodies[] = {
        {R"({})", "'from' is required"},
        {R"({"from":"yesterday"})", "'from' must be a time"},
        {R"({"from":"2026-11-25"})", "before it begins"},
        {R"({"from":"2026-11-01","until":"2026-10-01"})", "before it begins"},
        {R"({"from":"2026-11-01"})", "from 1 to 1000 budgets"},
        {R"({"from":"2026-11-01","budget":{}})", "did you mean 'budgets'"},
        {R"({"from":"2026-11-01","budgets":[]})", "an object of objects"},
        {R"({"from":"2026-11-01","budgets":{"a":{"usd":"x"}}})", "Budget a: 'usd' must be"},
        {R"({"from":"2026-11-01","budgets":{"a":{"usd":"1","except":{"b":"2"}}}})", "no 'by'"},
        {R"({"from":"2026-11-01","prices":5})", "must be a document"},
    };
    for (const auto& [body, why] : bodies) {
        const Reply refused = post("/budgets/simulate", body);
        EXPECT_EQ(refused.status, 400) << body;
        EXPECT_THAT(refused.message(), HasSubstr(why)) << body;
    }
}

TEST_F(SimulateTest, OneAtATimeAndNotByATeamsOwner) {
    const std::string pot = R"(,"budgets":{"pot":{"usd":"1"}})";
    EXPECT_EQ(simulate(pot, mint(store::KeyRole::team_owner, "support")).status, 403);
    EXPECT_EQ(simulate(pot, mint(store::KeyRole::viewer)).status, 200);
    busy = true;
    const Reply second = simulate(pot);
    EXPECT_EQ(second.status, 409);
    EXPECT_THAT(second.message(), HasSubstr("ask again"));
}

}  // namespace
}  // namespace weir::admin
