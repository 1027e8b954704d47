// weir.yaml → values. Strict: an unknown key is an error that names its line and the nearest known
// key; all errors are told at once. Secrets come by reference (env:NAME, file:PATH), never in the
// file. Without a file, providers are taken from the usual environment variables.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/policy.h"
#include "gateway/road.h"
#include "telemetry/webhook.h"

namespace weir::app {

struct ListenAddress {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::string text() const;
};

struct Config {
    std::string file;  // empty: none
    std::string data_dir = "weir-data";
    ListenAddress listen{"127.0.0.1", 4000};
    ListenAddress admin{"127.0.0.1", 4001};
    bool insecure = false;  // beyond loopback without TLS, or verify_tls: false
    std::string tls_certificate;
    std::string tls_key;
    int workers = 0;  // 0: one for each core, at most 8
    gateway::Durability durability = gateway::Durability::background;
    std::int64_t drain_seconds = 30;
    // Of the journal's segments; older ones that the database holds are removed beyond it.
    std::uint64_t journal_keep_bytes = std::uint64_t{4} << 30;
    std::vector<std::string> price_imports;  // catalogue files, oldest first
    std::string price_overlay;               // negotiated rates

    std::shared_ptr<const core::Zone> zone;  // of the budgets' windows; nullptr: UTC

    std::vector<core::EnvironmentRecord> environments;
    std::vector<core::ProviderRecord> providers;
    std::map<std::string, core::RouteRecord> routes;
    std::vector<core::BudgetSpec> budgets;  // ids are the store's to mint
    std::vector<core::RateLimitSpec> rate_limits;
    std::vector<core::AccessRule> access;
    std::vector<telemetry::Webhook> webhooks;
    std::vector<core::Dimension> expected;
    core::Limits limits;
};

// Reads environment variables; handed in so that tests have their own.
using Environment = std::optional<std::string> (*)(const std::string& name);
std::optional<std::string> process_environment(const std::string& name);

// Errors: config_invalid; the message has one line for each finding: "weir.yaml:12: …".
Result<Config> read_config(const std::string& file, Environment environment);
Result<Config> parse_config(std::string_view yaml, std::string_view file_name,
                            Environment environment);
// No file: every known provider whose key variable is set. Errors: config_invalid, saying which
// variables would do.
Result<Config> zero_config(Environment environment);

// One documented key of the file; docs/config.md is printed from these, and nothing else is
// allowed.
struct ConfigKey {
    std::string_view section;  // "" = top level, "providers.*" = of each named provider
    std::string_view name;
    std::string_view type;
    std::string_view fallback;
    std::string_view help;
};
const std::vector<ConfigKey>& config_keys();
std::string config_reference();

}  // namespace weir::app
