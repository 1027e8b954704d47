#include "admin/access.h"

#include <string>

#include "core/identify.h"

namespace weir::admin {
namespace {

std::string_view credential(const codec::RequestHead& head) {
    constexpr std::string_view kBearer = "bearer ";
    std::string_view bearer = head.find("authorization");
    if (bearer.size() > kBearer.size() &&
        codec::equals_ignore_case(bearer.substr(0, kBearer.size()), kBearer)) {
        bearer.remove_prefix(kBearer.size());
        while (bearer.starts_with(' ')) bearer.remove_prefix(1);
        return bearer;
    }
    return head.find("x-api-key");
}

Result<store::StoredKey> find_key(Services& services, std::string_view text, UnixTime now) {
    const std::optional<core::KeyText> parsed = core::parse_key(text);
    core::Policy one;  // the key that the text names, so that one place decides what opens it
    store::StoredKey found;
    if (parsed) {
        Result<store::StoredKey> key = services.directory.key(parsed->id);
        if (!key && key.error().code() != ErrorCode::not_found) return key;
        if (key) {
            found = std::move(*key);
            one.keys.emplace(found.record.id, found.record);
        }
    }
    const Result<core::Principal> principal = core::identify(one, text, now, services.sha256);
    if (!principal) return std::unexpected(principal.error());
    return found;
}

}  // namespace

bool may(store::KeyRole role, Access access) {
    using enum store::KeyRole;
    switch (access) {
        case Access::open:
            return true;
        case Access::reads:
            return role != data;
        case Access::reads_keys:
            return role == admin || role == finance || role == team_owner;
        case Access::keeps_keys:
            return role == admin || role == team_owner;
        case Access::reads_audit:
            return role == admin || role == finance;
        case Access::administers:
            return role == admin;
    }
    return false;
}

Result<Caller> identify_caller(Services& services, const codec::RequestHead& head, UnixTime now) {
    const std::string_view text = credential(head);
    if (text.empty()) {
        return fail(ErrorCode::key_missing,
                    "No key: send an admin key in Authorization: Bearer or x-api-key.");
    }
    if (!services.operator_key.empty() &&
        equal_constant_time(services.operator_key.reveal(), text)) {
        return Caller{"operator", "operator", store::KeyRole::admin, {}};
    }
    Result<store::StoredKey> key = find_key(services, text, now);
    if (!key) return std::unexpected(std::move(key).error());
    if (key->role == store::KeyRole::data) {
        return fail(ErrorCode::forbidden,
                    "This key calls models; the admin API takes keys of the roles admin, finance, "
                    "team-owner and viewer.");
    }
    return Caller{"key:" + key->record.id, key->record.name, key->role, key->record.team};
}

Result<> check_origin(const codec::RequestHead& head) {
    const std::string_view origin = head.find("origin");
    if (origin.empty()) return {};
    const std::size_t scheme = origin.find("://");
    if (scheme != std::string_view::npos && !head.host.empty() &&
        codec::equals_ignore_case(origin.substr(scheme + 3), head.host)) {
        return {};
    }
    return fail(ErrorCode::forbidden, "Pages of another origin may not use the admin API.");
}

}  // namespace weir::admin
