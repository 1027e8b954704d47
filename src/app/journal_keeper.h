// The thread that keeps the journals: syncs what was appended, preallocates, seals, and removes
// segments that every reader has passed once the journal has grown large.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ledger/journal.h"
#include "store/bookkeeper.h"

namespace weir::app {

class JournalKeeper {
 public:
    struct Options {
        std::string directory;
        std::uint32_t epoch = 0;
        std::uint64_t keep_bytes = 0;  // of all segments; more of what was passed is removed
    };
    // All outlive the keeper.
    JournalKeeper(Options options, std::vector<ledger::JournalWriter*> writers,
                  store::BookkeeperThread& bookkeeper);
    JournalKeeper(const JournalKeeper&) = delete;
    ~JournalKeeper();

 private:
    void run();
    void housekeep();
    void retire_passed();

    Options options_;
    std::vector<ledger::JournalWriter*> writers_;
    store::BookkeeperThread& bookkeeper_;
    bool failing_ = false;  // so that a row of failures is one line of the log
    std::mutex mutex_;
    std::condition_variable wake_up_;
    bool stopping_ = false;  // guarded by mutex_
    std::thread thread_;
};

}  // namespace weir::app
