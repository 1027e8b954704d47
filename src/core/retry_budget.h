// How many attempts may go beyond one a call, so that trouble is not made larger by trying again:
// each call earns a share of one, and each further attempt at another target spends one.
// Owner: one worker. Thread: its loop.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::core {

class RetryBudget {
 public:
    static constexpr std::int64_t kSavedMax = 20;  // attempts; what a worker starts with, too

    // `percent`: of calls that may have one further attempt, in the long run.
    void earn(std::int64_t percent) { saved_ = std::min(saved_ + percent, kSavedMax * 100); }
    bool spend() {
        if (saved_ < 100) return false;
        saved_ -= 100;
        return true;
    }

 private:
    std::int64_t saved_ = kSavedMax * 100;  // hundredths
};

}  // namespace weir::core
