// The ledger's side of a start: the data directory locked, the journal folded, the holds of dead
// starts ended, and what budgets must know of the past. In this order, before any call is served.
// Thread: the control thread's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "ledger/journal.h"
#include "runtime/clock.h"
#include "store/bookkeeper.h"
#include "store/directory.h"
#include "store/queries.h"
#include "store/recovery.h"

namespace weir::app {

// Segments of the control thread: recovery's ends, corrections. Workers count from 0.
inline constexpr std::uint16_t kControlWorker = 0xFFFF;

struct Books {
    std::unique_ptr<ledger::DataDirectory> directory_lock;
    ledger::JournalOptions journal;
    std::unique_ptr<ledger::JournalWriter> control_journal;
    std::unique_ptr<store::BookkeeperThread> bookkeeper;
    std::unique_ptr<store::Directory> directory;
    std::unique_ptr<store::Queries> queries;
    UnixTime last_seen;        // no decision stands before it
    std::size_t orphaned = 0;  // holds of dead starts, ended at their bounds
    std::size_t released = 0;  // holds that were never dispatched
    std::string database_path;

    std::uint32_t epoch() const { return directory_lock->epoch(); }
};

// Errors: locked, io, corrupt, conflict, each with what to do.
Result<Books> open_books(const Config& config, const runtime::Clock& clock, Rng& rng);

std::string database_path(const std::string& data_dir);

}  // namespace weir::app
