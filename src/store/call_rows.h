// Rows of entries and refusals as CallRow, and filters as SQL. Shared by lists, details and
// exports.
#pragma once

#include <string>

#include "store/queries.h"

namespace weir::store {

// SELECT … FROM entries, or refusals, with the columns that the readers below expect.
std::string select_entries();
std::string select_refusals();
Result<CallRow> read_entry(const Statement& row);
Result<CallRow> read_refusal(const Statement& row);

// Conditions of a filter, each with its parameter, from `?first` on; starts with " WHERE 1".
struct FilterSql {
    std::string text;
    int next = 1;  // the first free parameter
};
FilterSql entry_filter(const CallFilter& filter);
FilterSql refusal_filter(const CallFilter& filter);
void bind_filter(Statement& to, const CallFilter& filter);

// The column of a dimension in entries and refusals.
std::string_view column_of(core::Dimension d);
// Do rollups keep it? The others are told by entries alone.
bool in_rollups(core::Dimension d);

}  // namespace weir::store
