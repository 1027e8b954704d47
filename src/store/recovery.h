// What a start must know of the past: balances of windows that are still open, and holds of starts
// that are over. The app seeds core::Budgets with the first and ends the second in the journal, as
// released where the attempt was never dispatched, else as orphaned at their bound (ledger.md L4).
// Call it after Bookkeeper::fold_all, so that the database is level with the journal.
#pragma once

#include <string>
#include <vector>

#include "core/budget.h"
#include "ledger/record.h"
#include "store/sqlite.h"

namespace weir::store {

struct Balance {
    std::uint64_t budget_id = 0;
    std::string instance;
    core::WindowSpan window;
    Int128 settled = 0;
    Int128 overrun = 0;
    // Of settled: of calls whose records do not name the budget, counted when it was made.
    Int128 counted = 0;
    bool operator==(const Balance&) const = default;
};

struct OpenHold {
    ledger::AdmitRecord admit;  // all that an end record repeats
    bool dispatched = false;
};

struct RecoveredState {
    std::vector<Balance>
        balances;                 // settled includes what was counted from before a budget was made
    std::vector<OpenHold> holds;  // of epochs before `epoch`, oldest first
    // The latest instant in the ledger: time never goes back behind it (ledger.md W1).
    UnixTime last_seen;
    bool has_last_seen = false;
};

// `now` decides which windows are open; `epoch` is this start's. Errors: io, corrupt.
Result<RecoveredState> load_for_start(Database& database, UnixTime now, std::uint32_t epoch);

// Balances whose window ends after `now`, by budget and instance.
Result<std::vector<Balance>> load_balances(Database& database, UnixTime now);

}  // namespace weir::store
