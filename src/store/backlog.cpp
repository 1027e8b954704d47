#include "store/backlog.h"

#include <limits>
#include <vector>

#include "ledger/journal.h"

namespace weir::store {

Result<std::int64_t> records_folded(Database& database) {
    Result<std::optional<std::int64_t>> count =
        database.query_integer("SELECT CAST(value AS INTEGER) FROM meta WHERE name='fold.records'");
    if (!count) return std::unexpected(std::move(count).error());
    return count->value_or(0);
}

Result<std::int64_t> records_to_fold(Database& database, const std::string& journal_directory) {
    std::vector<ledger::Cursor> cursors;
    Result<Transaction> view = Transaction::begin_read(database);
    if (!view) return std::unexpected(std::move(view).error());
    const Result<std::int64_t> folded = records_folded(database);
    if (!folded) return folded;
    Result<Statement> rows = database.prepare("SELECT epoch,worker,seq,place FROM cursors");
    if (!rows) return std::unexpected(std::move(rows).error());
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) break;
        cursors.push_back({{static_cast<std::uint32_t>(rows->integer(0)),
                            static_cast<std::uint16_t>(rows->integer(1)),
                            static_cast<std::uint32_t>(rows->integer(2))},
                           static_cast<std::uint64_t>(rows->integer(3))});
    }
    ledger::JournalReader reader(journal_directory);
    reader.resume(cursors);
    const Result<std::size_t> behind =
        reader.poll(std::numeric_limits<std::size_t>::max(), [](ledger::Record&&) {});
    if (!behind) return std::unexpected(behind.error());
    return *folded + static_cast<std::int64_t>(*behind);
}

}  // namespace weir::store
