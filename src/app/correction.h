// A signed change of an ended attempt: into the journal, the live balances and the books.
// Thread: the control thread's.
#pragma once

#include <string>

#include "gateway/treasury.h"
#include "ledger/journal.h"
#include "ledger/record.h"
#include "store/bookkeeper.h"
#include "store/queries.h"

namespace weir::app {

struct CorrectionPlaces {
    store::BookkeeperThread& bookkeeper;
    store::Queries& queries;
    ledger::JournalWriter& journal;
    gateway::Treasury& treasury;
};

// Once it stands in the journal it counts, whatever fails then: returns what is not yet done, for
// people; empty: nothing. Errors: not_found, ledger_unavailable, of the bookkeeper; then nothing
// was written.
Result<std::string> apply_correction(const CorrectionPlaces& places,
                                     const ledger::CorrectionRecord& correction);

}  // namespace weir::app
