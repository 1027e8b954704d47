#include "gateway/arrival.h"

#include <algorithm>
#include <array>

#include "core/attribute.h"
#include "core/identify.h"

namespace weir::gateway {
namespace {

using codec::equals_ignore_case;

// Names that a field's is looked for in. Nearly no field is one of them, so most fall out at
// their length.
template <std::size_t N>
struct FieldNames {
    std::array<std::string_view, N> names;
    std::uint64_t lengths = 0;

    constexpr explicit FieldNames(const std::array<std::string_view, N>& list) : names(list) {
        for (std::string_view name : names) lengths |= std::uint64_t{1} << name.size();
    }
    bool contains(std::string_view name) const {
        if (name.size() > 63 || (lengths >> name.size() & 1) == 0) return false;
        return std::ranges::any_of(names, [&](std::string_view x) {
            return x.size() == name.size() && equals_ignore_case(x, name);
        });
    }
};

// Never sent on (product.md §3.11): what belongs to this hop, to Weir, or to the client's own
// network.
constexpr FieldNames kKept{std::to_array<std::string_view>({
    "host",          "content-length",   "expect",         "accept-encoding",
    "authorization", "x-api-key",        "api-key",        "x-goog-api-key",
    "cookie",        "forwarded",        "x-real-ip",      "via",
    "baggage",       "traceparent",      "tracestate",     "content-encoding",
    "upgrade",       "cf-connecting-ip", "true-client-ip",
})};

constexpr FieldNames kCredentials{
    std::to_array<std::string_view>({"authorization", "x-api-key", "api-key", "x-goog-api-key"})};

constexpr FieldNames kNotAnswered{std::to_array<std::string_view>({
    "content-length",
    "content-encoding",
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
    "location",  // a client that followed it would take Weir's key along
    "trailer",
    "report-to",
})};

bool has_prefix(std::string_view name, std::string_view prefix) {
    return name.size() > prefix.size() && equals_ignore_case(name.substr(0, prefix.size()), prefix);
}

std::string_view without_bearer(std::string_view value) {
    constexpr std::string_view kBearer = "bearer ";
    if (value.size() > kBearer.size() &&
        equals_ignore_case(value.substr(0, kBearer.size()), kBearer)) {
        value.remove_prefix(kBearer.size());
        while (value.starts_with(' ')) value.remove_prefix(1);
    }
    return value;
}

bool is_kept(std::string_view name) {
    return codec::is_hop_by_hop(name) || has_prefix(name, "x-weir-") || kKept.contains(name) ||
           has_prefix(name, "proxy-") || has_prefix(name, "x-forwarded-") ||
           core::is_attribution_header(name);
}

void append_credential(std::string& out, const core::ProviderRecord& provider,
                       std::uint16_t number) {
    const Secret& key = core::provider_key(provider, number);
    if (key.empty()) return;
    switch (provider.auth) {
        case core::AuthStyle::bearer:
            out.append("authorization: Bearer ").append(key.reveal()).append("\r\n");
            break;
        case core::AuthStyle::x_api_key:
            out.append("x-api-key: ").append(key.reveal()).append("\r\n");
            break;
        case core::AuthStyle::api_key:
            out.append("api-key: ").append(key.reveal()).append("\r\n");
            break;
        case core::AuthStyle::none:
            break;
    }
}

void append_host(std::string& out, const core::ProviderRecord& provider) {
    bool literal6 = provider.host.contains(':');
    out.append(literal6 ? "host: [" : "host: ").append(provider.host).append(literal6 ? "]" : "");
    if (provider.port != (provider.tls ? 443 : 80))
        out.append(":").append(std::to_string(provider.port));
    out.append("\r\n");
}

}  // namespace

Arrival read_arrival(const codec::RequestHead& head) {
    Arrival arrival;
    std::string_view target = head.origin;
    auto question = target.find('?');
    arrival.path = target.substr(0, question);
    if (question != std::string_view::npos) arrival.query = target.substr(question);
    constexpr std::string_view kTags = "/t/";
    if (arrival.path.starts_with(kTags)) {
        auto end = arrival.path.find('/', kTags.size());
        arrival.url_tags = arrival.path.substr(kTags.size(), end - kTags.size());
        arrival.path = end == std::string_view::npos ? "/" : arrival.path.substr(end);
    }
    arrival.include_cost = head.find("x-weir-include") == "cost";

    std::string_view own = head.find("x-weir-key");
    std::string_view first;
    for (std::string_view name : kCredentials.names) {
        std::string_view value = without_bearer(head.find(name));
        if (value.empty()) continue;
        if (first.empty()) first = value;
        if (own.empty() && core::parse_key(value)) {
            arrival.key = value;
            return arrival;
        }
    }
    arrival.key = own.empty() ? first : own;
    arrival.own_credential = !own.empty() && !first.empty() && !core::parse_key(first);
    return arrival;
}

core::Dialect dialect_of(const Arrival& arrival, const codec::RequestHead& head) {
    if (arrival.path.contains("/messages") || head.find("anthropic-version").data() != nullptr) {
        return core::Dialect::anthropic;
    }
    if (arrival.path.contains("/responses")) return core::Dialect::openai_responses;
    if (arrival.path.contains("/embeddings")) return core::Dialect::openai_embeddings;
    return core::Dialect::openai_chat;
}

void append_upstream_head(std::string& out, const codec::RequestHead& client,
                          const UpstreamHead& to) {
    const auto& provider = *to.provider;
    out.append(to.method).append(" ").append(provider.path_prefix).append(to.path).append(to.query);
    out.append(" HTTP/1.1\r\n");
    append_host(out, provider);
    if (!to.own_credential) append_credential(out, provider, to.key);
    bool named = connection_names_fields(client.fields);
    for (const auto& field : client.fields) {
        bool is_credential = to.own_credential && kCredentials.contains(field.name);
        if (is_credential && !core::parse_key(without_bearer(field.value))) {
            // the caller's own: falls through to be sent as it came
        } else if (is_kept(field.name)) {
            continue;
        } else if (named && codec::connection_names(client.fields, field.name)) {
            continue;
        }
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    }
    out.append("accept-encoding: identity\r\n");
    if (to.has_body) codec::append_field(out, "content-length", std::uint64_t{to.body_bytes});
    out.append("\r\n");
}

bool connection_names_fields(const std::vector<codec::HeaderField>& fields) {
    constexpr std::string_view kConnection = "connection";
    return std::ranges::any_of(fields, [&](const codec::HeaderField& field) {
        return field.name.size() == kConnection.size() &&
               equals_ignore_case(field.name, kConnection) &&
               !equals_ignore_case(field.value, "keep-alive") &&
               !equals_ignore_case(field.value, "close");
    });
}

bool tells_a_rate(std::string_view name) {
    return has_prefix(name, "x-ratelimit-") || has_prefix(name, "anthropic-ratelimit-");
}

bool answers_through(std::string_view name) {
    return !codec::is_hop_by_hop(name) && !kNotAnswered.contains(name) &&
           !has_prefix(name, "x-weir-");
}

}  // namespace weir::gateway
