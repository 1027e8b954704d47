#include "app/yaml_reader.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/nearest.h"

namespace weir::app {

void YamlReader::complain(const YAML::Node& at, std::string_view what) {
    int line = at.IsDefined() ? at.Mark().line + 1 : 0;
    complaints_.push_back(line > 0 ? fmt::format("{}:{}: {}", file_, line, what)
                                   : fmt::format("{}: {}", file_, what));
}

void YamlReader::check_keys(const YAML::Node& map, std::string_view path) {
    std::vector<std::string_view> allowed;
    for (const ConfigKey& key : keys_) {
        if (key.section == path) allowed.push_back(key.name);
    }
    std::vector<std::string> seen;
    for (const auto& entry : map) {
        auto name = entry.first.as<std::string>();
        if (std::ranges::find(seen, name) != seen.end()) {
            complain(entry.first, fmt::format("'{}' is given twice", name));
        }
        seen.push_back(name);
        if (std::ranges::find(allowed, name) != allowed.end()) continue;
        auto meant = nearest(name, allowed);
        complain(entry.first,
                 meant ? fmt::format("unknown key '{}' (did you mean '{}'?)", name, *meant)
                       : fmt::format("unknown key '{}'", name));
    }
}

std::optional<YAML::Node> YamlReader::section(const YAML::Node& parent, const char* name,
                                              std::string_view path) {
    YAML::Node node = parent[name];
    if (!node.IsDefined() || node.IsNull()) return std::nullopt;
    if (!node.IsMap()) {
        complain(node, fmt::format("'{}' must be a map", name));
        return std::nullopt;
    }
    check_keys(node, path);
    return node;
}

void YamlReader::entries(const YAML::Node& parent, const char* name,
                         const std::function<void(const std::string&, const YAML::Node&)>& each) {
    YAML::Node node = parent[name];
    if (!node.IsDefined() || node.IsNull()) return;
    if (!node.IsMap()) {
        complain(node, fmt::format("'{}' must be a map of names", name));
        return;
    }
    std::vector<std::string> seen;
    for (const auto& entry : node) {
        auto key = entry.first.as<std::string>();
        if (std::ranges::find(seen, key) != seen.end()) {
            complain(entry.first, fmt::format("'{}' is given twice", key));
            continue;
        }
        seen.push_back(key);
        each(key, entry.second);
    }
}

std::optional<std::string> YamlReader::text(const YAML::Node& map, const char* name) {
    YAML::Node node = map[name];
    if (!node.IsDefined() || node.IsNull()) return std::nullopt;
    if (!node.IsScalar()) {
        complain(node, fmt::format("'{}' must be a single value", name));
        return std::nullopt;
    }
    return node.Scalar();
}

std::optional<bool> YamlReader::flag(const YAML::Node& map, const char* name) {
    auto value = text(map, name);
    if (!value) return std::nullopt;
    if (*value == "true") return true;
    if (*value == "false") return false;
    complain(map[name], fmt::format("'{}' must be true or false", name));
    return std::nullopt;
}

std::optional<std::int64_t> YamlReader::integer(const YAML::Node& map, const char* name,
                                                std::int64_t least, std::int64_t most) {
    auto value = text(map, name);
    if (!value) return std::nullopt;
    std::int64_t number = 0;
    auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error != std::errc{} || end != value->data() + value->size() || number < least ||
        number > most) {
        complain(map[name],
                 fmt::format("'{}' must be a whole number from {} to {}", name, least, most));
        return std::nullopt;
    }
    return number;
}

std::vector<std::string> YamlReader::list(const YAML::Node& map, const char* name) {
    YAML::Node node = map[name];
    std::vector<std::string> out;
    if (!node.IsDefined() || node.IsNull()) return out;
    if (node.IsScalar()) return {node.Scalar()};
    for (const auto& item : node) {
        if (item.IsScalar()) {
            out.push_back(item.Scalar());
        } else {
            complain(item, fmt::format("'{}' must be a list of plain values", name));
        }
    }
    return out;
}

}  // namespace weir::app
