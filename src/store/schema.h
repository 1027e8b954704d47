// Opens Weir's database: creates it, brings an older one to the present version, and refuses one
// that is damaged or newer. The schema is src/store/schema.sql; docs/formats/sqlite-schema.md
// explains it.
#pragma once

#include <string>

#include "store/sqlite.h"

namespace weir::store {

inline constexpr int kSchemaVersion = 1;

// Read and write, with the schema in place. Small files are read through once (quick_check), so
// that damage shows at the start and not in a figure. Commits are not synced one by one: the
// journal is the truth of what they hold. Errors: corrupt (says what to do), conflict (made by a
// newer Weir), io.
Result<Database> open_store(const std::string& path);

// As open_store, of a file that this process has opened so already: it is not read through again.
Result<Database> open_store_again(const std::string& path);

// As open_store, with every commit synced before it returns: for what the journal does not hold
// (keys, budgets, price books). ledger.md J8.
Result<Database> open_store_durable(const std::string& path);

// Reads only; the file must exist. Errors: as open_store, not_found.
Result<Database> open_store_reader(const std::string& path);

}  // namespace weir::store
