// Bounds of one HTTP conversation.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace weir::http {

struct Limits {
    std::size_t header_bytes_max = 64 * 1024;
    std::size_t body_bytes_max = 32u << 20;
    Duration header_timeout = std::chrono::seconds{30};  // total, for a head that has begun
    Duration keep_alive = std::chrono::seconds{75};
    // For the next 16 kB of a body to come, or the next 64 kB of an answer to go. A peer that moves
    // a byte now and then is as good as silent.
    Duration idle = std::chrono::seconds{60};
};

}  // namespace weir::http
