// Who runs the Weir of the second world. They set budgets, rate limits, access rules and prices,
// and change their minds about each of them while calls fly. Thread: the scheduler's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/policy.h"
#include "sim/world/weir_process.h"

namespace weir::world {

// Several books, by which everything costs so many times as much: the first is the sample
// company's. The provider's own price moves with them.
inline constexpr std::int64_t kPriceTimesMax = 3;
// By the hash of such a book.
std::int64_t price_times(const std::string& book_hash);

class Operators {
 public:
    Operators(Scheduler& scheduler, const core::Policy& first)
        : scheduler_(scheduler), wanted_(first) {}
    Operators(const Operators&) = delete;

    const core::Policy& wanted() const { return wanted_; }
    // Changes one thing, and publishes it. True: it is in force. What a bad disk held up is tried
    // again with the next change.
    bool change(WeirProcess& weir);
    // In a few words, for whoever reads a history.
    const std::string& last_change() const { return last_change_; }

 private:
    void change_rules(UnixTime now);
    void change_budget();
    void reshape(core::BudgetSpec& budget);
    Result<> raise(WeirProcess& weir);

    Scheduler& scheduler_;
    core::Policy wanted_;
    std::vector<core::BudgetSpec> removed_;
    std::string last_change_;
};

// What a history begins with: pots of teams and keys, in every unit, some of which only watch.
std::vector<core::BudgetSpec> draw_budgets(Rng& rng);
std::vector<core::RateLimitSpec> draw_rate_limits(Rng& rng);

}  // namespace weir::world
