// What a file for `weir apply` says, and what is to be changed so that it is so.
#include <gmock/gmock.h>

#include "admin/budget_json.h"
#include "app/apply_plan.h"

namespace weir::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kFile = R"(
teams:
  support: { department: service, cost_center: 4711 }
  bare:
keys:
  bot: { team: support, environment: production, models: [a, b*] }
budgets:
  ticket: { where: { application: support, team: [b, a] }, by: trajectory, usd: 2, calls: 60 }
stops:
  - { where: { agent: crawler }, reason: it loops }
)";

ApplyFile parsed(std::string_view yaml) {
    Result<ApplyFile> file = parse_apply_file(yaml, "state.yaml");
    EXPECT_TRUE(file) << file.error().message();
    return file ? std::move(*file) : ApplyFile{};
}

std::string complaint(std::string_view yaml) {
    const Result<ApplyFile> file = parse_apply_file(yaml, "state.yaml");
    return file ? "" : std::string{file.error().message()};
}

// As the admin API would list them.
ApplyPresent nothing() { return {Json::array(), Json::array(), Json::array(), Json::array()}; }

ApplyPresent as_of(const ApplyFile& file) {
    ApplyPresent present = nothing();
    for (const core::TeamRecord& team : file.teams) {
        Json attributes = Json::object();
        for (const auto& [name, value] : team.attributes) attributes[name] = value;
        present.teams.push_back({{"name", team.name}, {"attributes", attributes}});
    }
    for (const ApplyKey& key : file.keys) {
        const auto text = [](const std::string& s) {
            return s.empty() ? Json(nullptr) : Json(s);
        };
        present.keys.push_back({{"id", "k1"},
                                {"name", key.name},
                                {"team", key.team},
                                {"application", text(key.application)},
                                {"environment", text(key.environment)},
                                {"task_type", text(key.task_type)},
                                {"user", text(key.user)},
                                {"models", key.models}});
    }
    for (const core::BudgetSpec& spec : file.budgets) {
        Json budget = admin::budget_terms(spec);
        budget["origin"] = "api";
        present.budgets.push_back(std::move(budget));
    }
    std::int64_t id = 0;
    for (const ApplyStop& stop : file.stops) {
        Json where = Json::object();
        for (const auto& c : stop.where) {
            where[c.facet.name()] = c.any_of.front();
        }
        present.stops.push_back({{"id", ++id}, {"where", where}, {"reason", stop.reason}});
    }
    return present;
}

std::vector<std::string> lines(const ApplyFile& file, const ApplyPresent& present,
                               bool prune = false) {
    const Result<ApplyPlan> plan = plan_apply(file, present, prune);
    std::vector<std::string> out;
    if (!plan) return {std::string{plan.error().message()}};
    for (const ApplyChange& change : plan->changes) out.push_back(change_text(change));
    return out;
}

TEST(ApplyFile, BudgetsAreSpelledAsInTheConfiguration) {
    const ApplyFile file = parsed(kFile);
    ASSERT_EQ(file.budgets.size(), 2u);
    EXPECT_EQ(file.budgets[1].name, "ticket.calls");
    EXPECT_EQ(file.budgets[0].by, core::Dimension::trajectory);
    EXPECT_EQ(file.teams[0].attributes.at("cost_center"), "4711");
    EXPECT_TRUE(file.teams[1].attributes.empty());
    EXPECT_EQ(file.keys[0].models, (std::vector<std::string>{"a", "b*"}));
    EXPECT_EQ(file.stops[0].reason, "it loops");
}

TEST(ApplyFile, WhatIsWrongIsToldWithItsLineAndTheNearestName) {
    EXPECT_EQ(complaint("bugdets: {}"),
              "state.yaml:1: unknown key 'bugdets' (did you mean 'budgets'?)");
    EXPECT_EQ(complaint("budgets:\n  a: { usd: 1, windwo: day }"),
              "state.yaml:2: unknown key 'windwo' (did you mean 'window'?)");
    EXPECT_EQ(complaint("keys:\n  bot: { team: a, enviroment: production }"),
              "state.yaml:2: unknown key 'enviroment' (did you mean 'environment'?)");
    EXPECT_THAT(complaint("keys: { bot: { user: x } }"), HasSubstr("needs its 'team'"));
    EXPECT_THAT(complaint("stops: [{ reason: x }]"), HasSubstr("'everything: true'"));
    EXPECT_THAT(complaint("stops: [{ where: { agnet: x } }]"), HasSubstr("did you mean 'agent'"));
    EXPECT_THAT(complaint("stops: { a: b }"), HasSubstr("'stops' is a list"));
    EXPECT_THAT(complaint("providers: {}"), HasSubstr("unknown key 'providers'"));
    EXPECT_THAT(complaint("teams: { a: [b] }"), HasSubstr("a map of attributes"));
    EXPECT_THAT(complaint("- a"), HasSubstr("must be a map"));
    EXPECT_THAT(complaint("a: ["), HasSubstr("state.yaml:"));
}

TEST(ApplyFile, BudgetsAreReadFromAWholeConfigurationToo) {
    const auto specs =
        parse_budgets("providers: { x: { url: y } }\nbudgets: { a: { usd: 5 } }", "f");
    ASSERT_TRUE(specs) << specs.error().message();
    EXPECT_EQ(specs->front().name, "a");
    EXPECT_THAT(std::string{parse_budgets("bugdets: {}", "f").error().message()},
                HasSubstr("no 'budgets'"));
    EXPECT_THAT(std::string{parse_budgets("budgets: { a: { usd: -1 } }", "f").error().message()},
                HasSubstr("f:1: 'usd' is an amount"));
}

TEST(ApplyPlan, FromNothingMakesAllButKeysWhichAreMinted) {
    const ApplyFile file = parsed(kFile);
    EXPECT_THAT(lines(file, nothing()),
                ElementsAre("+ team support: cost_center 4711, department service", "+ team bare",
                            HasSubstr("+ budget ticket: where {application=support team=a|b}, by "
                                      "trajectory, unit usd, amount 2.00"),
                            HasSubstr("+ budget ticket.calls"),
                            "+ stop: where {agent=crawler}, reason it loops"));
    EXPECT_THAT(plan_apply(file, nothing(), false)->missing_keys,
                ElementsAre("weir keys create bot --team support --environment production "
                            "--models 'a,b*'"));
}

TEST(ApplyPlan, WhatIsSoHasNothingToChangeHoweverItIsOrdered) {
    const ApplyFile file = parsed(kFile);
    ApplyPresent present = as_of(file);
    EXPECT_THAT(lines(file, present, true), ElementsAre());
    Json& where = present.budgets[0]["where"];
    where = {{"team", {"a", "b"}}, {"application", {"support"}}};
    EXPECT_THAT(lines(file, present, true), ElementsAre());
}

TEST(ApplyPlan, ChangesAreToldFromWhatToWhat) {
    const ApplyFile file = parsed(kFile);
    ApplyPresent present = as_of(file);
    present.teams[0]["attributes"] = {{"department", "sales"}, {"owner", "ada"}};
    present.keys[0]["environment"] = "staging";
    present.budgets[0]["amount"] = "1.50";
    present.stops[0]["reason"] = "ticket 1";
    EXPECT_THAT(
        lines(file, present),
        ElementsAre(
            "~ team support: cost_center – → 4711, department sales → service, owner ada → –",
            "~ key bot of support: environment staging → production",
            "~ budget ticket: amount 1.50 → 2.00", "+ stop: where {agent=crawler}, reason it loops",
            "- stop 1: where {agent=crawler}, reason ticket 1"));
    const ApplyPlan plan = plan_apply(file, present, false).value();
    EXPECT_TRUE(plan.changes[0].body["attributes"]["owner"].is_null());
    EXPECT_EQ(plan.changes[1].path, "/keys/k1");
    EXPECT_EQ(plan.changes[2].body["usd"], "2.00");
}

TEST(ApplyPlan, PrunesOnlyBudgetsAndStopsOfSectionsThatAreThere) {
    ApplyPresent present = as_of(parsed(kFile));
    present.budgets[1]["origin"] = "configuration";
    EXPECT_THAT(lines(parsed("teams: {}"), present, true), ElementsAre());
    EXPECT_THAT(lines(parsed("budgets: {}"), present), ElementsAre());
    EXPECT_THAT(lines(parsed("budgets: {}"), present, true),
                ElementsAre(HasSubstr("- budget ticket: where")));
    EXPECT_THAT(lines(parsed("stops: []"), present, true), ElementsAre(HasSubstr("- stop 1")));
}

TEST(ApplyPlan, WhatCannotBeIsSaidBeforeAnythingIsDone) {
    const ApplyFile file = parsed(kFile);
    ApplyPresent present = as_of(file);
    present.budgets[0]["origin"] = "configuration";
    EXPECT_THAT(lines(file, present), ElementsAre()) << "it is as the file says";
    present.budgets[0]["amount"] = "3.00";
    present.keys.push_back(present.keys[0]);
    EXPECT_THAT(lines(file, present),
                ElementsAre("team support has 2 keys of the name bot: which one is meant?\n"
                            "budget ticket is set in the configuration file: change it there"));
}

}  // namespace
}  // namespace weir::app
