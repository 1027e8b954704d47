#include "gateway/treasury.h"

#include <algorithm>

namespace weir::gateway {
namespace {

constexpr Duration kDriftMax = std::chrono::seconds{60};

std::vector<std::uint64_t> ids_of(const std::vector<core::BudgetSpec>& specs) {
    std::vector<std::uint64_t> ids;
    ids.reserve(specs.size());
    for (const auto& spec : specs) ids.push_back(spec.id);
    return ids;
}

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

void Treasury::redefine(std::vector<core::BudgetSpec> specs, const std::vector<Seed>& seeds) {
    std::lock_guard lock(mutex_);
    auto is_known = [before = ids_of(budgets_.specs())](std::uint64_t id) {
        return std::ranges::find(before, id) != before.end();
    };
    budgets_.define(std::move(specs));
    for (const Seed& s : seeds) {
        if (is_known(s.budget_id)) continue;
        budgets_.seed(s.budget_id, s.instance, s.window, s.settled, s.overrun);
    }
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

bool Treasury::books_balance() {
    std::lock_guard lock(mutex_);
    return budgets_.books_balance();
}

}  // namespace weir::gateway
