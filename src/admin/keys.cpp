#include <algorithm>
#include <fmt/format.h>

#include "admin/fields.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kOverlapMax = 90 * kDaySeconds;

std::string_view state_of(const core::KeyRecord& key, UnixTime now) {
    if (key.revoked && now >= *key.revoked) return "revoked";
    if (key.expires && now >= *key.expires) return "expired";
    return "active";
}

Json key_json(const store::StoredKey& key, UnixTime now) {
    const core::KeyRecord& r = key.record;
    return {{"id", r.id},
            {"name", r.name},
            {"team", json_text(r.team)},
            {"role", store::key_role_name(key.role)},
            {"state", state_of(r, now)},
            {"environment", json_text(r.environment)},
            {"application", json_text(r.application)},
            {"task_type", json_text(r.task_type)},
            {"user", json_text(r.user)},
            {"models", r.models},
            {"created_at", json_time(r.created)},
            {"expires_at", json_time(r.expires)},
            {"revoked_at", json_time(r.revoked)},
            {"previous_secret_until", json_time(r.previous_until)}};
}

// The text is in no other answer, now or later.
Answer minted_answer(const Services& services, const store::MintedKey& minted, UnixTime now,
                     int status) {
    return answer({{"key", key_json(minted.key, now)},
                   {"secret", minted.text.reveal()},
                   {"gateway_url", services.gateway_url}},
                  status);
}

// A team owner's view ends at its team: another team's key is not there.
Result<store::StoredKey> find_key(Services& services, const Request& request) {
    const std::string& id = request.captures[0];
    Result<store::StoredKey> key = services.directory.key(id);
    const bool hidden = key && !request.caller.sees_team(key->record.team);
    if (hidden || (!key && key.error().code() == ErrorCode::not_found)) {
        return fail(ErrorCode::not_found, fmt::format("There is no key {}.", id.substr(0, 64)));
    }
    return key;
}

// A team owner keeps the data keys of its team; keys that open the admin API are the admin's.
Result<> check_keeper(const Caller& caller, std::string_view team, store::KeyRole role) {
    if (!caller.only_team()) return {};
    if (role != store::KeyRole::data) {
        return fail(ErrorCode::forbidden, "A team owner keeps data keys only.");
    }
    if (!caller.sees_team(team)) {
        return fail(ErrorCode::forbidden, "A team owner keeps keys of its own team only.");
    }
    return {};
}

Result<store::StoredKey> find_key_to_change(Services& services, const Request& request) {
    Result<store::StoredKey> key = find_key(services, request);
    if (!key) return key;
    Result<> allowed = check_keeper(request.caller, key->record.team, key->role);
    if (!allowed) return std::unexpected(std::move(allowed).error());
    return key;
}

Result<store::KeySpec> read_spec(const Request& request) {
    Fields body =
        Fields::of_body(request.body, {"name", "team", "role", "expires_at", "application",
                                       "environment", "task_type", "user", "models"});
    store::KeySpec spec;
    spec.name = body.required("name");
    spec.team = body.text_or("team", request.caller.only_team().value_or(""));
    const std::string role = body.text_or("role", "data");
    const auto named = store::key_role_named(role);
    if (!named) {
        body.complain("'role' is data, admin, finance, team-owner or viewer.");
    } else {
        spec.role = *named;
    }
    const bool needs_team =
        spec.role == store::KeyRole::data || spec.role == store::KeyRole::team_owner;
    if (needs_team && spec.team.empty()) {
        body.complain(fmt::format("A key of the role {} needs a 'team'.", role));
    }
    spec.expires = body.time("expires_at");
    if (spec.expires && *spec.expires <= request.now) {
        body.complain("'expires_at' lies in the past.");
    }
    spec.application = body.text_or("application", "");
    spec.environment = body.text_or("environment", "");
    spec.task_type = body.text_or("task_type", "");
    spec.user = body.text_or("user", "");
    spec.models = body.list("models");
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    return spec;
}

// A name that the configuration does not know would never match a rule of an environment.
Result<> check_environment(Services& services, std::string_view name) {
    if (name.empty()) return {};
    const auto policy = services.policy();
    std::string known;
    for (const core::EnvironmentRecord& environment : policy->environments) {
        if (environment.name == name) return {};
        known += (known.empty() ? "" : ", ") + environment.name;
    }
    // Without a configuration there are no environments to know.
    if (known.empty()) return {};
    return fail(
        ErrorCode::invalid_parameter,
        fmt::format("There is no environment '{}'; the configuration names: {}.", name, known));
}

}  // namespace

Result<Answer> list_keys(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {"team", "role", "state"});
    const std::optional<std::string> team = query.text("team");
    const std::optional<std::string> role = query.text("role");
    const std::optional<std::string> state = query.text("state");
    if (role && !store::key_role_named(*role)) {
        query.complain("'role' is data, admin, finance, team-owner or viewer.");
    }
    if (state && *state != "active" && *state != "expired" && *state != "revoked") {
        query.complain("'state' is active, expired or revoked.");
    }
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    Result<std::vector<store::StoredKey>> keys = services.directory.keys();
    if (!keys) return std::unexpected(std::move(keys).error());
    Json list = Json::array();
    for (const store::StoredKey& key : *keys) {
        if (!request.caller.sees_team(key.record.team)) continue;
        if (team && key.record.team != *team) continue;
        if (role && store::key_role_name(key.role) != *role) continue;
        if (state && state_of(key.record, request.now) != *state) continue;
        list.push_back(key_json(key, request.now));
    }
    return answer({{"keys", std::move(list)}});
}

Result<Answer> create_key(Services& services, const Request& request) {
    Result<store::KeySpec> spec = read_spec(request);
    if (!spec) return std::unexpected(std::move(spec).error());
    Result<> allowed = check_keeper(request.caller, spec->team, spec->role);
    if (allowed) allowed = check_environment(services, spec->environment);
    if (!allowed) return std::unexpected(std::move(allowed).error());
    Result<store::MintedKey> minted = services.directory.create_key(*spec, request.change());
    if (!minted) return std::unexpected(std::move(minted).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return minted_answer(services, *minted, request.now, 201);
}

Result<Answer> get_key(Services& services, const Request& request) {
    Result<store::StoredKey> key = find_key(services, request);
    if (!key) return std::unexpected(std::move(key).error());
    return answer(key_json(*key, request.now));
}

// What the body does not name stays bound as it is; what it names as empty is bound no more.
Result<Answer> bind_key(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body,
                                  {"application", "environment", "task_type", "user", "models"});
    Result<store::StoredKey> key = find_key_to_change(services, request);
    if (!key) return std::unexpected(std::move(key).error());
    const core::KeyRecord& now = key->record;
    store::KeyBinding binding{.application = body.text_or("application", now.application),
                              .environment = body.text_or("environment", now.environment),
                              .task_type = body.text_or("task_type", now.task_type),
                              .user = body.text_or("user", now.user),
                              .models = body.has("models") ? body.list("models") : now.models};
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    if (binding.environment != now.environment) {
        Result<> known = check_environment(services, binding.environment);
        if (!known) return std::unexpected(std::move(known).error());
    }
    key = services.directory.bind_key(now.id, binding, request.change());
    if (!key) return std::unexpected(std::move(key).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(key_json(*key, request.now));
}

Result<Answer> rotate_key(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body, {"overlap_seconds"});
    const std::int64_t overlap =
        body.integer("overlap_seconds", 0, kOverlapMax).value_or(kDaySeconds);
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    Result<store::StoredKey> key = find_key_to_change(services, request);
    if (!key) return std::unexpected(std::move(key).error());
    Result<store::MintedKey> minted = services.directory.rotate_key(
        key->record.id, request.now + std::chrono::seconds{overlap}, request.change());
    if (!minted) return std::unexpected(std::move(minted).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return minted_answer(services, *minted, request.now, 200);
}

Result<Answer> expire_key(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body, {"at"});
    const UnixTime at = body.time("at").value_or(request.now);
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    Result<store::StoredKey> key = find_key_to_change(services, request);
    if (key) key = services.directory.expire_key(key->record.id, at, request.change());
    if (!key) return std::unexpected(std::move(key).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(key_json(*key, request.now));
}

Result<Answer> revoke_key(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body, {});
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    Result<store::StoredKey> key = find_key_to_change(services, request);
    if (key) key = services.directory.revoke_key(key->record.id, request.change());
    if (!key) return std::unexpected(std::move(key).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(key_json(*key, request.now));
}

}  // namespace weir::admin
