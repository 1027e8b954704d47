// The access rules of the configuration (product.md §2).
#include <algorithm>
#include <fmt/format.h>

#include "app/config_reading.h"
#include "base/nearest.h"

namespace weir::app {
namespace {

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
    rule.where = read_where(r, node);
    for (const core::Condition& condition : rule.where) {
        if (core::is_access_dimension(condition.facet.dimension)) continue;
        r.yaml.complain(node["where"][condition.facet.name()],
                        fmt::format("callers can set '{}' themselves: an access rule goes by what "
                                    "keys are bound to",
                                    condition.facet.name()));
    }
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
