// What the readers of the configuration's sections share. Internal to app/config.
#pragma once

#include <optional>
#include <string>

#include "app/config.h"
#include "app/yaml_reader.h"

namespace weir::app {

struct Reading {
    YamlReader& yaml;
    Environment environment;
    Config& config;
};

// nullopt: there is none of that name, and `at` was complained of.
std::optional<core::Facet> read_facet(Reading& r, const YAML::Node& at, const std::string& name);
// The conditions of a budget, a rate limit or an access rule.
std::vector<core::Condition> read_where(Reading& r, const YAML::Node& node);

// env:NAME or file:PATH; nullopt: it cannot be had, and `at` was complained of.
std::optional<Secret> read_secret(Reading& r, const YAML::Node& at, const std::string& reference);

// One entry of a section. What is wrong with it becomes a complaint.
void read_budget(Reading& r, const std::string& name, const YAML::Node& node);
void read_rate_limit(Reading& r, const std::string& name, const YAML::Node& node);
void read_access_rule(Reading& r, const std::string& name, const YAML::Node& node);
void read_webhook(Reading& r, const std::string& name, const YAML::Node& node);

}  // namespace weir::app
