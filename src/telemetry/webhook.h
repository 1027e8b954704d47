// A webhook: where events go, which of them, and in what words. Pure. Thread: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "core/policy.h"
#include "http/client.h"
#include "store/events.h"

namespace weir::telemetry {

// `weir`: the event itself, as JSON. `slack`: an incoming webhook's message, which Mattermost and
// Discord (…/slack) take too. `alertmanager`: its API, POST /api/v2/alerts.
enum class WebhookFormat : std::uint8_t { weir, slack, alertmanager };
std::string_view webhook_format_name(WebhookFormat format);
std::optional<WebhookFormat> webhook_format_named(std::string_view name);

struct Webhook {
    std::string name;
    runtime::Address address;
    Secret target;  // path and query, which are a password with many receivers
    WebhookFormat format = WebhookFormat::weir;
    Secret signing_key;                    // empty: not signed
    std::vector<store::EventKind> events;  // empty: all
    // Of the event's `team`, `budget`, or an attribute of its team; globs. All must hold.
    std::map<std::string, std::vector<std::string>> where;
};

// Is it to be told of this event? `team`: the event's, or nullptr.
bool wants(const Webhook& webhook, const store::Event& event, const core::TeamRecord* team);

// What happened, in one sentence, and what can be done about it, in another (or "").
struct EventText {
    std::string headline;
    std::string advice;
};
EventText event_text(const store::Event& event);

// The whole request; signed after the Standard Webhooks specification (id, timestamp, HMAC-SHA-256
// over both and the body), whatever the format. `now`: of this try.
http::ClientRequest webhook_request(const Webhook& webhook, const store::Event& event,
                                    UnixTime now);

}  // namespace weir::telemetry
