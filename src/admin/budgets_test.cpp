// Budgets that operators set: in force at once, counted from the ledger, and not those of the file.
#include <gmock/gmock.h>

#include "admin/admin_fixture.h"
#include "admin/budget_fields.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;

class BudgetsTest : public AdminTest {
 protected:
    Reply put(const std::string& name, const std::string& body,
              const std::string& key = std::string{kOperator}) {
        return ask("PUT", "/admin/v1/budgets/" + name, body, {{"authorization", "Bearer " + key}});
    }
    const core::BudgetSpec* in_force(std::string_view name) {
        const auto at = std::ranges::find(policy->budgets, name, &core::BudgetSpec::name);
        return at == policy->budgets.end() ? nullptr : &*at;
    }
};

TEST_F(BudgetsTest, WhatIsSetIsInForceWithAllItsTerms) {
    const Reply made = put("sandbox", R"({
        "where": {"environment": ["sandbox", "test-*"], "application": "chat"}, "by": "user",
        "usd": "20.5", "except": {"ada": "100"}, "window": "week", "alert_at": 50,
        "block_at": "100", "clamp": "off", "mode": "observe"})");
    ASSERT_EQ(made.status, 200) << made.text;
    EXPECT_EQ(made.body["amount"], "20.50");
    EXPECT_EQ(made.body["except"]["ada"], "100.00");
    EXPECT_EQ(made.body["where"]["environment"], Json({"sandbox", "test-*"}));
    const core::BudgetSpec* spec = in_force("sandbox");
    ASSERT_NE(spec, nullptr);
    EXPECT_EQ(spec->amount, Money::from_usd(20).pico() + Money::from_usd(1).pico() / 2);
    EXPECT_EQ(core::amount_for(*spec, "ada", {}), Money::from_usd(100).pico());
    EXPECT_EQ(spec->window, core::WindowKind::week);
    EXPECT_EQ(spec->alert_percent, 50);
    EXPECT_EQ(spec->blocking, core::Blocking::always);
    EXPECT_EQ(spec->clamp, core::Clamp::off);
    EXPECT_TRUE(spec->observe);
    EXPECT_EQ(get("/budgets/sandbox").body["clamp"], "off");
    const Json row = get("/audit?limit=1").body["audit"][0];
    EXPECT_EQ(row["action"], "budget.create");
    EXPECT_EQ(row["subject"], "budget:sandbox");
}

TEST_F(BudgetsTest, AChangeKeepsTheBudgetAndARemovalTakesIt) {
    const std::string first = put("pot", R"({"tokens":1000})").body["id"];
    EXPECT_EQ(put("pot", R"({"tokens":2000})").body["id"], first);
    EXPECT_EQ(in_force("pot")->amount, 2'000);
    EXPECT_EQ(ask("DELETE", "/admin/v1/budgets/pot").status, 200);
    EXPECT_EQ(in_force("pot"), nullptr);
    EXPECT_EQ(ask("DELETE", "/admin/v1/budgets/pot").status, 404);
}

TEST_F(BudgetsTest, WhatIsNoBudgetIsRefusedAndSaysWhy) {
    const std::pair<const char*, const char*> bodies[] = {
        {"{}", "one amount"},
        {R"({"usd":"1","calls":2})", "one amount"},
        {R"({"usd":"-1"})", "not negative"},
        {R"({"usd":1})", "'usd' must be"},
        {R"({"usd":"1","by":"colour"})", "no dimension"},
        {R"({"usd":"1","where":{"colour":"red"}})", "no dimension"},
        {R"({"usd":"1","where":{"team":[]}})", "'where' must be"},
        {R"({"usd":"1","where":"team"})", "'where' must be"},
        {R"({"usd":"1","window":"year"})", "'window' is one of: hour"},
        {R"({"usd":"1","clamp":"sometimes"})", "'clamp' is one of: off"},
        {R"({"usd":"1","by":"team","except":{"a":"lots"}})", "'except' gives"},
        {R"({"calls":1,"by":"team","except":{"a":"1.5"}})", "'except' gives"},
        {R"({"usd":"1","except":{"a":"2"}})", "no `by`"},
        {R"({"usd":"1","alert_to":5})", "did you mean 'alert_at'"},
    };
    for (const auto& [body, why] : bodies) {
        const Reply refused = put("pot", body);
        EXPECT_EQ(refused.status, 400) << body;
        EXPECT_THAT(refused.message(), HasSubstr(why)) << body;
    }
    EXPECT_EQ(in_force("pot"), nullptr);
}

TEST_F(BudgetsTest, WhatTheFileSetsIsChangedThere) {
    core::BudgetSpec spec;
    spec.name = "organisation";
    spec.amount = Money::from_usd(5).pico();
    ASSERT_TRUE(directory->apply_config_budgets({spec}, nullptr, {"configuration", clock.now}));
    ASSERT_TRUE(publish());
    const Reply refused = put("organisation", R"({"usd":"50000"})");
    EXPECT_EQ(refused.status, 409);
    EXPECT_THAT(refused.message(), HasSubstr("configuration file"));
    EXPECT_EQ(ask("DELETE", "/admin/v1/budgets/organisation").status, 409);
    EXPECT_EQ(in_force("organisation")->amount, Money::from_usd(5).pico());
}

TEST_F(BudgetsTest, ARaiseIsInForceAtOnceWhoeverSetTheBudgetAndIsAudited) {
    core::BudgetSpec spec{.name = "ticket", .by = core::Dimension::trajectory};
    spec.amount = Money::from_usd(2).pico();
    ASSERT_TRUE(directory->apply_config_budgets({spec}, nullptr, {"configuration", clock.now}));
    ASSERT_TRUE(publish());
    const std::string until = to_rfc3339(clock.now + std::chrono::hours{2});
    auto raise = [&](const std::string& body) {
        return ask("POST", "/admin/v1/budgets/ticket/raises", body);
    };
    const Reply raised = raise(R"({"amount":"5","until":")" + until +
                               R"(","reason":"incident 4711","instance":"support/t1"})");
    ASSERT_EQ(raised.status, 200) << raised.text;
    EXPECT_EQ(raised.body["raises"][0]["amount"], "5.00");
    EXPECT_EQ(raised.body["raises"][0]["until"], until);
    const core::BudgetSpec& now = *in_force("ticket");
    EXPECT_EQ(core::amount_for(now, "support/t1", clock.now), Money::from_usd(7).pico());
    EXPECT_EQ(core::amount_for(now, "support/t2", clock.now), Money::from_usd(2).pico());
    const Json row = get("/audit?limit=1").body["audit"][0];
    EXPECT_EQ(row["action"], "budget.raise");
    EXPECT_THAT(row.dump(), HasSubstr("incident 4711"));
    // The file read again leaves it.
    ASSERT_TRUE(directory->apply_config_budgets({spec}, nullptr, {"configuration", clock.now}));
    ASSERT_TRUE(publish());
    EXPECT_EQ(in_force("ticket")->raises.size(), 1u);
    EXPECT_EQ(ask("DELETE", "/admin/v1/budgets/ticket/raises").status, 200);
    EXPECT_TRUE(in_force("ticket")->raises.empty());
    EXPECT_EQ(get("/audit?limit=1").body["audit"][0]["action"], "budget.raise.end");
}

TEST_F(BudgetsTest, WhatIsNoRaiseIsRefusedAndSaysWhy) {
    put("pot", R"({"calls":10})");
    const std::string until = to_rfc3339(clock.now + std::chrono::hours{2});
    auto body = [](const std::string& amount, const std::string& when, const std::string& reason,
                   const std::string& more = "") {
        return R"({"amount":")" + amount + R"(","until":")" + when + R"(","reason":")" + reason +
               "\"" + more + "}";
    };
    const std::pair<std::string, const char*> bodies[] = {
        {"{}", "amount"},
        {body("1.5", until, "r"), "in calls"},
        {body("-1", until, "r"), "in calls"},
        {body("0", until, "r"), "more than nothing"},
        {body("1", to_rfc3339(clock.now), "r"), "in the future"},
        {body("1", to_rfc3339(clock.now + std::chrono::days{400}), "r"), "a year at most"},
        {body("1", until, ""), "reason"},
        {body("1", until, "r", R"(,"instance":"x")"), "no instances"},
    };
    for (const auto& [text, why] : bodies) {
        const Reply refused = ask("POST", "/admin/v1/budgets/pot/raises", text);
        EXPECT_EQ(refused.status, 400) << text;
        EXPECT_THAT(refused.message(), HasSubstr(why)) << text;
    }
    EXPECT_EQ(ask("POST", "/admin/v1/budgets/none/raises", body("1", until, "r")).status, 404);
    EXPECT_EQ(ask("DELETE", "/admin/v1/budgets/none/raises").status, 404);
    EXPECT_TRUE(in_force("pot")->raises.empty());
}

TEST_F(BudgetsTest, ABudgetsBodyMakesThatBudgetAgain) {
    const std::pair<const char*, const char*> bodies[] = {
        {"usd", R"({"where":{"environment":["a","b*"],"team":"x"},"by":"user","usd":"20.5",
            "except":{"ada":"0.000000000001"},"window":"week","alert_at":50,"block_at":"never",
            "clamp":"always","mode":"observe"})"},
        {"calls", R"({"calls":1000000000000000,"by":"team","except":{"x":"0"}})"},
    };
    for (const auto& [name, body] : bodies) {
        ASSERT_EQ(put(name, body).status, 200);
        const core::BudgetSpec first = *in_force(name);
        const Reply again = put(name, to_text(budget_terms_body(first)));
        EXPECT_EQ(again.status, 200) << again.text;
        EXPECT_EQ(in_force(name)->version, first.version) << "nothing has changed";
    }
}

TEST_F(BudgetsTest, InstancesAreShownTightestFirstAndTheRestIsCounted) {
    put("teams", R"({"usd":"10","by":"team"})");
    const std::uint64_t id = in_force("teams")->id;
    const Int128 usd = Money::from_usd(1).pico();
    figures = {{id, "a", store::kMonth, 10 * usd, 5 * usd, 0, 0},
               {id, "b", store::kMonth, 100 * usd, 50 * usd, 40 * usd, 0},
               {id, "c", store::kMonth, 10 * usd, 6 * usd, 0, 0}};
    const Json list = get("/budgets?limit=2").body["budgets"][0];
    ASSERT_EQ(list["instances"].size(), 2u);
    EXPECT_EQ(list["instances"][0]["instance"], "b");  // a tenth is left, what is held included
    EXPECT_EQ(list["instances"][1]["instance"], "c");
    EXPECT_EQ(list["instances_total"], 3);
    EXPECT_EQ(get("/budgets/teams?instance=a").body["instances"][0]["used"], "5.00");
}

TEST_F(BudgetsTest, TellsHowFastItIsSpentAndWhenThatReachesTheAmount) {
    settle(1, 12);  // $0.0009 each, eight of them of research
    put("teams", R"({"usd":"1","by":"team","window":"day","block_at":"100"})");
    put("loops", R"({"repeats":5})");
    const std::uint64_t id = in_force("teams")->id;
    const core::WindowSpan day = core::window_at(core::WindowKind::day, clock.now);
    const Int128 usd = Money::from_usd(1).pico();
    figures = {{id, "research", day, usd / 100, usd * 72 / 10'000, 0, 0},
               {id, "support", day, usd, usd * 36 / 10'000, 0, 0},
               {in_force("loops")->id, "", store::kMonth, 5, 1, 0, 0}};
    const Json teams = get("/budgets/teams").body;
    EXPECT_EQ(teams["kind"], "hard");
    const Json& research = teams["instances"][0];
    EXPECT_EQ(research["burn_since"], to_rfc3339(UnixTime::from_seconds(day.start)));
    // $0.0072 in the day's first 3 h 10 min; the other $0.0028 last 1 h 13 min 53 s.
    EXPECT_EQ(research["burn_per_day"], "0.054568421052");
    EXPECT_EQ(research["reached_at"], to_rfc3339(clock.now + std::chrono::seconds{4'433}));
    EXPECT_EQ(research["days_left"], "0.05");
    const Json& support = teams["instances"][1];
    EXPECT_EQ(support["burn_per_day"], "0.027284210526");
    EXPECT_TRUE(support["days_left"].is_null()) << "the day ends first";
    EXPECT_FALSE(get("/budgets/loops").body["instances"][0].contains("burn_per_day"));
}

TEST_F(BudgetsTest, OnlyAdministratorsSetBudgets) {
    put("pot", R"({"usd":"1"})");
    for (const auto role : {store::KeyRole::viewer, store::KeyRole::finance}) {
        EXPECT_EQ(put("pot", R"({"usd":"2"})", mint(role)).status, 403);
    }
    EXPECT_EQ(put("pot", R"({"usd":"2"})", mint(store::KeyRole::team_owner, "support")).status,
              403);
    EXPECT_EQ(in_force("pot")->amount, Money::from_usd(1).pico());
}

}  // namespace
}  // namespace weir::admin
