// What people must hear of, and the webhooks that tell them.
#include <algorithm>
#include <fmt/format.h>

#include "admin/fields.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

constexpr std::int64_t kEventsMax = 1'000;
constexpr std::int64_t kEventsUsual = 100;

void add_budget(Json& out, const store::Event& event) {
    const core::BudgetUnit unit = event.unit;
    out["budget"] = event.budget;
    out["instance"] = json_text(event.instance);
    out["unit"] = core::budget_unit_name(unit);
    out["window"] = json_window(event.window);
    out["amount"] = json_amount(unit, event.amount);
    out["used"] = json_amount(unit, event.settled);
    if (event.kind == store::EventKind::alert) out["percent"] = event.percent;
    if (event.kind == store::EventKind::exhausted) out["held"] = json_amount(unit, event.held);
    if (event.kind == store::EventKind::overrun) out["overrun"] = json_amount(unit, event.overrun);
}

Json event_json(const store::Event& event) {
    const telemetry::EventText text = telemetry::event_text(event);
    Json out{{"row", event.row},
             {"id", event.id},
             {"kind", store::event_kind_name(event.kind)},
             {"at", json_time(event.at)},
             {"team", json_text(event.team)},
             {"text", text.headline},
             {"advice", json_text(text.advice)}};
    if (!event.budget.empty()) add_budget(out, event);
    if (event.kind == store::EventKind::orphan) {
        out["calls"] = event.calls;
        out["charged_usd"] = json_usd(Money::from_pico(event.settled));
    }
    out["call"] = event.call ? Json(event.call->text()) : Json(nullptr);
    return out;
}

// Never the path, which may be a password.
std::string receiver(const telemetry::Webhook& webhook) {
    return fmt::format("{}://{}:{}", webhook.address.tls ? "https" : "http", webhook.address.host,
                       webhook.address.port);
}

Json webhook_json(const telemetry::Webhook& webhook, const store::DeliveryFigures& figures) {
    Json kinds = Json::array();
    for (const store::EventKind kind : webhook.events) kinds.push_back(event_kind_name(kind));
    return {{"name", webhook.name},
            {"receiver", receiver(webhook)},
            {"format", telemetry::webhook_format_name(webhook.format)},
            {"signed", !webhook.signing_key.empty()},
            {"events", std::move(kinds)},
            {"where", Json(webhook.where)},
            {"waiting", figures.waiting},
            {"delivered", figures.delivered},
            {"given_up", figures.given_up},
            {"tried_at", json_time(figures.tried_at)},
            {"error", json_text(figures.error)}};
}

Result<const telemetry::Webhook*> find_webhook(Services& services, const std::string& name) {
    const auto& webhooks = services.webhooks();
    const auto at = std::ranges::find(webhooks, name, &telemetry::Webhook::name);
    if (at != webhooks.end()) return &*at;
    return fail(ErrorCode::not_found,
                fmt::format("There is no webhook {}: the configuration's `webhooks:` names them.",
                            name.substr(0, 64)));
}

}  // namespace

Result<Answer> list_events(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {"kind", "team", "budget", "before", "limit"});
    store::EventFilter filter;
    if (const auto kind = query.text("kind")) {
        filter.kind = store::event_kind_named(*kind);
        if (!filter.kind) {
            query.complain("'kind' is alert, exhausted, reset, overrun, orphan or test.");
        }
    }
    filter.team = query.text("team");
    filter.budget = query.text("budget");
    filter.before_row = query.integer("before", 1, INT64_MAX).value_or(0);
    const std::int64_t limit = query.integer("limit", 1, kEventsMax).value_or(kEventsUsual);
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    if (const auto own = request.caller.only_team()) {
        if (filter.team && *filter.team != *own) {
            return fail(ErrorCode::forbidden, "Events of other teams are not yours to see.");
        }
        filter.team = std::string{*own};
    }
    // What has just happened is to be found.
    const bool level = filter.before_row > 0 || services.bookkeeper.flush().has_value();
    Result<std::vector<store::Event>> events =
        services.queries.events(filter, static_cast<std::size_t>(limit));
    if (!events) return std::unexpected(std::move(events).error());
    Json list = Json::array();
    for (const store::Event& event : *events) list.push_back(event_json(event));
    const bool more = events->size() == static_cast<std::size_t>(limit) && events->back().row > 1;
    return answer({{"events", std::move(list)},
                   {"next", more ? Json(events->back().row) : Json(nullptr)},
                   {"complete", level}});
}

Result<Answer> list_webhooks(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {});
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    auto figures = services.outbox.figures();
    if (!figures) return std::unexpected(std::move(figures).error());
    Json list = Json::array();
    for (const telemetry::Webhook& webhook : services.webhooks()) {
        list.push_back(webhook_json(webhook, (*figures)[webhook.name]));
    }
    return answer({{"webhooks", std::move(list)}});
}

Result<Answer> test_webhook(Services& services, const Request& request) {
    auto webhook = find_webhook(services, request.captures[0]);
    if (!webhook) return std::unexpected(std::move(webhook).error());
    const std::string& name = (*webhook)->name;
    auto id = services.outbox.add_test(name, services.rng.next(), request.now);
    if (!id) return std::unexpected(std::move(id).error());
    Result<> noted =
        services.directory.note_change(request.change(), "webhook.test", "webhook:" + name, "", "");
    if (!noted) return std::unexpected(std::move(noted).error());
    return answer({{"webhook", name}, {"event", *id}}, 202);
}

Result<Answer> retry_webhook(Services& services, const Request& request) {
    auto webhook = find_webhook(services, request.captures[0]);
    if (!webhook) return std::unexpected(std::move(webhook).error());
    const std::string& name = (*webhook)->name;
    auto count = services.outbox.retry(name, request.now);
    if (!count) return std::unexpected(std::move(count).error());
    Result<> noted = services.directory.note_change(request.change(), "webhook.retry",
                                                    "webhook:" + name, "", "");
    if (!noted) return std::unexpected(std::move(noted).error());
    return answer({{"webhook", name}, {"waiting_again", *count}});
}

}  // namespace weir::admin
