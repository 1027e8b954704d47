#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using core::TargetHealth;
using core::Trouble;

class ProvidersTest : public AdminTest {};

TEST_F(ProvidersTest, TellHowTheirTargetsFareAndNoSecret) {
    const std::string viewer = mint(store::KeyRole::viewer);
    core::ProviderRecord openai;
    openai.name = "openai";
    openai.vendor = core::Vendor::openai;
    openai.host = "api.openai.test";
    openai.key = Secret{"sk-hidden"};
    openai.more_keys = {Secret{"sk-hidden-too"}};
    core::Policy with = *policy;
    with.providers = {openai};
    policy = std::make_shared<const core::Policy>(with);
    targets = {{.provider = "openai",
                .model = "gpt-6",
                .key = 1,
                .state = TargetHealth::State::cooling,
                .cooldown_left = std::chrono::milliseconds{2500},
                .last_trouble = Trouble::rate_limited,
                .attempts = 8,
                .failures = 2,
                .recent_failure_rate = 0.25,
                .first_byte = std::chrono::milliseconds{321},
                .quota = {.requests_left = 0, .requests_limit = 500}}};
    const Reply reply = get("/providers", viewer);
    ASSERT_EQ(reply.status, 200) << reply.text;
    EXPECT_EQ(reply.text.find("hidden"), std::string::npos);
    const Json& provider = reply.body["providers"].at(0);
    EXPECT_EQ(provider["name"], "openai");
    EXPECT_EQ(provider["keys"], 2);
    const Json& target = provider["targets"].at(0);
    EXPECT_EQ(target["model"], "gpt-6");
    EXPECT_EQ(target["key"], 2);
    EXPECT_EQ(target["state"], "cooling");
    EXPECT_EQ(target["cooldown_seconds"], 2.5);
    EXPECT_EQ(target["last_trouble"], "rate_limited");
    EXPECT_EQ(target["attempts"], 8);
    EXPECT_EQ(target["failures"], 2);
    EXPECT_EQ(target["recent_failure_rate"], 0.25);
    EXPECT_EQ(target["first_byte_seconds"], 0.321);
    EXPECT_EQ(target["quota"]["requests_left"], 0);
    EXPECT_EQ(target["quota"]["tokens_left"], nullptr);
}

}  // namespace
}  // namespace weir::admin
