#include "admin/routes.h"

#include <array>
#include <fmt/format.h>

#include "admin/handlers.h"
#include "codec/url.h"

namespace weir::admin {
namespace {

using enum Access;

constexpr auto kRoutes = std::to_array<Route>({
    {"GET", "/healthz", open, get_health},
    {"GET", "/readyz", open, get_ready},
    {"GET", "/admin/v1/openapi.json", open, get_openapi},
    {"GET", "/admin/v1/me", reads, get_me},

    {"GET", "/admin/v1/keys", reads_keys, list_keys},
    {"POST", "/admin/v1/keys", keeps_keys, create_key},
    {"GET", "/admin/v1/keys/{id}", reads_keys, get_key},
    {"PATCH", "/admin/v1/keys/{id}", keeps_keys, bind_key},
    {"POST", "/admin/v1/keys/{id}/rotate", keeps_keys, rotate_key},
    {"POST", "/admin/v1/keys/{id}/expire", keeps_keys, expire_key},
    {"POST", "/admin/v1/keys/{id}/revoke", keeps_keys, revoke_key},

    {"GET", "/admin/v1/teams", reads, list_teams},
    {"POST", "/admin/v1/teams", administers, create_team},
    {"GET", "/admin/v1/teams/{name}", reads, get_team},
    {"PATCH", "/admin/v1/teams/{name}", administers, update_team},
    {"DELETE", "/admin/v1/teams/{name}", administers, remove_team},

    {"GET", "/admin/v1/calls", reads, list_calls},
    {"GET", "/admin/v1/calls/follow", reads, follow_calls},
    {"GET", "/admin/v1/calls/{id}", reads, get_call},
    {"GET", "/admin/v1/spend", reads, get_spend},

    {"GET", "/admin/v1/budgets", reads, list_budgets},
    {"POST", "/admin/v1/budgets/simulate", reads, simulate_budgets},
    {"GET", "/admin/v1/budgets/{name}", reads, get_budget},
    {"PUT", "/admin/v1/budgets/{name}", administers, put_budget},
    {"DELETE", "/admin/v1/budgets/{name}", administers, remove_budget},
    {"POST", "/admin/v1/budgets/{name}/raises", administers, raise_budget},
    {"DELETE", "/admin/v1/budgets/{name}/raises", administers, end_raises},

    {"GET", "/admin/v1/providers", reads, list_providers},

    {"GET", "/admin/v1/stops", reads, list_stops},
    {"POST", "/admin/v1/stops", administers, create_stop},
    {"DELETE", "/admin/v1/stops/{id}", administers, remove_stop},

    {"GET", "/admin/v1/enforcement", reads, get_enforcement},
    {"PUT", "/admin/v1/enforcement", administers, observe_rules},
    {"DELETE", "/admin/v1/enforcement", administers, enforce_rules},

    {"GET", "/admin/v1/events", reads, list_events},
    {"GET", "/admin/v1/webhooks", reads_audit, list_webhooks},
    {"POST", "/admin/v1/webhooks/{name}/test", administers, test_webhook},
    {"POST", "/admin/v1/webhooks/{name}/retry", administers, retry_webhook},

    {"GET", "/admin/v1/prices", reads, list_prices},
    {"GET", "/admin/v1/prices/find", reads, find_prices},
    {"POST", "/admin/v1/prices/import", administers, import_prices},
    {"POST", "/admin/v1/prices/diff", reads, compare_prices},

    {"GET", "/admin/v1/ledger/orphans", reads, list_orphans},
    {"POST", "/admin/v1/ledger/corrections", administers, correct_attempt},

    {"GET", "/admin/v1/audit", reads_audit, list_audit},
});

// The captures, if the path has the pattern's shape.
std::optional<std::vector<std::string_view>> match(std::string_view pattern,
                                                   std::string_view path) {
    std::vector<std::string_view> captures;
    for (;;) {
        const std::size_t pattern_end = std::min(pattern.find('/', 1), pattern.size());
        const std::size_t path_end = std::min(path.find('/', 1), path.size());
        const std::string_view wanted = pattern.substr(0, pattern_end);
        const std::string_view given = path.substr(0, path_end);
        if (wanted.starts_with("/{")) {
            if (given.size() < 2) return std::nullopt;
            captures.push_back(given.substr(1));
        } else if (wanted != given) {
            return std::nullopt;
        }
        pattern.remove_prefix(pattern_end);
        path.remove_prefix(path_end);
        if (pattern.empty() != path.empty()) return std::nullopt;
        if (pattern.empty()) return captures;
    }
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Result<RouteMatch> find_route(std::string_view method, std::string_view path) {
    if (method == "HEAD") method = "GET";
    std::string others;
    for (const Route& route : kRoutes) {
        const auto captures = match(route.pattern, path);
        if (!captures) continue;
        if (route.method != method) {
            // "calls/follow" is also of the shape "calls/{id}": one mention is enough.
            if (!others.contains(route.method)) {
                others += fmt::format("{}{}", others.empty() ? "" : ", ", route.method);
            }
            continue;
        }
        RouteMatch found{&route, {}};
        for (const std::string_view capture : *captures) {
            Result<std::string> text = codec::percent_decode(capture);
            if (!text) return std::unexpected(std::move(text).error());
            found.captures.push_back(std::move(*text));
        }
        return found;
    }
    if (others.empty()) {
        return fail(ErrorCode::unknown_endpoint,
                    "There is no such endpoint: GET /admin/v1/openapi.json describes them all.");
    }
    return fail(ErrorCode::method_not_allowed, fmt::format("Here the methods are: {}.", others));
}

}  // namespace weir::admin
