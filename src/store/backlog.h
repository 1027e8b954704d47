// How far the books stand behind the journal beside them, for whoever reads both and folds nothing.
// Thread: any, on a database of its own. Errors: io, corrupt.
#pragma once

#include <cstdint>
#include <string>

#include "store/sqlite.h"

namespace weir::store {

// Journal records in the books since the database was made. It never goes back.
Result<std::int64_t> records_folded(Database& database);

// What `records_folded` will be once every record that is in the journal now is in the books.
Result<std::int64_t> records_to_fold(Database& database, const std::string& journal_directory);

}  // namespace weir::store
