#include "gateway/treasury.h"

#include <algorithm>

namespace weir::gateway {
namespace {

constexpr Duration kDriftMax = std::chrono::seconds{60};

}  // namespace

UnixTime Treasury::now_locked() {
    UnixTime wall = clock_.unix_now();
    UnixTime expected = wall_start_ + (clock_.mono_now() - mono_start_);
    Duration drift = wall - expected;
    if (drift > kDriftMax || drift < -kDriftMax) wall = expected;
    latest_ = std::max(latest_, wall);
    return latest_;
}

UnixTime Treasury::now() {
    std::lock_guard lock(mutex_);
    return now_locked();
}

void Treasury::not_before(UnixTime t) {
    std::lock_guard lock(mutex_);
    latest_ = std::max(latest_, t);
}

void Treasury::define(std::vector<core::BudgetSpec> specs) {
    std::lock_guard lock(mutex_);
    budgets_.define(std::move(specs));
}

void Treasury::seed(std::uint64_t budget_id, std::string_view instance, core::WindowSpan window,
                    Int128 settled, Int128 overrun) {
    std::lock_guard lock(mutex_);
    budgets_.seed(budget_id, instance, window, settled, overrun);
}

Result<> Treasury::reserve(const core::ReserveRequest& request, core::Verdict& verdict) {
    std::lock_guard lock(mutex_);
    return budgets_.reserve(request, verdict);
}

void Treasury::settle(const std::vector<core::HoldPart>& parts, const core::SettleAmounts& charge) {
    std::lock_guard lock(mutex_);
    budgets_.settle(parts, charge);
}

void Treasury::release(const std::vector<core::HoldPart>& parts) {
    std::lock_guard lock(mutex_);
    budgets_.release(parts);
}

void Treasury::correct(std::uint64_t budget_id, std::string_view instance, core::WindowSpan window,
                       Int128 delta) {
    std::lock_guard lock(mutex_);
    budgets_.correct(budget_id, instance, window, delta);
}

std::vector<core::InstanceFigures> Treasury::figures() {
    std::lock_guard lock(mutex_);
    return budgets_.figures(now_locked());
}

std::vector<core::InstanceFigures> Treasury::figures_for(const core::Attribution& attribution) {
    std::lock_guard lock(mutex_);
    return budgets_.figures_for(attribution, now_locked());
}

}  // namespace weir::gateway
