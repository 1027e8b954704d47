#include <gmock/gmock.h>
#include <set>

#include "admin/admin_fixture.h"
#include "admin/call_json.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;

// The budgets that the sample records of calls are held against, under the ids they name.
std::vector<core::BudgetSpec> sample_budgets() {
    core::BudgetSpec pot{.id = 7, .name = "organisation", .amount = Money::from_usd(500).pico()};
    core::BudgetSpec tokens{.id = 8,
                            .name = "ticket",
                            .by = core::Dimension::trajectory,
                            .unit = core::BudgetUnit::tokens,
                            .amount = 1'000};
    return {pot, tokens};
}

class CallsTest : public AdminTest {
 protected:
    void name_budgets() {
        auto next = std::make_shared<core::Policy>(*policy);
        next->budgets = sample_budgets();
        policy = next;
    }
};

TEST_F(CallsTest, CallIsFoundAsSoonAsItEnded) {
    settle(5, 5);
    const Reply reply = get("/calls/" + store::attempt(5).call.text());
    ASSERT_EQ(reply.status, 200) << reply.text;
    EXPECT_EQ(reply.body["state"], "settled");
    // The id of an attempt names its call.
    EXPECT_EQ(get("/calls/" + store::attempt(5).text()).body, reply.body);
    settle(6, 6);
    EXPECT_EQ(get("/calls").body["calls"].size(), 2u);
}

TEST_F(CallsTest, UnknownAndMistypedIdsAreToldApart) {
    EXPECT_EQ(get("/calls/" + store::attempt(99).call.text()).status, 404);
    EXPECT_EQ(get("/calls/call_x").status, 400);
}

TEST_F(CallsTest, PagesHoldEveryCallOnce) {
    settle(1, 23);
    write(store::refusal_of(store::attempt(24)));
    std::set<std::string> seen;
    std::size_t rows = 0;
    std::string after;
    do {
        const Reply page = get("/calls?limit=5" + (after.empty() ? "" : "&after=" + after));
        for (const Json& call : page.body["calls"]) {
            seen.insert(call["call"]);
            ++rows;
        }
        after = page.body["next"].is_null() ? "" : page.body["next"].get<std::string>();
    } while (!after.empty());
    EXPECT_EQ(rows, 24u);
    EXPECT_EQ(seen.size(), 24u);
}

TEST_F(CallsTest, FiltersNarrowByWhatTheyName) {
    settle(1, 12);
    write(store::admit_of(store::attempt(13)));
    write(store::end_of(store::attempt(13), ledger::EndState::unknown));
    write(store::refusal_of(store::attempt(14)));
    const auto count = [&](const std::string& query) {
        return get("/calls?" + query).body["calls"].size();
    };
    EXPECT_EQ(count("team=support"), 4u);
    EXPECT_EQ(count("trajectory=ticket+2"), 3u);
    EXPECT_EQ(count("key=k-odd&team=research"), 5u);
    EXPECT_EQ(count("unproven=true"), 1u);
    EXPECT_EQ(count("errors=true"), 2u);
    EXPECT_EQ(count("state=refused"), 1u);
    EXPECT_EQ(count("model=gpt-6-luna&provider=openai"), 14u);
    EXPECT_EQ(count("asked_model=other"), 0u);
    EXPECT_EQ(count("from=2026-11-24T03:00:03Z&until=2026-11-24T03:00:05Z"), 2u);
}

TEST_F(CallsTest, FollowTellsEachNewCallOnce) {
    settle(1, 3);
    ASSERT_TRUE(bookkeeper->flush());
    Reply reply = get("/calls/follow");
    EXPECT_EQ(reply.body["calls"].size(), 0u);
    const std::string start = reply.body["place"];
    settle(4, 6);
    write(store::refusal_of(store::attempt(9)));
    ASSERT_TRUE(bookkeeper->flush());
    reply = get("/calls/follow?team=support&place=" + start);
    ASSERT_EQ(reply.body["calls"].size(), 2u) << reply.text;
    EXPECT_EQ(reply.body["calls"][0]["call"], store::attempt(6).call.text());
    reply = get("/calls/follow?place=" + reply.body["place"].get<std::string>());
    EXPECT_EQ(reply.body["calls"].size(), 0u);
}

TEST_F(CallsTest, MoneyIsToldToThePicoDollarAndAddsUp) {
    write(store::admit_of(store::attempt(1)));
    ledger::EndRecord end = store::end_of(store::attempt(1));
    end.bill.charges[0].rate = Rate::from_femto(1'000'001'003);
    end.bill.charges[0].cost = round_half_even(femto_cost(300, end.bill.charges[0].rate));
    end.cost = end.charge = end.bill.charges[0].cost + end.bill.charges[1].cost;
    write(end);
    const Json call = get("/calls/" + store::attempt(1).call.text()).body;
    const Json charge = call["attempts"][0]["charges"][0];
    EXPECT_EQ(charge["class"], "input");
    EXPECT_EQ(charge["quantity"], 300);
    EXPECT_EQ(charge["usd_per_million"], "1.000001003");
    EXPECT_EQ(charge["cost_usd"], "0.000300000301");
    EXPECT_EQ(call["attempts"][0]["charges"][1]["cost_usd"], "0.0006");
    EXPECT_EQ(call["cost_usd"], "0.000900000301");
}

TEST_F(CallsTest, RefusalCarriesTheFiguresThatItWasDecidedBy) {
    name_budgets();
    write(store::refusal_of(store::attempt(2)));
    const Json call = get("/calls/" + store::attempt(2).call.text()).body;
    EXPECT_EQ(call["state"], "refused");
    EXPECT_EQ(call["http_status"], 402);
    EXPECT_EQ(call["error"], "budget_exhausted");
    const Json part = call["attempts"][0]["budgets"][0];
    EXPECT_EQ(part["budget"], "organisation");
    EXPECT_EQ(part["amount"], "500.00");
    EXPECT_EQ(part["used"], "0.000000000012");
    EXPECT_EQ(part["asked"], "0.002");
    EXPECT_EQ(part["refused"], true);
    EXPECT_EQ(part["window"]["end"], "2026-12-01T00:00:00Z");
    EXPECT_EQ(call["attempts"][0]["budgets"][1]["unit"], "tokens");
    EXPECT_EQ(call["attempts"][0]["budgets"][1]["asked"], "1924");
}

TEST_F(CallsTest, DimensionsSayWhereTheyCameFrom) {
    settle(3, 3);
    const Json call = get("/calls/" + store::attempt(3).call.text()).body;
    EXPECT_EQ(call["attribution"]["team"], Json({{"value", "support"}, {"from", "key"}}));
    EXPECT_EQ(call["attribution"]["application"], Json({{"value", "desk"}, {"from", "header"}}));
    EXPECT_EQ(call["ignored"], Json::array({"environment"}));
    EXPECT_EQ(call["tags"][0], Json({{"name", "customer"}, {"value", "Grü\"n"}}));
    EXPECT_EQ(call["attempts"][0]["client"]["address"], "127.0.0.1");
    EXPECT_EQ(call["attempts"][0]["notes"], Json::array({"injected include_usage"}));
}

TEST_F(CallsTest, OwnerSeesNeitherAddressesNorOthersPots) {
    name_budgets();
    // As the books name a trajectory's instance.
    ledger::AdmitRecord admit = store::admit_of(store::attempt(3));
    admit.parts[1].instance = "support/ticket 3";
    write(admit);
    ledger::RefusalRecord refusal = store::refusal_of(store::attempt(4));
    write(refusal);
    ASSERT_TRUE(bookkeeper->flush());
    const Json own = Json::parse(
        call_json(queries->call(store::attempt(3).call).value(), *policy, CallView::owner));
    EXPECT_FALSE(own["attempts"][0].contains("client"));
    ASSERT_EQ(own["attempts"][0]["budgets"].size(), 1u);
    EXPECT_EQ(own["attempts"][0]["budgets"][0]["budget"], "ticket");
    // The pot that refused is named, or nobody could tell why.
    const Json refused = Json::parse(
        call_json(queries->call(store::attempt(4).call).value(), *policy, CallView::owner));
    ASSERT_EQ(refused["attempts"][0]["budgets"].size(), 1u);
    EXPECT_EQ(refused["attempts"][0]["budgets"][0]["budget"], "organisation");
    // Over the admin API, too.
    const std::string path = "/calls/" + store::attempt(3).call.text();
    const std::string owner = mint(store::KeyRole::team_owner, "support");
    name_budgets();
    EXPECT_EQ(get(path, owner).body, own);
    EXPECT_GT(get(path).body["attempts"][0]["budgets"].size(), 1u);
}

TEST_F(CallsTest, SpendSumsByDimensionsAndBuckets) {
    settle(1, 6);
    const Json spend = get("/spend?by=team,model").body;
    ASSERT_EQ(spend["rows"].size(), 2u);
    EXPECT_EQ(spend["rows"][0]["by"], Json({{"team", "research"}, {"model", "gpt-6-luna"}}));
    EXPECT_EQ(spend["rows"][0]["cost_usd"], "0.0036");
    EXPECT_EQ(spend["total"]["cost_usd"], "0.0054");
    EXPECT_EQ(spend["total"]["calls"], 6);
    EXPECT_EQ(spend["total"]["tokens"]["output"], 720);
    EXPECT_EQ(spend["from"], "2026-11-01T00:00:00Z");
    const Json days = get("/spend?bucket=day&team=support&from=2026-11-01&until=2026-12-01").body;
    ASSERT_EQ(days["rows"].size(), 1u);
    EXPECT_EQ(days["rows"][0]["start"], "2026-11-24T00:00:00Z");
    EXPECT_EQ(days["total"]["calls"], 2);
    EXPECT_EQ(get("/spend?from=2026-12-01&until=2026-11-01").status, 400);
}

TEST_F(CallsTest, BudgetsShowWhatIsUsedHeldAndLeft) {
    core::BudgetSpec spec;
    spec.name = "each";
    spec.by = core::Dimension::team;
    spec.amount = Money::from_usd(10).pico();
    spec = directory->put_budget(spec, "api", {"setup", clock.now}).value();
    ASSERT_TRUE(publish());
    const Int128 usd = Money::kPicoPerUsd;
    figures = {{spec.id, "support", store::kMonth, 10 * usd, 3 * usd, usd, 0},
               {spec.id, "research", store::kMonth, 10 * usd, 11 * usd, 0, usd},
               {4711, "of a budget that is gone", store::kMonth, 1, 1, 1, 1}};
    const Json budget = get("/budgets").body["budgets"][0];
    EXPECT_EQ(budget["unit"], "usd");
    EXPECT_EQ(budget["by"], "team");
    ASSERT_EQ(budget["instances"].size(), 2u);
    EXPECT_EQ(budget["instances"][0]["instance"], "research");  // the fullest first
    EXPECT_EQ(budget["instances"][0]["remaining"], "0.00");
    EXPECT_EQ(budget["instances"][0]["overrun"], "1.00");
    EXPECT_EQ(budget["instances"][1]["used"], "3.00");
    EXPECT_EQ(budget["instances"][1]["held"], "1.00");
    EXPECT_EQ(budget["instances"][1]["remaining"], "6.00");
    const Json one = get("/budgets/each?limit=1").body;
    EXPECT_EQ(one["instances"].size(), 1u);
    EXPECT_EQ(one["instances_total"], 2);
    EXPECT_EQ(get("/budgets/each?instance=support").body["instances_total"], 1);
    EXPECT_EQ(get("/budgets/none").status, 404);
}

}  // namespace
}  // namespace weir::admin
