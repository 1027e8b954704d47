// SQLite's files on the disk of the second world: a write that meets a full disk is short, a sync
// can fail, and each of them is a place to die at, in the middle of a transaction too.
#pragma once

#include "sim/world/sim_disk.h"

namespace weir::world {

// While it lives, whatever database is opened lies on that disk. One at a time.
class DatabaseDisk {
 public:
    explicit DatabaseDisk(SimDisk& disk);
    DatabaseDisk(const DatabaseDisk&) = delete;
    ~DatabaseDisk();
};

}  // namespace weir::world
