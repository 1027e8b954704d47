#include <gmock/gmock.h>

#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EventsTest : public AdminTest {
 protected:
    // A team's budget of one dollar, of which its first call uses all.
    void use_up(const std::string& team) {
        core::BudgetSpec spec{.id = 0, .name = "pot-of-" + team};
        spec.where = {{core::Dimension::team, {team}}};
        spec.amount = Money::from_usd(1).pico();
        const std::uint64_t id =
            directory->put_budget(spec, "api", {"setup", clock.now}).value().id;
        ledger::EndRecord end = store::end_of(store::attempt(team == "support" ? 3 : 4));
        end.charge = Money::from_usd(1);
        end.parts = {{.budget_id = id,
                      .instance = {},
                      .window = store::kMonth,
                      .held = Money::from_usd(1).pico(),
                      .amount = spec.amount}};
        write(ledger::Record{end});
    }
    void add_webhook() {
        telemetry::Webhook webhook;
        webhook.name = "slack";
        webhook.address = {.host = "hooks.example", .port = 443, .tls = true};
        webhook.target = Secret{"/services/T0/B0/password"};
        webhook.signing_key = Secret{"signing-password"};
        webhooks.push_back(std::move(webhook));
    }
};

TEST_F(EventsTest, TellWhatBudgetsCameToInWordsAndFigures) {
    use_up("support");
    const Reply reply = get("/events?kind=exhausted");
    ASSERT_EQ(reply.status, 200) << reply.text;
    ASSERT_EQ(reply.body["events"].size(), 1u);
    const Json event = reply.body["events"][0];
    EXPECT_EQ(event["budget"], "pot-of-support");
    EXPECT_EQ(event["team"], "support");
    EXPECT_EQ(event["used"], "1.00");
    EXPECT_EQ(event["amount"], "1.00");
    EXPECT_THAT(event["text"].get<std::string>(), HasSubstr("exhausted: $1.00 of $1.00 used"));
    EXPECT_THAT(event["advice"].get<std::string>(), HasSubstr("weir budgets raise pot-of-support"));
    EXPECT_EQ(get("/events?kind=exhausted&budget=other").body["events"].size(), 0u);
}

TEST_F(EventsTest, AreReadPageByPage) {
    use_up("support");
    const Json first = get("/events?limit=1").body;
    EXPECT_EQ(first["events"][0]["kind"], "exhausted");
    const Json second = get("/events?limit=1&before=" + first["next"].dump()).body;
    EXPECT_EQ(second["events"][0]["kind"], "alert");
    EXPECT_TRUE(second["next"].is_null());
}

TEST_F(EventsTest, AnOwnerSeesItsTeamsAlone) {
    use_up("support");
    use_up("research");
    const std::string owner = mint(store::KeyRole::team_owner, "support");
    for (const Json& event : get("/events", owner).body["events"]) {
        EXPECT_EQ(event["team"], "support");
    }
    EXPECT_EQ(get("/events", owner).body["events"].size(), 2u);
    EXPECT_EQ(get("/events?team=research", owner).status, 403);
    EXPECT_EQ(get("/webhooks", owner).status, 403);
}

TEST_F(EventsTest, AnUnknownKindIsSaid) {
    EXPECT_THAT(get("/events?kind=alarm").message(), HasSubstr("exhausted"));
}

TEST_F(EventsTest, AWebhookIsToldOfWithoutItsPasswords) {
    add_webhook();
    const Reply reply = get("/webhooks");
    ASSERT_EQ(reply.status, 200) << reply.text;
    EXPECT_EQ(reply.body["webhooks"][0]["receiver"], "https://hooks.example:443");
    EXPECT_EQ(reply.body["webhooks"][0]["signed"], true);
    EXPECT_THAT(reply.text, Not(HasSubstr("password")));
}

TEST_F(EventsTest, ATestWaitsInTheOutboxAndIsAudited) {
    add_webhook();
    const Reply sent = post("/webhooks/slack/test", "{}");
    ASSERT_EQ(sent.status, 202) << sent.text;
    EXPECT_EQ(get("/webhooks").body["webhooks"][0]["waiting"], 1);
    const auto due = outbox->next_due("slack", clock.now).value();
    ASSERT_TRUE(due);
    EXPECT_EQ(due->event.id, sent.body["event"].get<std::string>());
    EXPECT_EQ(get("/audit?limit=1").body["audit"][0]["action"], "webhook.test");
    ASSERT_TRUE(outbox->failed("slack", due->event.row, clock.now, "answered 500", std::nullopt));
    EXPECT_EQ(post("/webhooks/slack/retry", "{}").body["waiting_again"], 1);
    EXPECT_EQ(post("/webhooks/teams/test", "{}").status, 404);
}

}  // namespace
}  // namespace weir::admin
