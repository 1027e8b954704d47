#include "core/stop.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

Attribution caller() {
    Attribution out;
    out.offer(Dimension::team, "support", Source::key);
    out.offer(Dimension::agent, "triage", Source::header);
    return out;
}

StopRule stop(std::vector<Condition> where, std::string reason = "") {
    return {.id = 1, .where = std::move(where), .reason = std::move(reason), .actor = "ada"};
}

TEST(Stop, HoldsWhereAllItsConditionsDo) {
    const auto stops = [](std::vector<Condition> where) {
        return stopped_by({stop(std::move(where))}, caller(), "openai", "gpt-6-sol") != nullptr;
    };
    EXPECT_TRUE(stops({{Dimension::agent, {"triage"}}}));
    EXPECT_TRUE(stops({{Dimension::agent, {"tri*"}}, {Dimension::team, {"support"}}}));
    EXPECT_FALSE(stops({{Dimension::agent, {"triage"}}, {Dimension::team, {"research"}}}));
    EXPECT_TRUE(stops({{Dimension::model, {"gpt-6-*"}}})) << "what the call is sent as";
    EXPECT_TRUE(stops({{Dimension::provider, {"openai"}}}));
    EXPECT_TRUE(stops({{Dimension::goal, {"(none)"}}}));
    EXPECT_FALSE(stops({{Dimension::goal, {"*"}}}));
    EXPECT_TRUE(stops({})) << "everything";
    EXPECT_EQ(stopped_by({}, caller(), "openai", "gpt-6-sol"), nullptr);
}

TEST(Stop, TellsCallersWhatWasStoppedAndWhyButNotWhoDidIt) {
    EXPECT_EQ(stop_message(stop({{Dimension::agent, {"triage"}}}, "it loops")),
              "An operator has stopped agent=triage: it loops. Calls go through again once it is "
              "resumed.");
    EXPECT_EQ(stop_message(stop({})),
              "An operator has stopped everything. Calls go through again once it is resumed.");
}

}  // namespace
}  // namespace weir::core
