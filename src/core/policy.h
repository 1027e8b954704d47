// What people set, as one immutable snapshot: keys, teams, providers, routes, environments, prices,
// limits. The store makes a new one at each change and hands it to every worker by message.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/secret.h"
#include "base/time.h"
#include "core/access.h"
#include "core/attribution.h"
#include "core/budget.h"
#include "core/call.h"
#include "core/price.h"
#include "core/rate_limit.h"
#include "core/stop.h"
#include "core/team.h"

namespace weir::core {

using Digest = std::array<std::uint8_t, 32>;  // SHA-256

struct KeyRecord {
    std::string id;  // 12 characters; stands in the key itself
    std::string name;
    std::string team;
    Digest digest{};  // of the whole key text
    // A rotated-out secret that still works until then.
    std::optional<Digest> previous_digest;
    std::optional<UnixTime> previous_until;
    UnixTime created;
    std::optional<UnixTime> expires;
    std::optional<UnixTime> revoked;
    // Bound dimensions: these win over anything a caller says.
    std::string application;
    std::string environment;
    std::string task_type;
    std::string user;
    std::vector<std::string> models;  // allowed names, globs with '*'; empty = all
};

struct EnvironmentRecord {
    std::string name;
    std::vector<std::string> aliases;
    bool lenient = false;  // `block_at: never`: alert only
};

// How a provider's wire differs from the dialect's own (wire.md §1). Data, not code.
struct Quirks {
    bool stream_options = true;  // accepts stream_options.include_usage
    bool stream_options_only_if_streaming = true;
    bool max_completion_tokens = true;  // false: the server knows max_tokens only
    bool usage_on_finish_chunk = false;
    bool reasoning_outside_output = false;  // xAI chat
    bool search_in_call_fee = false;        // Perplexity: every call searches, and has one fee
    bool stops_billing_on_close = false;    // proven to stop when the connection closes
    bool honours_max_output = true;
};

enum class AuthStyle : std::uint8_t { bearer, x_api_key, api_key, none };
enum class Vendor : std::uint8_t { openai, anthropic, openai_compatible };

struct ProviderRecord {
    std::string name;  // as in the configuration
    Vendor vendor = Vendor::openai_compatible;
    std::string price_vendor;  // the book's name for it; empty: unknown vendor
    bool tls = true;
    std::string host;
    std::uint16_t port = 443;
    std::string
        path_prefix;  // e.g. "/api/v1"; what stands before the endpoint's own path after /v1
    AuthStyle auth = AuthStyle::bearer;
    Secret key;
    std::vector<Secret> more_keys;  // each with rate limits of its own at the provider
    // A vendor's own host, which serves nobody without a credential of its own.
    bool public_host = false;
    Quirks quirks;
    std::vector<std::string> models;  // globs it serves; empty = by price book and dialect
    bool free = false;                // `price: free`
    std::string ca_file;              // extra trust anchor, for a private CA
    bool verify_tls = true;           // false only with --insecure in the configuration
};

// The first is 0.
inline const Secret& provider_key(const ProviderRecord& provider, std::uint16_t number) {
    return number == 0 ? provider.key : provider.more_keys.at(number - 1u);
}

// Does a credential that a caller sends beside its Weir key decide who is billed (product.md
// §3.15)? Only where it stands in for a key, or nothing is served without one. Elsewhere anything
// that looks like one would take a call out of the budgets.
inline bool bills_the_caller(const ProviderRecord& provider) {
    if (provider.auth == AuthStyle::none) return false;
    return !provider.key.empty() || provider.public_host;
}

struct Limits {
    std::size_t header_bytes_max = std::size_t{64} * 1024;
    std::size_t body_bytes_max = 32u << 20;
    std::int64_t default_max_output = 16'384;  // where neither call nor catalogue names one
    std::int64_t min_output = 1'024;           // no clamp goes below it (product.md §3.5)
    std::int64_t busy_wait_ms = 0;             // in line for what others hold
    std::int64_t retry_percent = 50;           // further attempts, of all calls
    std::int64_t connect_timeout_ms = 5'000;
    std::int64_t first_byte_timeout_ms = 600'000;
    std::int64_t idle_timeout_ms = 300'000;  // between bytes of a provider
    std::int64_t total_timeout_ms = 3'600'000;
    std::int64_t client_header_timeout_ms = 30'000;
    std::int64_t client_idle_timeout_ms = 60'000;  // between bytes of a client, either way
    std::int64_t keep_alive_ms = 75'000;
    std::int64_t drain_ms = 600'000;               // reading on after the client left
    std::size_t connections_max = 20'000;          // a worker
    std::size_t upstream_connections_max = 4'096;  // a worker and provider
};

struct RouteTarget {
    std::string provider;
    std::string model;  // name at the provider; empty = as asked
    std::int64_t weight = 0;
};

struct RouteRecord {
    std::vector<RouteTarget> targets;        // in order; where they have weights, all have
    std::int64_t first_byte_timeout_ms = 0;  // where another target follows; 0: as the limits say
    bool filtered_goes_on = false;           // what a content filter refuses, the next is asked
};

// Budgets, rate limits and access rules decide and record, and hold nothing back, until then.
struct Observing {
    UnixTime until;
    std::string reason;
    std::string actor;
    UnixTime since;
};

struct Policy {
    std::uint64_t version = 0;
    std::unordered_map<std::string, KeyRecord> keys;  // by id
    Teams teams;
    std::vector<EnvironmentRecord> environments;
    std::vector<ProviderRecord> providers;
    std::map<std::string, RouteRecord> routes;  // by served name, a glob perhaps
    std::vector<BudgetSpec> budgets;
    std::shared_ptr<const Zone> zone;  // of their windows; nullptr: UTC
    std::vector<RateLimitSpec> rate_limits;
    std::vector<StopRule> stops;
    std::vector<AccessRule> access;
    std::optional<Observing> observing;
    std::shared_ptr<const PriceBook> prices;
    std::vector<Dimension>
        expected;  // told in x-weir-missing when absent: task_type, application …
    Limits limits;

    bool is_observing(UnixTime now) const { return observing && now < observing->until; }
};

}  // namespace weir::core
