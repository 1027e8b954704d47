#include "admin/access.h"

#include <array>

#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using store::KeyRole;

TEST_F(AdminTest, StrangerLearnsNothingButThatAKeyIsNeeded) {
    for (const std::string target : {"/admin/v1/keys", "/admin/v1/calls", "/admin/v1/nothing"}) {
        const Reply reply = ask("GET", target, {}, {});
        EXPECT_EQ(reply.status, 401) << target;
        EXPECT_EQ(reply.code(), "key_missing") << target;
    }
    const Reply wrong = get("/keys", "not-a-key");
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(wrong.code(), "invalid_api_key");
}

TEST_F(AdminTest, KeyIsTakenFromEitherHeader) {
    const std::string key = mint(KeyRole::viewer);
    EXPECT_EQ(get("/me", key).body["role"], "viewer");
    const Reply reply = ask("GET", "/admin/v1/me", {}, {{"x-api-key", key}});
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body["actor"], "key:" + last_key_id);
    EXPECT_EQ(get("/me").body["actor"], "operator");
}

TEST_F(AdminTest, DataRevokedAndExpiredKeysAreToldApart) {
    EXPECT_EQ(get("/me", mint(KeyRole::data, "support")).code(), "forbidden");
    const std::string late = mint(KeyRole::viewer, {}, clock.now + std::chrono::seconds{10});
    EXPECT_EQ(get("/me", late).status, 200);
    clock.now = clock.now + std::chrono::seconds{10};
    EXPECT_EQ(get("/me", late).code(), "key_expired");
    const std::string gone = mint(KeyRole::admin);
    ASSERT_EQ(post("/keys/" + last_key_id + "/revoke", "").status, 200);
    EXPECT_EQ(get("/me", gone).code(), "key_revoked");
}

struct Expectation {
    const char* method;
    const char* path;
    const char* body;
    std::array<int, 4> status;  // admin, finance, team-owner, viewer
};

TEST_F(AdminTest, EachRoleMayWhatItsRowSays) {
    settle(1, 3);
    const std::array<std::string, 4> keys = {mint(KeyRole::admin), mint(KeyRole::finance),
                                             mint(KeyRole::team_owner, "support"),
                                             mint(KeyRole::viewer)};
    const std::vector<Expectation> rows = {
        {"GET", "/me", "", {200, 200, 200, 200}},
        {"GET", "/keys", "", {200, 200, 200, 403}},
        {"POST", "/keys", R"({"name":"n","team":"support"})", {201, 403, 201, 403}},
        {"GET", "/teams", "", {200, 200, 200, 200}},
        {"POST", "/teams", R"({"name":"support"})", {409, 403, 403, 403}},
        {"PATCH", "/teams/support", R"({"attributes":{"a":"b"}})", {200, 403, 403, 403}},
        {"DELETE", "/teams/research", "", {200, 403, 403, 403}},
        {"GET", "/calls", "", {200, 200, 200, 200}},
        {"GET", "/calls/follow", "", {200, 200, 200, 200}},
        {"GET", "/spend", "", {200, 200, 200, 200}},
        {"GET", "/budgets", "", {200, 200, 200, 200}},
        {"GET", "/prices", "", {200, 200, 200, 200}},
        {"POST", "/prices/import", "{}", {400, 403, 403, 403}},
        {"GET", "/ledger/orphans", "", {200, 200, 200, 200}},
        {"POST", "/ledger/corrections", "{}", {400, 403, 403, 403}},
        {"GET", "/audit", "", {200, 200, 403, 403}},
    };
    for (const Expectation& row : rows) {
        for (std::size_t role = 0; role < keys.size(); ++role) {
            const Reply reply = ask(row.method, std::string{"/admin/v1"} + row.path, row.body,
                                    {{"authorization", "Bearer " + keys[role]}});
            EXPECT_EQ(reply.status, row.status[role])
                << row.method << " " << row.path << " as role " << role << ": " << reply.text;
        }
    }
}

TEST_F(AdminTest, TeamOwnerSeesAndKeepsItsOwnTeamOnly) {
    settle(1, 9);  // 3, 6 and 9 are support's
    write(store::admit_of(store::attempt(12)));
    write(store::end_of(store::attempt(12), ledger::EndState::unknown));
    write(store::admit_of(store::attempt(13)));
    write(store::end_of(store::attempt(13), ledger::EndState::unknown));
    mint(KeyRole::data, "research");
    const std::string other_key = last_key_id;
    mint(KeyRole::data, "support");
    const std::string own_key = last_key_id;
    const std::string owner = mint(KeyRole::team_owner, "support");

    for (const Json& key : get("/keys", owner).body["keys"]) EXPECT_EQ(key["team"], "support");
    EXPECT_EQ(get("/keys/" + own_key, owner).status, 200);
    EXPECT_EQ(get("/keys/" + other_key, owner).status, 404);
    EXPECT_EQ(post("/keys/" + other_key + "/revoke", "", owner).status, 404);
    EXPECT_EQ(post("/keys/" + own_key + "/revoke", "", owner).status, 200);
    // Its own key opens the admin API and is the admin's to keep.
    EXPECT_EQ(post("/keys/" + last_key_id + "/rotate", "", owner).code(), "forbidden");
    EXPECT_EQ(post("/keys", R"({"name":"x","team":"research"})", owner).code(), "forbidden");
    EXPECT_EQ(post("/keys", R"({"name":"x","role":"admin"})", owner).code(), "forbidden");
    const Reply made = post("/keys", R"({"name":"mine"})", owner);
    EXPECT_EQ(made.body["key"]["team"], "support") << made.text;

    const Reply calls = get("/calls", owner);
    EXPECT_EQ(calls.body["calls"].size(), 4u);
    for (const Json& call : calls.body["calls"]) EXPECT_EQ(call["team"], "support");
    EXPECT_EQ(get("/calls?team=research", owner).code(), "forbidden");
    EXPECT_EQ(get("/calls/" + store::attempt(3).call.text(), owner).status, 200);
    EXPECT_EQ(get("/calls/" + store::attempt(4).call.text(), owner).status, 404);
    EXPECT_EQ(get("/spend", owner).body["total"]["calls"], 4);
    EXPECT_EQ(get("/spend?team=research", owner).code(), "forbidden");
    const Reply orphans = get("/ledger/orphans", owner);
    ASSERT_EQ(orphans.body["orphans"].size(), 1u);
    EXPECT_EQ(orphans.body["orphans"][0]["team"], "support");
    ASSERT_EQ(get("/teams", owner).body["teams"].size(), 1u);
    EXPECT_EQ(get("/teams/research", owner).status, 404);
}

TEST_F(AdminTest, TeamOwnerSeesBudgetsThatCountItsTeamAlone) {
    const auto spec = [&](const char* name, std::optional<core::Dimension> by,
                          std::vector<core::Condition> where = {}) {
        core::BudgetSpec s;
        s.name = name;
        s.by = by;
        s.where = std::move(where);
        s.amount = Money::from_usd(5).pico();
        s = directory->put_budget(s, "api", {"setup", clock.now}).value();
        figures.push_back(
            {s.id, by == core::Dimension::team ? "support" : "", store::kMonth, s.amount, 1, 0, 0});
        return s.id;
    };
    spec("all", std::nullopt);
    const std::uint64_t each = spec("each", core::Dimension::team);
    figures.push_back({each, "research", store::kMonth, 5, 2, 0, 0});
    spec("theirs", std::nullopt, {{core::Dimension::team, {"research"}}});
    spec("ours", std::nullopt, {{core::Dimension::team, {"support"}}});
    const std::uint64_t runs = spec("runs", core::Dimension::trajectory);
    figures.push_back({runs, "support/t1", store::kMonth, 5, 2, 0, 0});
    figures.push_back({runs, "supporters/t1", store::kMonth, 5, 2, 0, 0});
    const std::string owner = mint(KeyRole::team_owner, "support");

    std::map<std::string, std::vector<std::string>> seen;
    for (const Json& budget : get("/budgets", owner).body["budgets"]) {
        auto& instances = seen[budget["name"].get<std::string>()];
        for (const Json& f : budget["instances"]) instances.push_back(f["instance"]);
    }
    const std::map<std::string, std::vector<std::string>> expected = {
        {"each", {"support"}}, {"ours", {""}}, {"runs", {"support/t1"}}};
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(get("/budgets/theirs", owner).status, 404);
    EXPECT_EQ(get("/budgets").body["budgets"].size(), 5u);
}

TEST_F(AdminTest, PagesOfOtherOriginsAreRefused) {
    const std::string bearer = "Bearer " + std::string{kOperator};
    const std::string host = "127.0.0.1:" + std::to_string(address.port);
    EXPECT_EQ(ask("GET", "/admin/v1/me", {},
                  {{"authorization", bearer}, {"origin", "https://evil.example"}})
                  .code(),
              "forbidden");
    EXPECT_EQ(
        ask("GET", "/admin/v1/me", {}, {{"authorization", bearer}, {"origin", "null"}}).code(),
        "forbidden");
    EXPECT_EQ(
        ask("GET", "/admin/v1/me", {}, {{"authorization", bearer}, {"origin", "http://" + host}})
            .status,
        200);
}

}  // namespace
}  // namespace weir::admin
