#include <gmock/gmock.h>

#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;

class EnforcementTest : public AdminTest {
 protected:
    Reply observe(Duration from_now, const std::string& reason = "incident 4711") {
        const Json body{{"until", to_rfc3339(clock.now + from_now)}, {"reason", reason}};
        return ask("PUT", "/admin/v1/enforcement", body.dump());
    }
};

TEST_F(EnforcementTest, ObservingIsInForceAtOnceAndEndsByItselfOrByWord) {
    EXPECT_EQ(get("/enforcement").body, (Json{{"mode", "enforce"}}));
    ASSERT_EQ(observe(std::chrono::hours{2}).status, 200);
    EXPECT_TRUE(policy->is_observing(clock.now));
    EXPECT_FALSE(policy->is_observing(clock.now + std::chrono::hours{2}));
    EXPECT_EQ(get("/enforcement").body["reason"], "incident 4711");
    const Json row = get("/audit?limit=1").body["audit"][0];
    EXPECT_EQ(row["action"], "enforcement.observe");
    EXPECT_EQ(ask("DELETE", "/admin/v1/enforcement").status, 200);
    EXPECT_FALSE(policy->is_observing(clock.now));
    EXPECT_EQ(get("/audit?limit=1").body["audit"][0]["action"], "enforcement.enforce");
    ASSERT_EQ(observe(std::chrono::hours{2}).status, 200);
    clock.now = clock.now + std::chrono::hours{2};
    EXPECT_EQ(get("/enforcement").body, (Json{{"mode", "enforce"}}));
}

TEST_F(EnforcementTest, NeedsAnEndSoonEnoughAndAReason) {
    EXPECT_THAT(observe(Duration{0}).message(), HasSubstr("in the future"));
    EXPECT_THAT(observe(std::chrono::days{32}).message(), HasSubstr("31 days"));
    EXPECT_THAT(observe(std::chrono::hours{1}, "").message(), HasSubstr("reason"));
    EXPECT_EQ(get("/enforcement").body["mode"], "enforce");
}

TEST_F(EnforcementTest, IsForAdministratorsAlone) {
    const Json body{{"until", to_rfc3339(clock.now + std::chrono::hours{1})}, {"reason", "r"}};
    for (const auto role : {store::KeyRole::viewer, store::KeyRole::finance}) {
        EXPECT_EQ(ask("PUT", "/admin/v1/enforcement", body.dump(),
                      {{"authorization", "Bearer " + mint(role)}})
                      .status,
                  403);
    }
}

}  // namespace
}  // namespace weir::admin
