#include "core/condition.h"

#include <gtest/gtest.h>

#include "core/budget_match.h"

namespace weir::core {
namespace {

Teams company() {
    return {{"search", {"search", {{"department", "research"}, {"region", "eu"}}}},
            {"vision", {"vision", {{"department", "research"}}}},
            {"support", {"support", {{"department", "service"}, {"owner", ""}}}},
            {"new", {"new", {}}}};
}

Condition condition(std::string_view name, std::vector<std::string> any_of) {
    Condition out{*Facet::named(name), std::move(any_of)};
    out.facet.learn(company());
    return out;
}

bool counts(const Condition& condition, std::string_view team) {
    Attribution call;
    if (!team.empty()) call.offer(Dimension::team, team, Source::key);
    return BudgetMatch{{condition}, {}}.matches({&call, {}, {}});
}

TEST(Condition, AsksForADimensionOrAnAttributeOfTheTeam) {
    EXPECT_EQ(Facet::named("agent"), Facet{Dimension::agent});
    EXPECT_EQ(Facet::named("department")->name(), "department");
    EXPECT_EQ(Facet::named("team.department")->name(), "department");
    EXPECT_EQ(Facet::named("team.region")->name(), "team.region");
    EXPECT_FALSE(Facet::named("region"));
    EXPECT_FALSE(Facet::named("team."));
}

TEST(Condition, ATeamsAttributeIsThatOfItsCalls) {
    EXPECT_TRUE(counts(condition("department", {"research"}), "search"));
    EXPECT_TRUE(counts(condition("department", {"research"}), "vision"));
    EXPECT_FALSE(counts(condition("department", {"research"}), "support"));
    EXPECT_TRUE(counts(condition("department", {"res*", "sales"}), "vision"));
    EXPECT_TRUE(counts(condition("team.region", {"eu"}), "search"));
}

TEST(Condition, ATeamWithoutTheAttributeOrThatNobodyKnowsHasNone) {
    for (const std::string_view team : {"new", "removed", ""}) {
        EXPECT_TRUE(counts(condition("department", {"(none)"}), team)) << team;
        EXPECT_FALSE(counts(condition("department", {"*"}), team)) << team;
    }
    EXPECT_TRUE(counts(condition("owner", {"(none)"}), "support")) << "an empty one is none";
    EXPECT_FALSE(counts(condition("department", {"(none)"}), "support"));
}

TEST(Condition, AnInstanceByAnAttributeIsNamedByItsValue) {
    Facet department = *Facet::named("department");
    department.learn(company());
    const BudgetMatch match{{}, department};
    std::string instance;
    Attribution call;
    call.offer(Dimension::team, "vision", Source::key);
    match.instance({&call, {}, {}}, instance);
    EXPECT_EQ(instance, "research");
    Attribution other;
    other.offer(Dimension::team, "new", Source::key);
    match.instance({&other, {}, {}}, instance);
    EXPECT_EQ(instance, "(none)");
}

// What a change of them would change is told by these teams.
TEST(Condition, NamesTheTeamsThatItSetsApartFromUnknownOnes) {
    EXPECT_EQ(condition("department", {"research"}).teams(),
              (std::vector<std::string>{"search", "vision"}));
    EXPECT_EQ(condition("department", {"research", "(none)"}).teams(),
              std::vector<std::string>{"support"});
}

// Who sees one team alone does not see what its whole department spends.
TEST(Condition, ABudgetOfAnAttributeIsOfNoTeam) {
    EXPECT_FALSE(is_of_team({condition("department", {"service"})}, {}, "", "support"));
    EXPECT_FALSE(is_of_team({}, Facet::named("department"), "support", "support"));
}

TEST(Condition, ReadsAsPeopleWriteIt) {
    EXPECT_EQ(conditions_text({condition("agent", {"triage"}),
                               condition("team.department", {"research", "sales"})}),
              "agent=triage and department=research|sales");
    EXPECT_EQ(conditions_text({}), "everything");
    EXPECT_EQ(conditions_text({}, "everybody"), "everybody");
}

}  // namespace
}  // namespace weir::core
