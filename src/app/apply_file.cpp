#include "app/apply_file.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/config_reading.h"
#include "base/nearest.h"

namespace weir::app {
namespace {

std::optional<std::string> no_environment(const std::string& /*name*/) { return std::nullopt; }

void read_team(Reading& r, ApplyFile& file, const std::string& name, const YAML::Node& node) {
    core::TeamRecord team{.name = name, .attributes = {}};
    if (node.IsMap()) {
        for (const auto& entry : node) {
            const auto attribute = entry.first.as<std::string>();
            if (team.attributes.contains(attribute)) {
                r.yaml.complain(entry.first, fmt::format("'{}' is given twice", attribute));
            }
            team.attributes[attribute] = r.yaml.text(node, attribute.c_str()).value_or("");
        }
    } else if (!node.IsNull()) {
        r.yaml.complain(node, "a team is a map of attributes, such as { department: support }");
    }
    file.teams.push_back(std::move(team));
}

void read_key(Reading& r, ApplyFile& file, const std::string& name, const YAML::Node& node) {
    if (!node.IsMap()) return r.yaml.complain(node, "a key is a map of what it is bound to");
    r.yaml.check_keys(node, "keys.*");
    const auto text = [&r, &node](const char* field) {
        return r.yaml.text(node, field).value_or("");
    };
    ApplyKey key{.name = name, .team = text("team")};
    if (key.team.empty()) {
        r.yaml.complain(node, fmt::format("key '{}' needs its 'team'", name));
    }
    key.application = text("application");
    key.environment = text("environment");
    key.task_type = text("task_type");
    key.user = text("user");
    key.models = r.yaml.list(node, "models");
    file.keys.push_back(std::move(key));
}

void read_stop(Reading& r, ApplyFile& file, const YAML::Node& node) {
    if (!node.IsMap()) {
        return r.yaml.complain(node, "a stop is a map, such as { where: { agent: triage } }");
    }
    r.yaml.check_keys(node, "stops[]");
    ApplyStop stop;
    r.yaml.entries(node, "where", [&](const std::string& name, const YAML::Node& value) {
        const auto facet = read_facet(r, value, name);
        if (!value.IsScalar()) {
            return r.yaml.complain(value, "a stop names one value of each dimension");
        }
        if (facet) stop.where.push_back({*facet, {value.Scalar()}});
    });
    const bool everything = r.yaml.flag(node, "everything").value_or(false);
    // What was left out by mistake must not stop a company.
    if (everything == node["where"].IsDefined()) {
        r.yaml.complain(node, "a stop says in 'where' what to stop, or 'everything: true'");
    }
    stop.reason = r.yaml.text(node, "reason").value_or("");
    file.stops.push_back(std::move(stop));
}

void read_stops(Reading& r, ApplyFile& file, const YAML::Node& root) {
    const YAML::Node node = root["stops"];
    if (!node.IsDefined() || node.IsNull()) return;
    if (!node.IsSequence()) return r.yaml.complain(node, "'stops' is a list");
    for (const auto& one : node) read_stop(r, file, one);
}

void read_budgets(Reading& r, const YAML::Node& root) {
    r.yaml.entries(root, "budgets",
                   [&r](const auto& name, const auto& node) { read_budget(r, name, node); });
}

Result<> told(const YamlReader& reader) {
    if (reader.complaints().empty()) return {};
    std::string all;
    for (const auto& line : reader.complaints()) all += (all.empty() ? "" : "\n") + line;
    return fail(ErrorCode::config_invalid, std::move(all));
}

// Hands the document's root, a map, to `read`.
template <class Read>
Result<> read_document(std::string_view yaml, std::string_view file_name, YamlReader& reader,
                       const Read& read) {
    try {
        YAML::Node root = YAML::Load(std::string(yaml));
        if (!root.IsMap()) {
            return fail(ErrorCode::config_invalid,
                        fmt::format("{}: the file must be a map", file_name));
        }
        read(root);
    } catch (const YAML::Exception& e) {
        return fail(ErrorCode::config_invalid,
                    fmt::format("{}:{}: {}", file_name, e.mark.line + 1, e.msg));
    }
    return told(reader);
}

}  // namespace

const std::vector<ConfigKey>& apply_keys() {
    static const std::vector<ConfigKey> kKeys = [] {
        std::vector<ConfigKey> keys{
            {"", "teams", "section", "", "Teams by name, each a map of its attributes."},
            {"", "keys", "section", "",
             "Keys by name: what they are bound to. They are minted by `weir keys create`."},
            {"", "budgets", "section", "", "Budgets by name, spelled as in `weir.yaml`."},
            {"", "stops", "list", "", "What is stopped."},

            {"keys.*", "team", "name", "", "The key's team, which tells it from others."},
            {"keys.*", "application", "name", "", "Absent: not bound; so are those below."},
            {"keys.*", "environment", "name", "", "One of `weir.yaml`'s environments."},
            {"keys.*", "task_type", "name", "", ""},
            {"keys.*", "user", "name", "", ""},
            {"keys.*", "models", "list of globs", "all", "Models that it may call."},

            {"stops[]", "where", "dimension: value", "", "What to stop; several must all hold."},
            {"stops[]", "everything", "bool", "false", "In place of `where`: all calls."},
            {"stops[]", "reason", "text", "", "Told to callers."},
        };
        for (const ConfigKey& key : config_keys()) {
            if (key.section.starts_with("budgets.")) keys.push_back(key);
        }
        return keys;
    }();
    return kKeys;
}

Result<ApplyFile> parse_apply_file(std::string_view yaml, std::string_view file_name) {
    ApplyFile file;
    Config config;
    YamlReader reader(file_name, apply_keys());
    Reading r{reader, no_environment, config};
    const Result<> done =
        read_document(yaml, file_name, reader, [&r, &file](const YAML::Node& root) {
            r.yaml.check_keys(root, "");
            r.yaml.entries(root, "teams", [&](const auto& name, const auto& node) {
                read_team(r, file, name, node);
            });
            r.yaml.entries(root, "keys", [&](const auto& name, const auto& node) {
                read_key(r, file, name, node);
            });
            read_budgets(r, root);
            read_stops(r, file, root);
            file.has_budgets = root["budgets"].IsDefined();
            file.has_stops = root["stops"].IsDefined();
        });
    if (!done) return std::unexpected(done.error());
    file.budgets = std::move(config.budgets);
    return file;
}

Result<std::vector<core::BudgetSpec>> parse_budgets(std::string_view yaml,
                                                    std::string_view file_name) {
    Config config;
    YamlReader reader(file_name);
    Reading r{reader, no_environment, config};
    const Result<> done = read_document(yaml, file_name, reader, [&r](const YAML::Node& root) {
        if (!root["budgets"].IsDefined()) {
            r.yaml.complain(root, "the file has no 'budgets'");
        }
        read_budgets(r, root);
    });
    if (!done) return std::unexpected(done.error());
    return std::move(config.budgets);
}

}  // namespace weir::app
