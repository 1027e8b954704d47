#include "store/bookkeeper.h"

#include <fmt/core.h>
#include <sys/statvfs.h>

#include "store/chain_heads.h"
#include "store/schema.h"

namespace weir::store {
namespace {

Result<> leave_watermark(const BookkeeperOptions& options) {
    struct statvfs disk{};
    if (::statvfs(options.database_path.c_str(), &disk) != 0) return {};
    const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (free_bytes >= options.watermark_bytes) return {};
    return fail(ErrorCode::io,
                fmt::format("the disk under {} has {} MB left: the bookkeeper waits, so that calls "
                            "in flight can end; free space, nothing is lost",
                            options.database_path, free_bytes >> 20));
}

}  // namespace

Bookkeeper::Bookkeeper(BookkeeperOptions options, std::unique_ptr<Database> database,
                       LedgerFold fold)
    : options_(std::move(options)),
      database_(std::move(database)),
      fold_(std::move(fold)),
      reader_(options_.journal_directory) {}

Result<std::unique_ptr<Bookkeeper>> Bookkeeper::open(BookkeeperOptions options) {
    Result<Database> opened = open_store(options.database_path);
    if (!opened) return std::unexpected(std::move(opened).error());
    auto database = std::make_unique<Database>(std::move(*opened));
    Result<LedgerFold> fold = LedgerFold::open(*database);
    if (!fold) return std::unexpected(std::move(fold).error());
    return std::unique_ptr<Bookkeeper>{
        new Bookkeeper{std::move(options), std::move(database), std::move(*fold)}};
}

// Back to the last commit.
Result<> Bookkeeper::rewind() {
    Result<std::vector<ledger::Cursor>> cursors = fold_.cursors();
    if (!cursors) return std::unexpected(std::move(cursors).error());
    reader_.resume(*cursors);
    must_rewind_ = false;
    return {};
}

Result<Bookkeeper::Folded> Bookkeeper::fold_once(std::size_t limit) {
    if (Result<> room = leave_watermark(options_); !room) {
        return std::unexpected(std::move(room).error());
    }
    if (must_rewind_) {
        if (Result<> done = rewind(); !done) return std::unexpected(std::move(done).error());
    }
    batch_.clear();
    Result<std::size_t> read = reader_.poll(
        limit, [this](ledger::Record&& record) { batch_.push_back(std::move(record)); });
    // A bad frame in one segment must not keep the whole records before it, or in other segments,
    // out of the books.
    if (!batch_.empty()) {
        must_rewind_ = true;
        if (Result<> done = fold_.fold(batch_, reader_.cursors()); !done) {
            return std::unexpected(std::move(done).error());
        }
        must_rewind_ = false;
    }
    Folded folded{.records = batch_.size(), .unreadable = {}};
    if (!read) folded.unreadable = std::move(read).error();
    return folded;
}

Result<std::size_t> Bookkeeper::fold_some(std::size_t limit) {
    Result<Folded> folded = fold_once(limit);
    if (!folded) return std::unexpected(std::move(folded).error());
    if (folded->unreadable) return std::unexpected(std::move(*folded->unreadable));
    return folded->records;
}

Result<bool> Bookkeeper::fold_transaction() {
    Result<Folded> folded = fold_once(options_.records_a_transaction);
    if (!folded) return std::unexpected(std::move(folded).error());
    const bool more = folded->records >= options_.records_a_transaction;
    // Told when the rest is read: it does not slow the families that are whole.
    if (folded->unreadable && !more) return std::unexpected(std::move(*folded->unreadable));
    return more;
}

Result<std::size_t> Bookkeeper::fold_all() {
    std::size_t total = 0;
    for (;;) {
        Result<Folded> folded = fold_once(options_.records_a_transaction);
        if (!folded) return std::unexpected(std::move(folded).error());
        total += folded->records;
        if (folded->records >= options_.records_a_transaction) continue;
        if (folded->unreadable) return std::unexpected(std::move(*folded->unreadable));
        return total;
    }
}

Result<std::vector<ledger::Cursor>> Bookkeeper::checkpoint() {
    // What is checkpointed is what was committed: read the place first.
    Result<std::vector<ledger::Cursor>> cursors = fold_.cursors();
    if (!cursors) return cursors;
    Result<Statement> statement = database_->prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!statement) return std::unexpected(std::move(statement).error());
    Result<bool> row = statement->step();
    if (!row) return std::unexpected(std::move(row).error());
    if (*row && statement->integer(0) != 0) {
        return fail(ErrorCode::io,
                    "a reader keeps the database from being checkpointed: try again");
    }
    return cursors;
}

Result<> Bookkeeper::keep_chain_head(const ledger::ChainHead& head) {
    return store::keep_chain_head(*database_, head);
}

Result<> Bookkeeper::forget_chain_heads(const std::vector<ledger::SegmentName>& segments) {
    return store::forget_chain_heads(*database_, segments);
}

}  // namespace weir::store
