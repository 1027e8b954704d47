#include "gateway/prepared_call.h"

#include <array>

#include "codec/content_coding.h"
#include "core/attribute.h"
#include "core/identify.h"

namespace weir::gateway {
namespace {

constexpr std::size_t kHeadersMax = 128;

Result<> check_state(const core::KeyRecord& key, UnixTime now) {
    if (key.revoked && *key.revoked <= now) return fail(ErrorCode::key_revoked);
    if (key.expires && *key.expires <= now) return fail(ErrorCode::key_expired);
    return {};
}

Result<> decode_body(const codec::RequestHead& head, std::size_t bytes_max, PreparedCall& call) {
    std::string_view coding = head.find("content-encoding");
    if (coding.empty()) return {};
    auto codings = codec::parse_content_encoding(coding);
    if (!codings) return std::unexpected(codings.error());
    codec::Decoder decoder(*codings, bytes_max);
    if (auto fed = decoder.feed(call.body, call.decoded_body); !fed)
        return std::unexpected(fed.error());
    if (auto whole = decoder.finish(); !whole) return std::unexpected(whole.error());
    call.body = call.decoded_body;
    return {};
}

Result<> describe_call(const codec::RequestHead& head, PreparedCall& call) {
    if (call.endpoint.endpoint == core::Endpoint::models) {
        call.shape.endpoint = core::Endpoint::models;
        return {};
    }
    if (auto decoded = decode_body(head, call.policy->limits.body_bytes_max, call); !decoded) {
        return decoded;
    }
    auto shape = provider::describe(call.endpoint.endpoint, call.body);
    if (!shape) return std::unexpected(shape.error());
    call.shape = std::move(*shape);
    return {};
}

// Only targets that the caller may use. Errors: those of the first, where none is left.
Result<> keep_allowed(Road& road, const PreparedCall& call, core::Plan& plan) {
    std::vector<std::string> observed;
    std::optional<Error> first;
    std::erase_if(plan.targets, [&](const core::Target& target) {
        auto may = check_access(road, call, &target, observed);
        if (!may && !first) first = may.error();
        return !may;
    });
    if (plan.targets.empty()) return std::unexpected(std::move(*first));
    return {};
}

// Calls without a trajectory go each their own way.
std::uint64_t spread_of(const CallId& id) { return (id.seq << 16 | id.worker) ^ id.epoch; }

// The list of models has no model to route by: the headers tell which vendor's client asks.
Result<> route_call(Road& road, const codec::RequestHead& head, PreparedCall& call) {
    if (call.endpoint.endpoint != core::Endpoint::models) {
        const std::uint64_t trajectory = trajectory_hash(call.attribution);
        const std::uint64_t spread = trajectory != 0 ? trajectory : spread_of(call.id);
        auto plan = core::route(*call.policy, call.shape, road.clock.unix_now(), spread);
        if (!plan) {
            // What the caller may not use, it is not told of either.
            std::vector<std::string> observed;
            if (auto may = check_access(road, call, nullptr, observed); !may) return may;
            return std::unexpected(plan.error());
        }
        // The caller's own credential is good at one place only.
        if (call.arrival.own_credential) plan->targets.resize(1);
        if (auto may = keep_allowed(road, call, *plan); !may) return may;
        call.plan = std::move(*plan);
        road.targets.follow_pin(call.plan, call.attribution, road.clock.mono_now());
        return {};
    }
    bool anthropic = head.find("anthropic-version").data() != nullptr;
    for (const auto& provider : call.policy->providers) {
        if ((provider.vendor == core::Vendor::anthropic) != anthropic) continue;
        core::Target target;
        target.provider = &provider;
        call.plan.targets.push_back(target);
        return {};
    }
    return fail(ErrorCode::unknown_model,
                "No provider is configured that lists models for this client.");
}

}  // namespace

Result<> check_access(Road& road, const PreparedCall& call, const core::Target* target,
                      std::vector<std::string>& observed) {
    const core::Policy& policy = *call.policy;
    core::AccessRequest request{
        .policy = &policy,
        .key = call.key,
        .attribution = &call.attribution,
        .endpoint = call.endpoint.endpoint,
        .asked_model = call.shape.model,
        // The treasury's time takes its lock.
        .observe = policy.observing.has_value() && policy.is_observing(road.treasury.now())};
    if (target != nullptr) {
        request.provider = target->provider->name;
        request.model = target->model;
    }
    return core::check_access(request, observed);
}

Result<> identify_caller(Road& road, Caller& caller, PreparedCall& call) {
    UnixTime now = road.clock.unix_now();
    bool known = caller.policy_version == call.policy->version && !caller.known_key.empty() &&
                 equal_constant_time(caller.known_key.reveal(), call.arrival.key);
    if (known) {
        call.key = &call.policy->keys.at(caller.known_key_id);
        return check_state(*call.key, now);
    }
    auto principal = core::identify(*call.policy, call.arrival.key, now, road.sha256);
    if (!principal) return std::unexpected(principal.error());
    call.key = principal->key;
    caller.policy_version = call.policy->version;
    // A rotated-out secret has an end of its own, so it is judged anew each time.
    if (!call.key->previous_until) {
        caller.known_key = Secret{std::string(call.arrival.key)};
        caller.known_key_id = call.key->id;
    }
    return {};
}

Result<> attribute_call(const codec::RequestHead& head, PreparedCall& call) {
    std::array<core::HeaderView, kHeadersMax> headers;
    std::size_t n = 0;
    for (const auto& field : head.fields) {
        if (n == headers.size()) break;
        headers[n++] = {field.name, field.value};
    }
    auto attribution = core::attribute({.policy = call.policy.get(),
                                        .key = call.key,
                                        .headers = std::span(headers.data(), n),
                                        .url_tags = call.arrival.url_tags,
                                        .shape = &call.shape});
    if (!attribution) return std::unexpected(attribution.error());
    call.attribution = std::move(*attribution);
    return {};
}

namespace {

// A refusal is its team's to see too, however little of the call was understood.
Result<> refuse_early(const codec::RequestHead& head, PreparedCall& call, const Error& why) {
    if (!attribute_call(head, call)) {
        auto by_key = core::attribute({.policy = call.policy.get(),
                                       .key = call.key,
                                       .headers = {},
                                       .url_tags = {},
                                       .shape = nullptr});
        if (by_key) call.attribution = std::move(*by_key);
    }
    return std::unexpected(why);
}

}  // namespace

namespace {

// What budgets hold is the less, the more of the input was counted before.
void recall_input(Road& road, PreparedCall& call) {
    if (call.endpoint.fate == provider::Fate::governed && !call.policy->budgets.empty()) {
        auto chain =
            road.inputs.chain(call.body, call.shape, call.attribution.of(core::Dimension::team));
        call.fingerprint = core::fingerprint_of(chain.back(), call.shape.model);
        if (call.body.size() >= InputMemory::kBytesThatMatter) {
            call.conversation = chain.back();
            call.known = road.inputs.recall(chain, call.shape, call.plan.targets.front(),
                                            road.clock.mono_now());
        }
    }
    // Of no use from here on, and a stream lasts.
    std::vector<core::Turn>{}.swap(call.shape.turns);
    std::vector<core::Span>{}.swap(call.shape.silent);
}

}  // namespace

runtime::Task<Result<>> prepare(Road& road, http::ServerConnection& client, Caller& caller,
                                PreparedCall& call) {
    const auto& head = client.head();
    if (auto identified = identify_caller(road, caller, call); !identified) co_return identified;
    auto endpoint = provider::match_endpoint(head.method, call.arrival.path);
    if (!endpoint) co_return refuse_early(head, call, endpoint.error());
    call.endpoint = std::move(*endpoint);

    auto body = co_await client.read_body();
    if (!body) co_return refuse_early(head, call, body.error());
    // A body where none belongs stays here: sent on without a length, it would be another request.
    if (head.method == "POST") call.body = *body;
    if (auto described = describe_call(head, call); !described) {
        co_return refuse_early(head, call, described.error());
    }
    if (auto attributed = attribute_call(head, call); !attributed) {
        co_return refuse_early(head, call, attributed.error());
    }
    auto routed = route_call(road, head, call);
    if (routed) recall_input(road, call);
    co_return routed;
}

}  // namespace weir::gateway
