// Ends that stand in the journal and could not be synced, under Durability::sync: their holds stay
// in memory until they are (ledger.md J4, J11). Retried before each admit, and by itself.
// Owner: the road. Thread: its loop.
#pragma once

#include <vector>

#include "gateway/treasury.h"
#include "ledger/journal.h"
#include "runtime/net.h"
#include "runtime/task.h"

namespace weir::gateway {

class UnsyncedEnds {
 public:
    // All outlive it.
    UnsyncedEnds(runtime::Net& net, ledger::JournalWriter& journal, Treasury& treasury)
        : net_(net), journal_(journal), treasury_(treasury) {}

    // `record` holds an EndRecord that was appended.
    void add(ledger::Record record, core::SettleAmounts amounts, bool counts);
    // At once; does nothing where there are none.
    void retry();
    std::size_t size() const { return ends_.size(); }

 private:
    struct End {
        ledger::Record record;
        core::SettleAmounts amounts;
        bool counts = false;  // else its holds are given back
    };
    runtime::Task<void> retry_until_synced();

    runtime::Net& net_;
    ledger::JournalWriter& journal_;
    Treasury& treasury_;
    std::vector<End> ends_;
    runtime::TaskGroup retrying_;
};

}  // namespace weir::gateway
