#include "app/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <limits>

#include "app/config_reading.h"
#include "app/time_zones.h"
#include "provider/provider.h"

namespace weir::app {
namespace {

bool is_loopback(const std::string& host) {
    return host.starts_with("127.") || host == "::1" || host == "localhost";
}

void read_address(Reading& r, const YAML::Node& root, const char* name, ListenAddress& out) {
    auto text = r.yaml.text(root, name);
    if (!text) return;
    auto colon = text->rfind(':');
    std::string_view port = colon == std::string::npos ? std::string_view{*text}
                                                       : std::string_view{*text}.substr(colon + 1);
    unsigned value = 0;
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (error != std::errc{} || end != port.data() + port.size() || value > 65535) {
        return r.yaml.complain(root[name], fmt::format("'{}' must be host:port", name));
    }
    out.port = static_cast<std::uint16_t>(value);
    if (colon == std::string::npos) return;
    out.host = text->substr(0, colon);
    if (out.host.starts_with('[') && out.host.ends_with(']')) {
        out.host = out.host.substr(1, out.host.size() - 2);
    }
}

const provider::KnownProvider* known_provider(std::string_view name) {
    const auto& all = provider::known_providers();
    auto at = std::ranges::find(all, name, &provider::KnownProvider::name);
    return at == all.end() ? nullptr : &*at;
}

// What is known of the name itself, before the file's own words.
core::ProviderRecord provider_base(const std::string& name) {
    auto record = provider::known_provider(name).value_or(core::ProviderRecord{});
    record.name = name;
    return record;
}

void read_vendor(Reading& r, const YAML::Node& node, core::ProviderRecord& record) {
    if (auto vendor = r.yaml.text(node, "vendor")) {
        if (*vendor == "openai") {
            record.vendor = core::Vendor::openai;
        } else if (*vendor == "anthropic") {
            record.vendor = core::Vendor::anthropic;
        } else if (*vendor == "openai_compatible") {
            record.vendor = core::Vendor::openai_compatible;
        } else {
            r.yaml.complain(node["vendor"], "'vendor' is openai, anthropic or openai_compatible");
        }
        bool anthropic = record.vendor == core::Vendor::anthropic;
        record.auth = anthropic ? core::AuthStyle::x_api_key : core::AuthStyle::bearer;
        if (record.price_vendor.empty() && record.vendor != core::Vendor::openai_compatible) {
            record.price_vendor = *vendor;
        }
    }
    auto auth = r.yaml.text(node, "auth");
    if (!auth) return;
    if (*auth == "bearer") {
        record.auth = core::AuthStyle::bearer;
    } else if (*auth == "x-api-key") {
        record.auth = core::AuthStyle::x_api_key;
    } else if (*auth == "api-key") {
        record.auth = core::AuthStyle::api_key;
    } else if (*auth == "none") {
        record.auth = core::AuthStyle::none;
    } else {
        r.yaml.complain(node["auth"], "'auth' is bearer, x-api-key, api-key or none");
    }
}

// Several keys, each with rate limits of its own at the provider.
void read_provider_keys(Reading& r, const std::string& name, const YAML::Node& node,
                        core::ProviderRecord& record) {
    constexpr std::size_t kKeysMax = 64;
    const std::vector<std::string> references = r.yaml.list(node, "keys");
    if (node["key"].IsDefined() || references.empty() || references.size() > kKeysMax) {
        return r.yaml.complain(
            node["keys"],
            fmt::format("provider '{}' has either 'key' or one to {} 'keys'", name, kKeysMax));
    }
    std::vector<Secret> keys;
    for (const std::string& reference : references) {
        if (auto secret = read_secret(r, node["keys"], reference))
            keys.push_back(std::move(*secret));
    }
    if (keys.size() != references.size()) return;
    record.key = std::move(keys.front());
    keys.erase(keys.begin());
    record.more_keys = std::move(keys);
}

void read_provider_key(Reading& r, const std::string& name, const YAML::Node& node,
                       core::ProviderRecord& record) {
    if (node["keys"].IsDefined()) return read_provider_keys(r, name, node, record);
    if (auto reference = r.yaml.text(node, "key")) {
        if (auto secret = read_secret(r, node["key"], *reference)) record.key = std::move(*secret);
        return;
    }
    const auto* known = known_provider(name);
    if (known == nullptr || known->environment_variable.empty()) return;
    auto value = r.environment(std::string(known->environment_variable));
    if (value && !value->empty()) {
        record.key = Secret{*value};
    } else if (record.auth != core::AuthStyle::none && !r.yaml.text(node, "url")) {
        r.yaml.complain(node, fmt::format("provider '{}' has no key: set {} or `key: env:…`", name,
                                          known->environment_variable));
    }
}

void read_provider(Reading& r, const std::string& name, const YAML::Node& node) {
    if (!node.IsMap() && !node.IsNull()) return r.yaml.complain(node, "a provider is a map");
    if (node.IsMap()) r.yaml.check_keys(node, "providers.*");
    YAML::Node map = node.IsMap() ? node : YAML::Node(YAML::NodeType::Map);
    core::ProviderRecord record = provider_base(name);
    read_vendor(r, map, record);
    if (auto url = r.yaml.text(map, "url")) {
        if (auto set = provider::set_base_url(record, *url); !set) {
            r.yaml.complain(map["url"], std::string(set.error().message()));
        }
    } else if (record.host.empty()) {
        r.yaml.complain(
            node, fmt::format("provider '{}' is not a known name, so it needs a 'url'", name));
    }
    if (auto prices = r.yaml.text(map, "prices")) record.price_vendor = *prices;
    if (auto price = r.yaml.text(map, "price")) {
        if (*price != "free") r.yaml.complain(map["price"], "'price' knows only 'free'");
        record.free = true;
    }
    read_provider_key(r, name, map, record);
    record.models = r.yaml.list(map, "models");
    if (auto ca = r.yaml.text(map, "ca")) record.ca_file = *ca;
    if (auto verify = r.yaml.flag(map, "verify_tls")) {
        record.verify_tls = *verify;
        if (!*verify && !r.config.insecure) {
            r.yaml.complain(map["verify_tls"], "'verify_tls: false' needs 'insecure: true'");
        }
    }
    if (auto accepts = r.yaml.flag(map, "stream_options")) record.quirks.stream_options = *accepts;
    if (auto knows = r.yaml.flag(map, "max_completion_tokens")) {
        record.quirks.max_completion_tokens = *knows;
    }
    r.config.providers.push_back(std::move(record));
}

void read_environment(Reading& r, const std::string& name, const YAML::Node& node) {
    core::EnvironmentRecord record;
    record.name = name;
    if (node.IsMap()) {
        r.yaml.check_keys(node, "environments.*");
        record.aliases = r.yaml.list(node, "aliases");
        if (auto block = r.yaml.text(node, "block_at")) {
            record.lenient = *block == "never";
            if (*block != "never" && *block != "100") {
                r.yaml.complain(node["block_at"], "'block_at' is 100 or never");
            }
        }
    } else if (!node.IsNull()) {
        r.yaml.complain(node, "an environment is a map");
    }
    r.config.environments.push_back(std::move(record));
}

std::optional<core::RouteTarget> route_target(Reading& r, const std::string& route,
                                              const YAML::Node& node, const std::string& text) {
    const auto slash = text.find('/');
    core::RouteTarget target{.provider = text.substr(0, slash), .model = {}};
    if (slash != std::string::npos) target.model = text.substr(slash + 1);
    if (target.model == "*") target.model.clear();
    const auto& providers = r.config.providers;
    if (std::ranges::find(providers, target.provider, &core::ProviderRecord::name) !=
        providers.end()) {
        return target;
    }
    r.yaml.complain(node, fmt::format("route '{}' names the provider '{}', which is not configured",
                                      route, target.provider));
    return std::nullopt;
}

// Targets with their shares of the calls.
void read_weights(Reading& r, const std::string& name, const YAML::Node& node,
                  core::RouteRecord& route) {
    constexpr std::int64_t kWeightMax = 1'000'000;
    for (const auto& entry : node) {
        const auto text = entry.first.as<std::string>();
        auto target = route_target(r, name, entry.first, text);
        if (!target) continue;
        auto weight = r.yaml.integer(node, text.c_str(), 1, kWeightMax);
        if (!weight) continue;
        target->weight = *weight;
        route.targets.push_back(std::move(*target));
    }
}

void read_targets(Reading& r, const std::string& name, const YAML::Node& node,
                  core::RouteRecord& route) {
    if (node.IsMap()) return read_weights(r, name, node, route);
    YAML::Node holder;
    holder["targets"] = node;
    for (const std::string& text : r.yaml.list(holder, "targets")) {
        if (auto target = route_target(r, name, node, text)) {
            route.targets.push_back(std::move(*target));
        }
    }
}

void read_route(Reading& r, const std::string& name, const YAML::Node& node) {
    constexpr std::size_t kTargetsMax = 16;
    core::RouteRecord route;
    if (!node.IsMap()) {
        read_targets(r, name, node, route);
    } else {
        r.yaml.check_keys(node, "routes.*");
        if (node["targets"].IsDefined()) read_targets(r, name, node["targets"], route);
        if (auto ms = r.yaml.integer(node, "first_byte_ms", 1, 86'400'000)) {
            route.first_byte_timeout_ms = *ms;
        }
        if (auto filtered = r.yaml.text(node, "on_filter")) {
            route.filtered_goes_on = *filtered == "next";
            if (*filtered != "next" && *filtered != "stop") {
                r.yaml.complain(node["on_filter"], "'on_filter' is stop or next");
            }
        }
    }
    if (route.targets.empty()) {
        return r.yaml.complain(node, fmt::format("route '{}' has no target", name));
    }
    if (route.targets.size() > kTargetsMax) {
        return r.yaml.complain(
            node, fmt::format("route '{}' has more than {} targets", name, kTargetsMax));
    }
    r.config.routes[name] = std::move(route);
}

void read_limits(Reading& r, const YAML::Node& root) {
    auto node = r.yaml.section(root, "limits", "limits");
    if (!node) return;
    core::Limits& l = r.config.limits;
    constexpr std::int64_t kDay = 86'400'000;
    auto take = [&](const char* name, auto& field, std::int64_t least, std::int64_t most) {
        if (auto value = r.yaml.integer(*node, name, least, most)) {
            field = static_cast<std::remove_reference_t<decltype(field)>>(*value);
        }
    };
    take("header_bytes", l.header_bytes_max, 4096, 1 << 20);
    take("body_bytes", l.body_bytes_max, 1024, std::int64_t{1} << 30);
    take("default_max_output", l.default_max_output, 1, 10'000'000);
    take("min_output", l.min_output, 1, 10'000'000);
    take("busy_wait_ms", l.busy_wait_ms, 0, kDay);
    take("retry_percent", l.retry_percent, 0, 1'000);
    take("connect_ms", l.connect_timeout_ms, 1, kDay);
    take("first_byte_ms", l.first_byte_timeout_ms, 1, kDay);
    take("idle_ms", l.idle_timeout_ms, 1, kDay);
    take("total_ms", l.total_timeout_ms, 1, kDay);
    take("drain_ms", l.drain_ms, 0, kDay);
    take("client_header_ms", l.client_header_timeout_ms, 1, kDay);
    take("client_idle_ms", l.client_idle_timeout_ms, 1, kDay);
    take("keep_alive_ms", l.keep_alive_ms, 1, kDay);
    take("connections", l.connections_max, 1, 1'000'000);
    take("provider_connections", l.upstream_connections_max, 1, 1'000'000);
}

void read_top_level(Reading& r, const YAML::Node& root) {
    Config& c = r.config;
    if (auto data = r.yaml.text(root, "data")) c.data_dir = *data;
    if (auto insecure = r.yaml.flag(root, "insecure")) c.insecure = *insecure;
    read_address(r, root, "listen", c.listen);
    read_address(r, root, "admin", c.admin);
    if (auto tls = r.yaml.section(root, "tls", "tls")) {
        c.tls_certificate = r.yaml.text(*tls, "certificate").value_or("");
        c.tls_key = r.yaml.text(*tls, "key").value_or("");
        if (c.tls_certificate.empty() || c.tls_key.empty()) {
            r.yaml.complain(*tls, "'tls' needs both 'certificate' and 'key'");
        }
    }
    if (auto workers = r.yaml.integer(root, "workers", 1, 64))
        c.workers = static_cast<int>(*workers);
    if (auto durability = r.yaml.text(root, "durability")) {
        if (*durability != "sync" && *durability != "background") {
            r.yaml.complain(root["durability"], "'durability' is background or sync");
        }
        c.durability =
            *durability == "sync" ? gateway::Durability::sync : gateway::Durability::background;
    }
    if (auto drain = r.yaml.integer(root, "drain", 0, 86'400)) c.drain_seconds = *drain;
    constexpr std::int64_t kJournalMost = std::int64_t{1} << 50;
    if (auto keep = r.yaml.integer(root, "journal_keep", 64 << 20, kJournalMost)) {
        c.journal_keep_bytes = static_cast<std::uint64_t>(*keep);
    }
    if (auto name = r.yaml.text(root, "timezone")) {
        auto zone = read_zone(*name);
        if (zone) c.zone = std::move(*zone);
        if (!zone) r.yaml.complain(root["timezone"], zone.error().message());
    }
    if (auto prices = r.yaml.section(root, "prices", "prices")) {
        c.price_imports = r.yaml.list(*prices, "import");
        c.price_overlay = r.yaml.text(*prices, "overlay").value_or("");
    }
    if (root["expect"].IsDefined()) {
        c.expected.clear();
        for (const auto& name : r.yaml.list(root, "expect")) {
            const auto facet = read_facet(r, root["expect"], name);
            if (!facet) continue;
            if (facet->attribute.empty()) {
                c.expected.push_back(facet->dimension);
            } else {
                r.yaml.complain(root["expect"],
                                fmt::format("'{}' is not for callers to give: it is an attribute "
                                            "of their team",
                                            name));
            }
        }
    }
    bool open = !is_loopback(c.listen.host) && c.tls_certificate.empty();
    if ((open || !is_loopback(c.admin.host)) && !c.insecure) {
        r.yaml.complain(root[open ? "listen" : "admin"],
                        "listening beyond loopback needs 'tls' (data) or 'insecure: true'");
    }
}

void set_defaults(Config& config) {
    config.expected = {core::Dimension::task_type};
    config.environments = {{"production", {"prod", "live"}, true},
                           {"staging", {}, false},
                           {"development", {"dev"}, false}};
}

void add_environment_providers(Environment environment, Config& config) {
    for (const auto& known : provider::known_providers()) {
        if (known.environment_variable.empty()) continue;
        auto value = environment(std::string(known.environment_variable));
        if (!value || value->empty()) continue;
        core::ProviderRecord record = provider_base(std::string(known.name));
        record.key = Secret{*value};
        config.providers.push_back(std::move(record));
    }
}

}  // namespace

std::string ListenAddress::text() const {
    bool v6 = host.contains(':');
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

std::optional<Secret> read_secret(Reading& r, const YAML::Node& at, const std::string& reference) {
    if (reference.starts_with("env:")) {
        auto value = r.environment(reference.substr(4));
        if (!value || value->empty()) {
            r.yaml.complain(
                at, fmt::format("the environment variable {} is not set", reference.substr(4)));
            return std::nullopt;
        }
        return Secret{*value};
    }
    if (reference.starts_with("file:")) {
        std::ifstream in(reference.substr(5), std::ios::binary);
        std::string value{std::istreambuf_iterator<char>(in), {}};
        while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
        if (!in.good() && value.empty()) {
            r.yaml.complain(at, fmt::format("cannot read a key from {}", reference.substr(5)));
            return std::nullopt;
        }
        return Secret{value};
    }
    r.yaml.complain(at, "a key is given by reference: env:NAME or file:PATH");
    return std::nullopt;
}

std::optional<std::string> process_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): before threads
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

Result<Config> parse_config(std::string_view yaml, std::string_view file_name,
                            Environment environment) {
    Config config;
    set_defaults(config);
    YamlReader reader(file_name);
    Reading r{reader, environment, config};
    try {
        YAML::Node root = YAML::Load(std::string(yaml));
        if (!root.IsMap() && !root.IsNull())
            return fail(ErrorCode::config_invalid, "the file must be a map");
        if (root.IsNull()) root = YAML::Node(YAML::NodeType::Map);
        reader.check_keys(root, "");
        read_top_level(r, root);
        if (root["environments"].IsDefined()) config.environments.clear();
        reader.entries(root, "environments", [&](const auto& name, const auto& node) {
            read_environment(r, name, node);
        });
        reader.entries(root, "providers",
                       [&](const auto& name, const auto& node) { read_provider(r, name, node); });
        if (!root["providers"].IsDefined()) add_environment_providers(environment, config);
        reader.entries(root, "routes",
                       [&](const auto& name, const auto& node) { read_route(r, name, node); });
        reader.entries(root, "budgets",
                       [&](const auto& name, const auto& node) { read_budget(r, name, node); });
        reader.entries(root, "rate_limits",
                       [&](const auto& name, const auto& node) { read_rate_limit(r, name, node); });
        reader.entries(root, "access", [&](const auto& name, const auto& node) {
            read_access_rule(r, name, node);
        });
        reader.entries(root, "webhooks",
                       [&](const auto& name, const auto& node) { read_webhook(r, name, node); });
        read_limits(r, root);
    } catch (const YAML::Exception& e) {
        return fail(ErrorCode::config_invalid,
                    fmt::format("{}:{}: {}", file_name, e.mark.line + 1, e.msg));
    }
    if (!reader.complaints().empty()) {
        std::string all;
        for (const auto& line : reader.complaints()) all += (all.empty() ? "" : "\n") + line;
        return fail(ErrorCode::config_invalid, std::move(all));
    }
    config.file = file_name;
    return config;
}

Result<Config> read_config(const std::string& file, Environment environment) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail(ErrorCode::config_invalid, fmt::format("cannot read {}", file));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return parse_config(text, file, environment);
}

Result<Config> zero_config(Environment environment) {
    Config config;
    set_defaults(config);
    add_environment_providers(environment, config);
    if (config.providers.empty()) {
        return fail(
            ErrorCode::config_invalid,
            "no provider: set OPENAI_API_KEY, ANTHROPIC_API_KEY or another provider's key in the "
            "environment, or write a weir.yaml (`weir check --reference` lists its keys); "
            "`weir demo` needs neither");
    }
    return config;
}

}  // namespace weir::app
