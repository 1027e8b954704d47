#include "app/books.h"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "ledger/recover.h"
#include "runtime/sha256.h"
#include "store/schema.h"

namespace weir::app {
namespace {

// Every hold of a dead start gets its end, in the journal, before anything new is admitted.
Result<> end_dead_holds(Books& books, const std::vector<store::OpenHold>& holds, UnixTime now) {
    for (const store::OpenHold& hold : holds) {
        ledger::EndRecord end = ledger::end_of_dead(hold.admit, hold.dispatched, now);
        ++(end.state == ledger::EndState::released ? books.released : books.orphaned);
        auto written = books.control_journal->append(ledger::Record{std::move(end)});
        if (!written) return written;
    }
    return books.control_journal->sync();
}

Result<store::RecoveredState> load_past(const Books& books, UnixTime now) {
    auto reader = store::open_store_reader(books.database_path);
    if (!reader) return std::unexpected(reader.error());
    return store::load_for_start(*reader, now, books.epoch());
}

Result<> recover(Books& books, store::Bookkeeper& bookkeeper, const runtime::Clock& clock) {
    if (auto folded = bookkeeper.fold_all(); !folded) return std::unexpected(folded.error());
    auto past = load_past(books, clock.unix_now());
    if (!past) return std::unexpected(past.error());
    books.last_seen = past->last_seen;
    UnixTime now = std::max(clock.unix_now(), past->last_seen);
    if (auto ended = end_dead_holds(books, past->holds, now); !ended) return ended;
    if (auto folded = bookkeeper.fold_all(); !folded) return std::unexpected(folded.error());
    return {};
}

void report_bookkeeper_error(const Error& error) {
    spdlog::error("bookkeeper: {} (the journal keeps everything; it goes on when that is mended)",
                  error.detail().empty() ? std::string(error.message()) : error.detail());
}

}  // namespace

std::string database_path(const std::string& data_dir) { return data_dir + "/weir.db"; }

Result<Books> open_books(const Config& config, const runtime::Clock& clock, Rng& rng) {
    Books books;
    auto lock = ledger::DataDirectory::open(config.data_dir);
    if (!lock) return std::unexpected(lock.error());
    books.directory_lock = std::move(*lock);
    books.database_path = database_path(config.data_dir);
    books.journal.directory = books.directory_lock->journal_path();
    books.journal.clock = &clock;
    // Before anything reads them. What cannot be given back costs room, and no start.
    if (auto trimmed = ledger::trim_dead(books.journal.directory, books.epoch()); !trimmed) {
        spdlog::warn("ledger: {}", trimmed.error().message());
    }

    store::BookkeeperOptions options;
    options.database_path = books.database_path;
    options.journal_directory = books.journal.directory;
    auto bookkeeper = store::Bookkeeper::open(std::move(options));
    if (!bookkeeper) return std::unexpected(bookkeeper.error());
    auto control = ledger::JournalWriter::open(books.journal, books.epoch(), kControlWorker);
    if (!control) return std::unexpected(control.error());
    books.control_journal = std::move(*control);
    if (auto recovered = recover(books, **bookkeeper, clock); !recovered) {
        return std::unexpected(recovered.error());
    }
    books.bookkeeper =
        std::make_unique<store::BookkeeperThread>(std::move(*bookkeeper), report_bookkeeper_error);
    auto directory = store::Directory::open(books.database_path, runtime::sha256, rng);
    if (!directory) return std::unexpected(directory.error());
    books.directory = std::move(*directory);
    auto queries = store::Queries::open(books.database_path);
    if (!queries) return std::unexpected(queries.error());
    books.queries = std::move(*queries);
    return books;
}

}  // namespace weir::app
