// The budgets and rate limits of the process behind one lock, and the one time by which money is
// decided.
// Owner: App. Thread: any; the lock is held for well under a microsecond and never over IO.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/budget.h"
#include "core/rate_limit.h"
#include "runtime/clock.h"

namespace weir::gateway {

class Treasury {
 public:
    explicit Treasury(const runtime::Clock& clock, core::Budgets::Options options = {})
        : clock_(clock),
          wall_start_(clock.unix_now()),
          mono_start_(clock.mono_now()),
          budgets_(options) {}

    // Wall time that never goes back and follows a clock that jumps only where monotonic time
    // agrees (ledger.md W1), so that no budget is renewed by a bad clock.
    UnixTime now();
    // Start-up: nothing is decided at an instant before the ledger's last.
    void not_before(UnixTime t);

    struct Seed {
        std::uint64_t budget_id = 0;
        std::string instance;
        core::WindowSpan window;
        Int128 settled = 0;
        Int128 overrun = 0;
        Int128 counted = 0;  // of settled, as in store::Balance
    };
    void define(std::vector<core::BudgetSpec> specs);
    // The same, and what the ledger knows of those budgets that were not defined until now: all
    // balances of open windows.
    void redefine(std::vector<core::BudgetSpec> specs, const std::vector<Seed>& seeds);
    // The ledger knows of so much more that was spent before the budget was in force.
    void count_more(std::uint64_t budget_id, std::string_view instance, core::WindowSpan window,
                    Int128 amount);
    void limit_rates(std::vector<core::RateLimitSpec> specs);
    // Rate limits and budgets, all or none. Where a limit refuses, `rates` says so and no budget
    // was asked: `verdict` is empty. Every ticket is given back by `leave`.
    Result<> reserve(const core::ReserveRequest& request, core::Verdict& verdict,
                     core::RateVerdict& rates, core::RateTicket& ticket);
    void leave(const core::RateTicket& ticket, std::int64_t tokens);
    // What `reserve` let through was refused all the same: as if it had never been asked.
    void undo(const std::vector<core::HoldPart>& parts, const core::RateTicket& ticket);

    // Waiting in line for what others hold (see core::Budgets). `seen` is the caller's own, 0 at
    // first: false without a lock, unless something has changed since it was asked last.
    std::uint64_t next_ticket();
    bool may_try(std::uint64_t ticket, std::uint64_t& seen);
    void give_up(std::uint64_t ticket);
    // How long the answer of a call was; `cut`: it reached its maximum.
    void learn(std::string_view model, const core::Attribution& attribution, std::int64_t tokens,
               bool cut);
    void settle(const std::vector<core::HoldPart>& parts, const core::SettleAmounts& charge);
    void release(const std::vector<core::HoldPart>& parts);
    void correct(std::uint64_t budget_id, std::string_view instance, core::WindowSpan window,
                 Int128 delta);
    std::vector<core::InstanceFigures> figures();
    std::vector<core::InstanceFigures> figures_for(const core::Attribution& attribution);
    std::vector<core::RateStanding> standings(const core::Attribution& attribution);
    // Invariant I1, for tests.
    bool books_balance();

 private:
    struct Place {
        std::uint64_t budget_id = 0;
        std::int64_t window_start = 0;
        std::string instance;
        auto operator<=>(const Place&) const = default;
    };

    UnixTime now_locked();
    Result<> reserve_money(const core::ReserveRequest& request, core::Verdict& verdict);

    const runtime::Clock& clock_;
    const UnixTime wall_start_;
    const MonoTime mono_start_;
    std::mutex mutex_;
    UnixTime latest_;
    core::Budgets budgets_;
    std::map<Place, Int128> counted_;  // as the ledger said last
    core::RateLimits rates_;
    std::uint64_t tickets_ = 0;
    std::atomic<std::uint64_t> changes_ = 1;  // of what a waiting call may be waiting for
};

}  // namespace weir::gateway
