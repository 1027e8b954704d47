// The access rules of the configuration (product.md §2).
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "app/config_reading.h"
#include "base/nearest.h"

namespace weir::app {
namespace {

// What a `where` may name: a dimension that keys are bound to, or an attribute of the team.
std::optional<core::AccessCondition> read_subject(Reading& r, const YAML::Node& at,
                                                  const std::string& name) {
    constexpr std::array<std::string_view, 4> kAttributes{"department", "cost_center", "owner",
                                                          "group"};
    constexpr std::string_view kPrefix = "team.";
    core::AccessCondition condition;
    if (std::ranges::find(kAttributes, name) != kAttributes.end()) {
        condition.attribute = name;
        return condition;
    }
    if (name.starts_with(kPrefix) && name.size() > kPrefix.size()) {
        condition.attribute = name.substr(kPrefix.size());
        return condition;
    }
    condition.dimension = read_dimension(r, at, name);
    if (!condition.dimension) return std::nullopt;
    if (core::is_access_dimension(*condition.dimension)) return condition;
    r.yaml.complain(at, fmt::format("callers can set '{}' themselves: an access rule goes by what "
                                    "keys are bound to",
                                    name));
    return std::nullopt;
}

// Each names one of these, or is a glob.
void check_names(Reading& r, const YAML::Node& at, const std::vector<std::string>& given,
                 const std::vector<std::string_view>& known, std::string_view what) {
    for (const std::string& name : given) {
        if (name.contains('*') || std::ranges::find(known, name) != known.end()) continue;
        const auto meant = nearest(name, known);
        r.yaml.complain(
            at, meant ? fmt::format("unknown {} '{}' (did you mean '{}'?)", what, name, *meant)
                      : fmt::format("unknown {} '{}'", what, name));
    }
}

std::vector<std::string_view> endpoint_names() {
    using enum core::Endpoint;
    std::vector<std::string_view> names;
    for (const auto endpoint :
         {chat_completions, completions, embeddings, responses, responses_input_tokens,
          responses_compact, messages, count_tokens, models}) {
        names.push_back(core::endpoint_name(endpoint));
    }
    return names;
}

}  // namespace

void read_access_rule(Reading& r, const std::string& name, const YAML::Node& node) {
    if (!node.IsMap()) return r.yaml.complain(node, "an access rule is a map");
    r.yaml.check_keys(node, "access.*");
    core::AccessRule rule{.name = name};
    r.yaml.entries(node, "where", [&](const std::string& key, const YAML::Node& value) {
        auto condition = read_subject(r, value, key);
        if (!condition) return;
        YAML::Node holder;
        holder["values"] = value;
        condition->any_of = r.yaml.list(holder, "values");
        rule.where.push_back(std::move(*condition));
    });
    rule.models = r.yaml.list(node, "models");
    rule.providers = r.yaml.list(node, "providers");
    rule.endpoints = r.yaml.list(node, "endpoints");
    if (rule.models.empty() && rule.providers.empty() && rule.endpoints.empty()) {
        r.yaml.complain(node, fmt::format("access rule '{}' allows everything: it has neither "
                                          "models, providers nor endpoints",
                                          name));
    }
    std::vector<std::string_view> providers;
    for (const auto& provider : r.config.providers) providers.push_back(provider.name);
    check_names(r, node["providers"], rule.providers, providers, "provider");
    check_names(r, node["endpoints"], rule.endpoints, endpoint_names(), "endpoint");
    if (auto mode = r.yaml.text(node, "mode")) {
        rule.observe = *mode == "observe";
        if (!rule.observe) r.yaml.complain(node["mode"], "'mode' knows only 'observe'");
    }
    r.config.access.push_back(std::move(rule));
}

}  // namespace weir::app
