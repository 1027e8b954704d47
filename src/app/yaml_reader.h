// A strict reader over one YAML document: allows only documented keys, says the line of every
// finding, goes on after each so that all are told at once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <yaml-cpp/yaml.h>

#include "app/config.h"

namespace weir::app {

class YamlReader {
 public:
    // `keys`: what the document may hold; outlives the reader.
    explicit YamlReader(std::string_view file_name,
                        const std::vector<ConfigKey>& keys = config_keys())
        : file_(file_name), keys_(keys) {}

    void complain(const YAML::Node& at, std::string_view what);
    const std::vector<std::string>& complaints() const { return complaints_; }

    // A map of documented keys; anything else in it is a complaint with the nearest name.
    // nullopt: absent, or not a map (a complaint).
    std::optional<YAML::Node> section(const YAML::Node& parent, const char* name,
                                      std::string_view path);
    void check_keys(const YAML::Node& map, std::string_view path);
    // Calls `each(name, node)` for the entries of a map whose names are the user's own.
    void entries(const YAML::Node& parent, const char* name,
                 const std::function<void(const std::string&, const YAML::Node&)>& each);

    std::optional<std::string> text(const YAML::Node& map, const char* name);
    std::optional<bool> flag(const YAML::Node& map, const char* name);
    std::optional<std::int64_t> integer(const YAML::Node& map, const char* name, std::int64_t least,
                                        std::int64_t most);
    std::vector<std::string> list(const YAML::Node& map, const char* name);

 private:
    std::string file_;
    const std::vector<ConfigKey>& keys_;
    std::vector<std::string> complaints_;
};

}  // namespace weir::app
