#include <gmock/gmock.h>

#include "admin/admin_fixture.h"
#include "core/identify.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KeysTest : public AdminTest {
 protected:
    bool opens(const std::string& text) const {
        return core::identify(*policy, text, clock.now, runtime::sha256).has_value();
    }
    std::string error_of(const std::string& text) const {
        const auto who = core::identify(*policy, text, clock.now, runtime::sha256);
        return who ? "" : std::string{who.error().info().name};
    }
};

TEST_F(KeysTest, NewKeyWorksAtOnceAndItsSecretIsSeenOnce) {
    const Reply made = post("/keys", R"({"name":"bot","team":"support","environment":"staging",
        "application":"desk","task_type":"triage","user":"ada","models":["gpt-*"],
        "expires_at":"2026-12-24"})");
    ASSERT_EQ(made.status, 201) << made.text;
    const std::string secret = made.body["secret"];
    EXPECT_TRUE(opens(secret));
    EXPECT_EQ(made.body["gateway_url"], "http://127.0.0.1:4000");
    const Json key = made.body["key"];
    EXPECT_EQ(key["role"], "data");
    EXPECT_EQ(key["state"], "active");
    EXPECT_EQ(key["models"], Json::array({"gpt-*"}));
    EXPECT_EQ(key["expires_at"], "2026-12-24T00:00:00Z");
    const core::KeyRecord& record = policy->keys.at(key["id"]);
    EXPECT_EQ(record.environment, "staging");
    EXPECT_EQ(record.application, "desk");
    EXPECT_EQ(record.task_type, "triage");
    EXPECT_EQ(record.user, "ada");
    for (const std::string path : {"/keys", "/audit"}) {
        EXPECT_THAT(get(path).text, Not(HasSubstr(secret))) << path;
    }
    EXPECT_EQ(get("/keys/" + key["id"].get<std::string>()).body, key);
}

TEST_F(KeysTest, IsBoundToOtherValuesAndKeepsWhatIsNotNamed) {
    const Reply made = post("/keys", R"({"name":"bot","team":"support","environment":"staging",
        "application":"desk","models":["gpt-*"]})");
    const std::string path = "/admin/v1/keys/" + made.body["key"]["id"].get<std::string>();
    const Reply bound =
        ask("PATCH", path, R"({"environment":"production","application":"","user":"ada"})");
    ASSERT_EQ(bound.status, 200) << bound.text;
    const core::KeyRecord& record = policy->keys.at(made.body["key"]["id"]);
    EXPECT_EQ(record.environment, "production");
    EXPECT_EQ(record.application, "");
    EXPECT_EQ(record.user, "ada");
    EXPECT_EQ(record.models, std::vector<std::string>{"gpt-*"});
    EXPECT_TRUE(opens(made.body["secret"]));
    EXPECT_EQ(get("/audit?limit=1").body["audit"][0]["action"], "key.bind");
    EXPECT_EQ(ask("PATCH", path, R"({"environment":"porduction"})").status, 400);
    EXPECT_EQ(ask("PATCH", path, R"({"team":"research"})").status, 400);
    const Fields other{{"authorization", "Bearer " + mint(store::KeyRole::team_owner, "research")}};
    EXPECT_EQ(ask("PATCH", path, R"({"user":"eve"})", other).status, 404);
    EXPECT_EQ(ask("PATCH", "/admin/v1/keys/none", "{}").status, 404);
}

TEST_F(KeysTest, ChangesOfAKeyAreAuditedWithTheirActor) {
    const std::string admin = mint(store::KeyRole::admin);
    const std::string actor = "key:" + last_key_id;
    const Reply made = post("/keys", R"({"name":"bot","team":"support"})", admin);
    const std::string id = made.body["key"]["id"];
    post("/keys/" + id + "/rotate", "", admin);
    post("/keys/" + id + "/expire", R"({"at":"2026-12-24"})", admin);
    post("/keys/" + id + "/revoke", "", admin);
    const Json rows = get("/audit?limit=4").body["audit"];
    std::vector<std::string> actions;
    for (const Json& row : rows) {
        actions.push_back(row["action"]);
        EXPECT_EQ(row["actor"], actor);
        EXPECT_EQ(row["subject"], "key:" + id);
    }
    EXPECT_EQ(actions,
              (std::vector<std::string>{"key.revoke", "key.expire", "key.rotate", "key.create"}));
    EXPECT_TRUE(rows[3]["before"].is_null());
    EXPECT_EQ(rows[1]["after"]["expires"], "2026-12-24T00:00:00Z");
}

TEST_F(KeysTest, RotatedOutSecretWorksThroughTheOverlap) {
    const std::string old_secret = mint(store::KeyRole::data, "support");
    const std::string id = last_key_id;
    const Reply rotated = post("/keys/" + id + "/rotate", R"({"overlap_seconds":60})");
    const std::string new_secret = rotated.body["secret"];
    EXPECT_TRUE(opens(old_secret));
    EXPECT_TRUE(opens(new_secret));
    EXPECT_EQ(rotated.body["key"]["id"], id);
    EXPECT_EQ(rotated.body["key"]["previous_secret_until"], "2026-11-24T03:11:00Z");
    clock.now = clock.now + std::chrono::seconds{60};
    EXPECT_FALSE(opens(old_secret));
    EXPECT_TRUE(opens(new_secret));
    EXPECT_EQ(post("/keys/" + id + "/rotate", R"({"overlap_seconds":-1})").code(),
              "invalid_parameter");
}

TEST_F(KeysTest, ExpiredAndRevokedKeysEndAtOnce) {
    const std::string secret = mint(store::KeyRole::data, "support");
    const std::string id = last_key_id;
    EXPECT_EQ(post("/keys/" + id + "/expire", "").body["state"], "expired");
    EXPECT_EQ(error_of(secret), "key_expired");
    EXPECT_EQ(post("/keys/" + id + "/expire", R"({"at":"2027-01-01"})").body["state"], "active");
    EXPECT_TRUE(opens(secret));
    EXPECT_EQ(post("/keys/" + id + "/revoke", "").body["state"], "revoked");
    EXPECT_EQ(error_of(secret), "key_revoked");
    EXPECT_EQ(post("/keys/" + id + "/revoke", "").status, 409);
    EXPECT_EQ(post("/keys/" + id + "/rotate", "").status, 409);
    EXPECT_EQ(get("/keys?state=revoked").body["keys"].size(), 1u);
    EXPECT_EQ(get("/keys?state=active").body["keys"].size(), 0u);
}

TEST_F(KeysTest, KeyThatCouldNotWorkIsRefused) {
    EXPECT_EQ(post("/keys", R"({"name":"x","team":"nobody"})").status, 404);
    EXPECT_THAT(post("/keys", R"({"name":"x"})").message(), HasSubstr("needs a 'team'"));
    EXPECT_THAT(post("/keys", R"({"name":"x","team":"support","role":"root"})").message(),
                HasSubstr("'role' is"));
    EXPECT_THAT(
        post("/keys", R"({"name":"x","team":"support","environment":"prodution"})").message(),
        HasSubstr("staging, production"));
    EXPECT_THAT(
        post("/keys", R"({"name":"x","team":"support","expires_at":"2020-01-01"})").message(),
        HasSubstr("in the past"));
    EXPECT_EQ(get("/keys").body["keys"].size(), 0u);
    EXPECT_EQ(get("/keys/aaaaaaaaaaaa").status, 404);
    EXPECT_EQ(post("/keys/aaaaaaaaaaaa/revoke", "").status, 404);
}

TEST_F(AdminTest, TeamsAreMadeChangedAndRemovedOnceTheirKeysAreGone) {
    const Reply made =
        post("/teams", R"({"name":"ops","attributes":{"owner":"ada","cost_center":"7"}})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(policy->teams.at("ops").attributes.at("owner"), "ada");
    EXPECT_EQ(post("/teams", R"({"name":"ops"})").status, 409);
    EXPECT_EQ(post("/teams", R"({"name":"a/b"})").status, 400);
    const Reply changed =
        ask("PATCH", "/admin/v1/teams/ops", R"({"attributes":{"owner":"bob","cost_center":null}})");
    EXPECT_EQ(changed.body["attributes"], Json({{"owner", "bob"}}));
    EXPECT_EQ(get("/teams/ops").body, changed.body);
    EXPECT_EQ(ask("PATCH", "/admin/v1/teams/ops", "{}").status, 400);
    mint(store::KeyRole::data, "ops");
    EXPECT_EQ(ask("DELETE", "/admin/v1/teams/ops").status, 409);
    post("/keys/" + last_key_id + "/revoke", "");
    EXPECT_EQ(ask("DELETE", "/admin/v1/teams/ops").status, 200);
    EXPECT_EQ(get("/teams/ops").status, 404);
    EXPECT_EQ(get("/audit?limit=1").body["audit"][0]["action"], "team.remove");
}

TEST_F(AdminTest, AuditIsReadInPages) {
    for (int i = 0; i < 5; ++i) post("/teams", R"({"name":"t)" + std::to_string(i) + "\"}");
    std::vector<std::string> subjects;
    std::string query = "?limit=3";
    for (;;) {
        const Reply page = get("/audit" + query);
        for (const Json& row : page.body["audit"]) subjects.push_back(row["subject"]);
        if (page.body["next"].is_null()) break;
        query = "?limit=3&before=" + std::to_string(page.body["next"].get<std::int64_t>());
    }
    EXPECT_EQ(subjects, (std::vector<std::string>{"team:t4", "team:t3", "team:t2", "team:t1",
                                                  "team:t0", "team:research", "team:support"}));
}

}  // namespace
}  // namespace weir::admin
