// For the command line, where another process is waited for and nothing tells of it.
#pragma once

#include "base/time.h"

namespace weir::runtime {

// Blocks the calling thread. Never a loop's.
void block_for(Duration d);

}  // namespace weir::runtime
