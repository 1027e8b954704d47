#include "runtime/block_for.h"

#include <thread>

namespace weir::runtime {

void block_for(Duration d) { std::this_thread::sleep_for(d); }

}  // namespace weir::runtime
