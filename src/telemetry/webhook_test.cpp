#include "telemetry/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weir::telemetry {
namespace {

using nlohmann::json;
using store::Event;
using store::EventKind;
using ::testing::HasSubstr;

const UnixTime kNow = UnixTime::from_seconds(1'795'489'200);  // 2026-11-24T03:00:00Z
constexpr core::WindowSpan kMonth{1'793'491'200, 1'796'083'200};

Event exhausted() {
    return {.row = 1,
            .id = "evt_1",
            .kind = EventKind::exhausted,
            .at = kNow,
            .team = "support",
            .budget = "ticket",
            .unit = core::BudgetUnit::usd,
            .window_kind = core::WindowKind::month,
            .instance = "support/t-<4711>",
            .window = kMonth,
            .percent = 80,
            .amount = Money::from_usd(2).pico(),
            .settled = Money::from_usd(2).pico() - 20'000'000'000,
            .call = CallId{1, 0, 7}};
}

std::string field(const http::ClientRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.fields) {
        if (key == name) return value;
    }
    return "";
}

TEST(Webhook, TellsAnEventWithItsFiguresAndWhatToDo) {
    const json body = json::parse(webhook_request({}, exhausted(), kNow).body);
    EXPECT_EQ(body["id"], "evt_1");
    EXPECT_EQ(body["type"], "exhausted");
    EXPECT_EQ(body["timestamp"], "2026-11-24T03:00:00Z");
    EXPECT_EQ(body["data"]["used"], "1.98");
    EXPECT_EQ(body["data"]["amount"], "2.00");
    EXPECT_EQ(body["data"]["window_end"], "2026-12-01T00:00:00Z");
    EXPECT_EQ(body["data"]["text"],
              "budget ticket of support/t-<4711> is exhausted: $1.98 of $2.00 used, until "
              "2026-12-01T00:00:00Z");
    EXPECT_EQ(body["data"]["advice"],
              "More for a while: weir budgets raise ticket +AMOUNT --instance support/t-<4711> "
              "--until DATE --reason TEXT");
}

// That a receiver can prove it is shown by tests/e2e/test_webhooks.py, with the specification's own
// library.
TEST(Webhook, IsSignedAsTheSpecificationSays) {
    Webhook webhook;
    webhook.target = Secret{"/hook"};
    EXPECT_EQ(field(webhook_request(webhook, exhausted(), kNow), "webhook-signature"), "");
    webhook.signing_key = Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
    const http::ClientRequest request = webhook_request(webhook, exhausted(), kNow);
    EXPECT_EQ(request.target, "/hook");
    EXPECT_EQ(field(request, "webhook-id"), "evt_1");
    EXPECT_EQ(field(request, "webhook-timestamp"), "1795489200");
    const std::string signature = field(request, "webhook-signature");
    EXPECT_TRUE(signature.starts_with("v1,"));
    webhook.signing_key = Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"};
    EXPECT_NE(field(webhook_request(webhook, exhausted(), kNow), "webhook-signature"), signature);
}

TEST(Webhook, SlackReadsTextWithItsOwnCharactersEscaped) {
    Webhook slack;
    slack.format = WebhookFormat::slack;
    const json body = json::parse(webhook_request(slack, exhausted(), kNow).body);
    EXPECT_THAT(body["text"].get<std::string>(), HasSubstr("support/t-&lt;4711&gt;"));
    EXPECT_EQ(body.size(), 1u);
}

TEST(Webhook, AlertmanagerHearsOfTheEndWhenTheWindowIsOver) {
    Webhook alertmanager;
    alertmanager.format = WebhookFormat::alertmanager;
    const json fired = json::parse(webhook_request(alertmanager, exhausted(), kNow).body);
    ASSERT_EQ(fired.size(), 1u);
    EXPECT_EQ(fired[0]["labels"]["alertname"], "weir_exhausted");
    EXPECT_EQ(fired[0]["startsAt"], "2026-11-24T03:00:00Z");
    EXPECT_EQ(fired[0]["endsAt"], "2026-12-01T00:00:00Z");
    Event reset = exhausted();
    reset.kind = EventKind::reset;
    reset.at = UnixTime::from_seconds(kMonth.end);
    const json ended = json::parse(webhook_request(alertmanager, reset, reset.at).body);
    ASSERT_EQ(ended.size(), 2u);
    EXPECT_EQ(ended[1]["labels"], fired[0]["labels"]);
    EXPECT_EQ(ended[1]["endsAt"], "2026-12-01T00:00:00Z");
}

TEST(Webhook, OneOfATotalIsShownForAnHour) {
    Webhook alertmanager;
    alertmanager.format = WebhookFormat::alertmanager;
    Event event = exhausted();
    event.window = {0, INT64_MAX};
    const json fired = json::parse(webhook_request(alertmanager, event, kNow).body);
    EXPECT_EQ(fired[0]["endsAt"], "2026-11-24T04:00:00Z");
}

TEST(Webhook, WantsWhatItsEventsAndConditionsName) {
    const core::TeamRecord team{"support", {{"owner", "ada@example.com"}}};
    const Event event = exhausted();
    Webhook webhook;
    EXPECT_TRUE(wants(webhook, event, &team));
    webhook.events = {EventKind::alert};
    EXPECT_FALSE(wants(webhook, event, &team));
    webhook.events = {EventKind::alert, EventKind::exhausted};
    webhook.where = {{"owner", {"ada@*"}}, {"budget", {"ticket", "day"}}};
    EXPECT_TRUE(wants(webhook, event, &team));
    webhook.where["team"] = {"research"};
    EXPECT_FALSE(wants(webhook, event, &team));
}

// A pot of several teams has no owner: who listens for one's events alone does not hear of it.
TEST(Webhook, AnEventOfNobodyGoesToWhoeverHearsEverything) {
    Event event = exhausted();
    event.team = "";
    Webhook owners;
    owners.where = {{"owner", {"*"}}};
    EXPECT_FALSE(wants(owners, event, nullptr));
    owners.where = {{"team", {"*"}}};
    EXPECT_FALSE(wants(owners, event, nullptr));
    EXPECT_TRUE(wants({}, event, nullptr));
}

TEST(EventText, SaysOfEachKindWhatHappened) {
    Event event = exhausted();
    event.kind = EventKind::alert;
    EXPECT_THAT(event_text(event).headline, HasSubstr("80 % of budget ticket"));
    event.kind = EventKind::reset;
    EXPECT_THAT(event_text(event).headline, HasSubstr("has begun a new month: $2.00 to use"));
    event.kind = EventKind::overrun;
    event.overrun = Money::from_usd(1).pico();
    EXPECT_THAT(event_text(event).headline, HasSubstr("$1.00 above the hold"));
    EXPECT_THAT(event_text(event).advice, HasSubstr("weir why"));
    event.kind = EventKind::orphan;
    event.calls = 3;
    EXPECT_THAT(event_text(event).headline, HasSubstr("3 calls of a start that died"));
    event.unit = core::BudgetUnit::calls;
    event.kind = EventKind::alert;
    event.amount = 60;
    event.settled = 48;
    EXPECT_THAT(event_text(event).headline, HasSubstr("48 calls of 60 calls"));
}

}  // namespace
}  // namespace weir::telemetry
