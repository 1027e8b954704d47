#include "telemetry/webhook.h"

#include <algorithm>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "core/budget_outlook.h"
#include "core/identify.h"
#include "runtime/hmac.h"

namespace weir::telemetry {
namespace {

using Json = nlohmann::ordered_json;
using store::EventKind;

constexpr std::array kFormats{WebhookFormat::weir, WebhookFormat::slack,
                              WebhookFormat::alertmanager};
// How long Alertmanager shows what has no end of its own.
constexpr Duration kShown = std::chrono::hours{1};

std::string text_of(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_budget(Json& data, const store::Event& event) {
    data["budget"] = event.budget;
    if (!event.instance.empty()) data["instance"] = event.instance;
    data["unit"] = core::budget_unit_name(event.unit);
    data["window"] = core::window_name(event.window_kind);
    data["window_start"] = to_rfc3339(UnixTime::from_seconds(event.window.start));
    if (event.has_end()) {
        data["window_end"] = to_rfc3339(UnixTime::from_seconds(event.window.end));
    }
    data["amount"] = core::amount_text(event.unit, event.amount);
    data["used"] = core::amount_text(event.unit, event.settled);
    if (event.kind == EventKind::alert) data["percent"] = event.percent;
    if (event.kind == EventKind::exhausted)
        data["held"] = core::amount_text(event.unit, event.held);
    if (event.kind == EventKind::overrun)
        data["overrun"] = core::amount_text(event.unit, event.overrun);
}

std::string own_body(const store::Event& event) {
    const EventText text = event_text(event);
    Json data = Json::object();
    data["text"] = text.headline;
    if (!text.advice.empty()) data["advice"] = text.advice;
    if (!event.team.empty()) data["team"] = event.team;
    if (!event.budget.empty()) add_budget(data, event);
    if (event.kind == EventKind::orphan) {
        data["calls"] = event.calls;
        data["charged_usd"] = core::amount_text(core::BudgetUnit::usd, event.settled);
    }
    if (event.call) data["call"] = event.call->text();
    return text_of({{"id", event.id},
                    {"type", store::event_kind_name(event.kind)},
                    {"timestamp", to_rfc3339(event.at)},
                    {"data", std::move(data)}});
}

// The three characters that Slack reads as its own.
std::string slack_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '>') {
            out += "&gt;";
        } else {
            out += c;
        }
    }
    return out;
}

std::string slack_body(const store::Event& event) {
    const EventText text = event_text(event);
    std::string message = "Weir: " + slack_escaped(text.headline);
    if (!text.advice.empty()) message += "\n" + slack_escaped(text.advice);
    return text_of({{"text", message}});
}

Json alert_of(EventKind kind, const store::Event& event, UnixTime starts, UnixTime ends) {
    Json labels{{"alertname", fmt::format("weir_{}", store::event_kind_name(kind))},
                {"severity", kind == EventKind::alert ? "warning" : "critical"}};
    if (!event.team.empty()) labels["team"] = event.team;
    if (!event.budget.empty()) labels["budget"] = event.budget;
    if (!event.instance.empty()) labels["instance"] = event.instance;
    const EventText text = event_text(event);
    Json annotations{{"summary", text.headline}};
    if (!text.advice.empty()) annotations["description"] = text.advice;
    return {{"labels", std::move(labels)},
            {"annotations", std::move(annotations)},
            {"startsAt", to_rfc3339(starts)},
            {"endsAt", to_rfc3339(ends)}};
}

// A reset ends what was told of its window; labels are all that Alertmanager knows an alert by.
std::string alertmanager_body(const store::Event& event, UnixTime now) {
    Json alerts = Json::array();
    if (event.kind == EventKind::reset) {
        const UnixTime starts = UnixTime::from_seconds(event.window.start);
        for (const EventKind told : {EventKind::alert, EventKind::exhausted}) {
            alerts.push_back(alert_of(told, event, starts, event.at));
        }
    } else {
        const bool lasts = event.kind == EventKind::alert || event.kind == EventKind::exhausted;
        const UnixTime ends = lasts && event.has_end() ? UnixTime::from_seconds(event.window.end)
                                                       : std::max(event.at, now) + kShown;
        alerts.push_back(alert_of(event.kind, event, event.at, ends));
    }
    return text_of(alerts);
}

std::string body_of(const Webhook& webhook, const store::Event& event, UnixTime now) {
    switch (webhook.format) {
        case WebhookFormat::weir:
            return own_body(event);
        case WebhookFormat::slack:
            return slack_body(event);
        case WebhookFormat::alertmanager:
            return alertmanager_body(event, now);
    }
    return {};
}

// Of "whsec_…" the base64 is the key; any other text is one itself.
std::string key_bytes(std::string_view secret) {
    constexpr std::string_view kPrefix = "whsec_";
    if (secret.starts_with(kPrefix)) {
        if (auto bytes = runtime::from_base64(secret.substr(kPrefix.size()))) return *bytes;
    }
    return std::string{secret};
}

// Of `budget`, `team`, or an attribute of the team; empty: it has none.
std::string_view value_of(const std::string& name, const store::Event& event,
                          const core::TeamRecord* team) {
    if (name == "budget") return event.budget;
    const auto facet = core::Facet::named(name);
    if (!facet) return {};
    if (facet->attribute.empty()) return event.team;
    if (team == nullptr) return {};
    const auto at = team->attributes.find(facet->attribute);
    return at == team->attributes.end() ? std::string_view{} : at->second;
}

}  // namespace

std::string_view webhook_format_name(WebhookFormat format) {
    switch (format) {
        case WebhookFormat::weir:
            return "weir";
        case WebhookFormat::slack:
            return "slack";
        case WebhookFormat::alertmanager:
            return "alertmanager";
    }
    return "weir";
}

std::optional<WebhookFormat> webhook_format_named(std::string_view name) {
    const auto at = std::ranges::find(kFormats, name, webhook_format_name);
    return at == kFormats.end() ? std::nullopt : std::optional{*at};
}

bool wants(const Webhook& webhook, const store::Event& event, const core::TeamRecord* team) {
    const auto& kinds = webhook.events;
    if (!kinds.empty() && std::ranges::find(kinds, event.kind) == kinds.end()) return false;
    return std::ranges::all_of(webhook.where, [&](const auto& condition) {
        const std::string_view value = value_of(condition.first, event, team);
        return !value.empty() && core::name_allowed(condition.second, value);
    });
}

http::ClientRequest webhook_request(const Webhook& webhook, const store::Event& event,
                                    UnixTime now) {
    http::ClientRequest request;
    request.method = "POST";
    request.target = webhook.target.reveal();
    request.body = body_of(webhook, event, now);
    const std::string at = std::to_string(now.seconds());
    request.fields = {{"content-type", "application/json"},
                      {"user-agent", "weir"},
                      {"webhook-id", event.id},
                      {"webhook-timestamp", at}};
    if (webhook.signing_key.empty()) return request;
    const auto digest = runtime::hmac_sha256(key_bytes(webhook.signing_key.reveal()),
                                             fmt::format("{}.{}.{}", event.id, at, request.body));
    const std::string_view bytes{reinterpret_cast<const char*>(digest.data()), digest.size()};
    request.fields.emplace_back("webhook-signature", "v1," + runtime::base64(bytes));
    return request;
}

}  // namespace weir::telemetry
