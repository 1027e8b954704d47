// What `weir apply` is given: teams, keys' bindings, budgets and stops as they are to be, in YAML.
// Budgets are spelled as in weir.yaml. Strict, as that file is. No secrets: keys are minted apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "base/error.h"
#include "core/policy.h"

namespace weir::app {

// A key that is there already, by its name and team; what is empty is bound to nothing.
struct ApplyKey {
    std::string name;
    std::string team;
    std::string application = {};
    std::string environment = {};
    std::string task_type = {};
    std::string user = {};
    std::vector<std::string> models = {};
};

struct ApplyStop {
    std::vector<core::Condition> where = {};  // one value each; empty: everything
    std::string reason = {};
};

struct ApplyFile {
    std::vector<core::TeamRecord> teams;
    std::vector<ApplyKey> keys;
    std::vector<core::BudgetSpec> budgets;
    std::vector<ApplyStop> stops;
    // Whether the sections are there at all: only then may what they leave out be removed.
    bool has_budgets = false;
    bool has_stops = false;
};

// Errors: config_invalid; a line for each finding, as of read_config.
Result<ApplyFile> parse_apply_file(std::string_view yaml, std::string_view file_name);
// The budgets of a file: of one for `weir apply`, or of a weir.yaml, whose other sections are not
// looked at. Errors: config_invalid.
Result<std::vector<core::BudgetSpec>> parse_budgets(std::string_view yaml,
                                                    std::string_view file_name);

const std::vector<ConfigKey>& apply_keys();

}  // namespace weir::app
