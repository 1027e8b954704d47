// Who asks, and what each role may (product.md §3.20).
//   admin       everything
//   finance     reads everything
//   team-owner  its own team's keys, calls, spend and budgets
//   viewer      reads everything but keys and the audit log
#pragma once

#include <cstdint>
#include <string_view>

#include "admin/request.h"
#include "codec/http1.h"

namespace weir::admin {

// What a route asks of its caller.
enum class Access : std::uint8_t {
    open,         // no credential
    reads,        // any role; what is of other teams is left out for a team owner
    reads_keys,   // admin, finance, team-owner
    keeps_keys,   // admin, team-owner
    reads_audit,  // admin, finance
    administers,  // admin
};

bool may(store::KeyRole role, Access access);

// Credentials: Authorization: Bearer, or x-api-key. Secrets are compared in constant time.
// Errors: key_missing, key_unknown, key_expired, key_revoked, forbidden (a data key), io.
Result<Caller> identify_caller(Services& services, const codec::RequestHead& head, UnixTime now);

// A browser's page of another origin may not speak to this API at all. Errors: forbidden.
Result<> check_origin(const codec::RequestHead& head);

}  // namespace weir::admin
