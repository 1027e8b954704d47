// Budget definitions as rows, and what the ledger already knows of a budget that is new.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/budget.h"
#include "store/recovery.h"
#include "store/sqlite.h"

namespace weir::store {

// `where` as a column: [["team",["a","b"]],…].
std::string conditions_json(const std::vector<core::Condition>& where);
std::optional<std::vector<core::Condition>> parse_conditions(std::string_view text);

// Follows from what the budget counts: name, conditions, `by`, unit, window; the zone of that, and
// which teams have the attributes that it names. Never 0.
std::uint64_t budget_id_of(const core::BudgetSpec& spec);
// All of it, for the audit log and for people.
std::string budget_json(const core::BudgetSpec& spec);

std::string raise_json(const core::BudgetRaise& raise);

// With their raises; the zone and the teams' attributes are for the directory to add.
Result<std::vector<core::BudgetSpec>> read_budgets(Database& database);
Result<> write_budget(Database& database, const core::BudgetSpec& spec, std::string_view origin,
                      UnixTime at);

// Adds what a budget means here: whose calendar its windows follow, and which teams have the
// attributes that it names.
void complete_budget(core::BudgetSpec& spec, const core::Teams& teams,
                     const std::shared_ptr<const core::Zone>& zone);

using InstanceAmounts = std::unordered_map<std::string, Int128>;
// What the entries of calls admitted in that time charged to each instance, corrections included; a
// call in flight at its bound, unless it holds of this budget. With `trajectory`: of that one
// alone, by its index. Reads every entry of the time otherwise.
Result<InstanceAmounts> count_spend(Database& database, const core::BudgetSpec& spec,
                                    core::WindowSpan time,
                                    std::optional<std::string_view> trajectory = {});

// Brings the balances of the window that is open at `now` up to what the entries say, where they
// say more (ledger.md W3): what the budget would have counted, had it been there. A call in flight
// counts at its bound, and stays at it: it holds nothing of this budget that its end could settle.
// Inside the caller's transaction, with the books level with the journal. Returns what was added.
Result<std::vector<Balance>> seed_from_ledger(Database& database, const core::BudgetSpec& spec,
                                              UnixTime now);

}  // namespace weir::store
