// A budget's terms as an operator sends them: the words of the configuration (product.md §2), one
// amount a budget. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "admin/fields.h"
#include "admin/json.h"
#include "base/error.h"
#include "core/budget_spec.h"

namespace weir::admin {

// nullopt: there is none of that name, and `body` has a complaint.
std::optional<core::Facet> read_facet(Fields& body, const std::string& name);
// From a JSON body. Errors: invalid_parameter, malformed_json.
Result<core::BudgetSpec> read_budget_terms(std::string_view body, std::string name);
// The body from which read_budget_terms makes that budget.
Json budget_terms_body(const core::BudgetSpec& spec);
// More of a budget of that unit for a while: amount, until, reason, and perhaps an instance.
Result<core::BudgetRaise> read_budget_raise(std::string_view body, core::BudgetUnit unit);

}  // namespace weir::admin
