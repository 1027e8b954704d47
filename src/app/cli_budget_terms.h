// A budget's terms on the command line: as people type them, and as they are printed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/admin_client.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace weir::app {

struct BudgetTerms {
    std::string name = {};
    std::vector<std::string> where = {};
    std::string by = {};
    std::string usd = {};
    std::optional<std::int64_t> tokens = {};
    std::optional<std::int64_t> calls = {};
    std::optional<std::int64_t> repeats = {};
    std::optional<std::int64_t> attempts = {};
    std::vector<std::string> except = {};
    std::string window = {};
    std::optional<std::int64_t> alert_at = {};
    std::string block_at = {};
    std::string clamp = {};
    bool observe = false;
};

// Adds the options of all but the name; `needs_amount`: one amount must be given.
void add_terms(CLI::App& leaf, BudgetTerms& terms, bool needs_amount);
// The body of a request. Errors: invalid_parameter.
Result<Json> terms_body(const BudgetTerms& terms);
bool has_amount(const BudgetTerms& terms);

// A member that is an amount in that unit: "$12.50", "60".
std::string amount_text(const Json& object, const char* name, const std::string& unit);
// "ticket: $2 a total for each trajectory, of application=support; hard"
std::string terms_line(const Json& budget);

void add_budget_simulate(CLI::App& budgets, CliContext& context);

}  // namespace weir::app
