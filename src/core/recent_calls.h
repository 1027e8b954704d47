// The last calls of one budget instance, by which a call is told to be one that was made before
// (ledger.md W11). Internal to core/budget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::core {

class RecentCalls {
 public:
    static constexpr std::size_t kKept = 64;  // different ones; beyond, the oldest is forgotten

    bool has(std::uint64_t fingerprint) const;
    // One is in flight from now on.
    void begin(std::uint64_t fingerprint);
    // It has ended. What its caller never got is no call that was made before: an SDK that tries
    // again after an error repeats nothing.
    void end(std::uint64_t fingerprint, bool delivered);

 private:
    struct Call {
        std::uint64_t fingerprint = 0;
        std::uint32_t in_flight = 0;
        bool delivered = false;
    };
    std::vector<Call> calls_;  // the oldest first
};

}  // namespace weir::core
