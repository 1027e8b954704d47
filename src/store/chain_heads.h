// Heads of the journal's chain, kept where somebody who cuts the journal does not reach by the same
// stroke: beside it, in the database (ledger.md J12). Thread: any, on a database of its own.
// Errors: io, corrupt.
#pragma once

#include <vector>

#include "ledger/journal.h"
#include "store/sqlite.h"

namespace weir::store {

// One for each family that sealed a segment, but for those whose segments were retired.
Result<std::vector<ledger::ChainHead>> read_chain_heads(Database& database);

// In place of its family's last.
Result<> keep_chain_head(Database& database, const ledger::ChainHead& head);

// Of segments that are about to be removed, so that nobody looks for them.
Result<> forget_chain_heads(Database& database, const std::vector<ledger::SegmentName>& segments);

}  // namespace weir::store
