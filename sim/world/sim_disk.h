// The disk under the journal: nothing really waits for it, and it can be full or failing.
#pragma once

#include <cerrno>

#include "ledger/disk.h"
#include "sim/world/scheduler.h"

namespace weir::world {

class SimDisk final : public ledger::Disk {
 public:
    explicit SimDisk(Scheduler& scheduler) : scheduler_(scheduler) {}

    int preallocate(int fd, std::uint64_t bytes) override {
        step();
        if (full) return ENOSPC;
        // A hole costs nothing; the files lie in memory.
        return Disk::preallocate(fd, bytes);
    }
    int sync(int) override {
        step();
        return failing ? EIO : 0;
    }

    // Something is done to it, and somebody can die of that.
    void step() { scheduler_.step(); }

    bool full = false;
    bool failing = false;

 private:
    Scheduler& scheduler_;
};

}  // namespace weir::world
