// Where events are told (telemetry/webhook.h).
#include <algorithm>
#include <fmt/format.h>

#include "app/config_reading.h"
#include "base/nearest.h"
#include "codec/url.h"

namespace weir::app {
namespace {

void read_url(Reading& r, const YAML::Node& node, telemetry::Webhook& webhook) {
    auto text = r.yaml.text(node, "url");
    if (!text) return r.yaml.complain(node, "a webhook needs a 'url'");
    std::string url = *text;
    if (url.starts_with("env:") || url.starts_with("file:")) {
        auto secret = read_secret(r, node["url"], url);
        if (!secret) return;
        url = secret->reveal();
    }
    const std::size_t query = url.find('?');
    auto base = codec::parse_base_url(std::string_view{url}.substr(0, query));
    if (!base) {
        // Without the URL itself, which is a password with many receivers.
        return r.yaml.complain(node["url"], base.error().message());
    }
    std::string target = base->path;
    if (target.empty() || url[std::min(query, url.size()) - 1] == '/') target += '/';
    if (query != std::string::npos) target += url.substr(query);
    webhook.target = Secret{std::move(target)};
    webhook.address.host = base->host;
    webhook.address.port = base->port;
    webhook.address.tls = base->tls();
    if (base->host == "hooks.slack.com") webhook.format = telemetry::WebhookFormat::slack;
}

void read_events(Reading& r, const YAML::Node& node, telemetry::Webhook& webhook) {
    std::vector<std::string_view> known;
    for (const store::EventKind kind : store::kEventKinds) {
        if (kind != store::EventKind::test) known.push_back(store::event_kind_name(kind));
    }
    for (const std::string& name : r.yaml.list(node, "events")) {
        if (std::ranges::find(known, name) != known.end()) {
            webhook.events.push_back(*store::event_kind_named(name));
            continue;
        }
        const auto meant = nearest(name, known);
        r.yaml.complain(node["events"],
                        meant ? fmt::format("unknown event '{}' (did you mean '{}'?)", name, *meant)
                              : fmt::format("unknown event '{}': alert, exhausted, reset, overrun "
                                            "or orphan",
                                            name));
    }
}

// An event is of a team, not of a call: it has no other dimension.
bool is_condition(const std::string& name) {
    const auto facet = core::Facet::named(name);
    return name == "budget" || (facet && facet->dimension == core::Dimension::team);
}

}  // namespace

void read_webhook(Reading& r, const std::string& name, const YAML::Node& node) {
    if (!node.IsMap()) return r.yaml.complain(node, "a webhook is a map");
    r.yaml.check_keys(node, "webhooks.*");
    telemetry::Webhook webhook;
    webhook.name = name;
    read_url(r, node, webhook);
    webhook.address.ca_file = r.yaml.text(node, "ca").value_or("");
    if (auto format = r.yaml.text(node, "format")) {
        auto named = telemetry::webhook_format_named(*format);
        if (!named) {
            r.yaml.complain(node["format"], "'format' is weir, slack or alertmanager");
        }
        webhook.format = named.value_or(webhook.format);
    }
    if (auto reference = r.yaml.text(node, "secret")) {
        if (auto secret = read_secret(r, node["secret"], *reference)) {
            webhook.signing_key = std::move(*secret);
        }
    }
    read_events(r, node, webhook);
    r.yaml.entries(node, "where", [&](const std::string& key, const YAML::Node& value) {
        if (!is_condition(key)) {
            return r.yaml.complain(value,
                                   fmt::format("an event has no '{}': 'team', 'budget', or an "
                                               "attribute of the team such as 'owner'",
                                               key));
        }
        YAML::Node holder;
        holder["values"] = value;
        webhook.where[key] = r.yaml.list(holder, "values");
    });
    r.config.webhooks.push_back(std::move(webhook));
}

}  // namespace weir::app
