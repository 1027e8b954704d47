#include <gmock/gmock.h>

#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;

class StopsTest : public AdminTest {};

TEST_F(StopsTest, AStopReachesTheRoadWithItsReasonAndAResumeTakesItAway) {
    const Reply made =
        post("/stops", R"({"where":{"agent":"triage","team":"support"},"reason":"it loops"})");
    ASSERT_EQ(made.status, 201) << made.text;
    EXPECT_EQ(made.body["where"], Json({{"agent", "triage"}, {"team", "support"}}));
    EXPECT_EQ(made.body["actor"], "operator");
    ASSERT_EQ(policy->stops.size(), 1u);
    EXPECT_EQ(policy->stops[0].reason, "it loops");
    EXPECT_EQ(policy->stops[0].where.size(), 2u);
    EXPECT_EQ(get("/stops").body["stops"].at(0), made.body);
    const std::string id = std::to_string(made.body["id"].get<int>());
    const Reply gone = ask("DELETE", "/admin/v1/stops/" + id);
    EXPECT_EQ(gone.status, 200) << gone.text;
    EXPECT_TRUE(policy->stops.empty());
    EXPECT_EQ(ask("DELETE", "/admin/v1/stops/" + id).status, 404);
    const Json rows = get("/audit?limit=2").body["audit"];
    EXPECT_EQ(rows[0]["action"], "stop.resume");
    EXPECT_EQ(rows[1]["action"], "stop.create");
    EXPECT_EQ(rows[1]["subject"], "stop:" + id);
    EXPECT_GT(post("/stops", R"({"everything":true})").body["id"], made.body["id"]);
}

TEST_F(StopsTest, WhatDoesNotSayWhatToStopStopsNothing) {
    for (const char* body :
         {"{}", R"({"where":{}})", R"({"where":{"agent":""}})", R"({"where":{"agent":null}})",
          R"({"where":{"agnet":"x"}})", R"({"where":{"agent":"x"},"everything":true})",
          R"({"everything":false})", R"({"agent":"x"})"}) {
        EXPECT_EQ(post("/stops", body).status, 400) << body;
    }
    EXPECT_TRUE(get("/stops").body["stops"].empty());
    EXPECT_EQ(ask("DELETE", "/admin/v1/stops/all").status, 404);
}

TEST_F(StopsTest, OnlyAdministratorsStopAndAnOwnerSeesItsTeamsAlone) {
    post("/stops", R"({"where":{"team":"support"}})");
    post("/stops", R"({"where":{"agent":"secret-project"}})");
    const std::string owner = mint(store::KeyRole::team_owner, "support");
    EXPECT_EQ(get("/stops", owner).body["stops"].size(), 1u);
    const std::string viewer = mint(store::KeyRole::viewer);
    EXPECT_EQ(get("/stops", viewer).body["stops"].size(), 2u);
    for (const std::string& key : {owner, viewer}) {
        EXPECT_EQ(post("/stops", R"({"where":{"team":"support"}})", key).status, 403);
    }
}

}  // namespace
}  // namespace weir::admin
