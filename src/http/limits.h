// Bounds of one HTTP conversation. Times are waits without progress unless they say total.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace weir::http {

struct Limits {
    std::size_t header_bytes_max = 64 * 1024;
    std::size_t body_bytes_max = 32u << 20;
    Duration header_timeout = std::chrono::seconds{30};  // total, for a head that has begun
    Duration keep_alive = std::chrono::seconds{75};
    Duration idle = std::chrono::seconds{60};  // between bytes of a body, or of a write
};

}  // namespace weir::http
