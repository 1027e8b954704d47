#include "gateway/treasury.h"

#include <algorithm>
#include <utility>

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
    ++changes_;
}

void Treasury::redefine(std::vector<core::BudgetSpec> specs, const std::vector<Seed>& seeds) {
    std::lock_guard lock(mutex_);
    auto is_known = [before = ids_of(budgets_.specs())](std::uint64_t id) {
        return std::ranges::find(before, id) != before.end();
    };
    budgets_.define(std::move(specs));
    std::map<Place, Int128> before;
    if (!seeds.empty()) before.swap(counted_);  // without seeds nothing more was counted
    for (const Seed& s : seeds) {
        const Place place{s.budget_id, s.window.start, s.instance};
        if (s.counted != 0) counted_[place] = s.counted;
        if (is_known(s.budget_id)) continue;
        const auto known = before.find(place);
        const Int128 unheld = s.counted - (known == before.end() ? Int128{0} : known->second);
        budgets_.seed(s.budget_id, s.instance, s.window, s.settled, s.overrun, unheld);
    }
    ++changes_;
}

void Treasury::count_more(std::uint64_t budget_id, std::string_view instance,
                          core::WindowSpan window, Int128 amount) {
    std::lock_guard lock(mutex_);
    counted_[{budget_id, window.start, std::string{instance}}] += amount;
    budgets_.correct(budget_id, instance, window, amount);
    ++changes_;
}

void Treasury::limit_rates(std::vector<core::RateLimitSpec> specs) {
    std::lock_guard lock(mutex_);
    rates_.define(std::move(specs));
}

Result<> Treasury::reserve_money(const core::ReserveRequest& request, core::Verdict& verdict) {
    auto reserved = budgets_.reserve(request, verdict);
    // Who stood behind a call that waits no longer may be the next now.
    if (request.ticket != 0 && verdict.kind != core::VerdictKind::busy) ++changes_;
    return reserved;
}

Result<> Treasury::reserve(const core::ReserveRequest& request, core::Verdict& verdict,
                           core::RateVerdict& rates, core::RateTicket& ticket) {
    std::lock_guard lock(mutex_);
    if (rates_.empty()) return reserve_money(request, verdict);
    const core::RateRequest rate{.attribution = request.attribution,
                                 .provider = request.provider,
                                 .model = request.model,
                                 .token_bound = request.token_bound,
                                 .first_attempt = request.first_attempt,
                                 .now = now_locked()};
    auto checked = rates_.check(rate, rates);
    if (rates.refused && request.observe) {
        rates.observed = rates.refused->limit;
        rates.refused.reset();
    }
    if (!checked || rates.refused) return checked;
    if (auto reserved = reserve_money(request, verdict); !reserved) return reserved;
    if (verdict.kind == core::VerdictKind::admitted) rates_.enter(rate, rates, ticket);
    return {};
}

void Treasury::leave(const core::RateTicket& ticket, std::int64_t tokens) {
    if (ticket.parts.empty()) return;
    std::lock_guard lock(mutex_);
    rates_.leave(ticket, tokens, now_locked());
}

void Treasury::undo(const std::vector<core::HoldPart>& parts, const core::RateTicket& ticket) {
    std::lock_guard lock(mutex_);
    budgets_.release(parts);
    rates_.undo(ticket);
    ++changes_;
}

std::uint64_t Treasury::next_ticket() {
    std::lock_guard lock(mutex_);
    return ++tickets_;
}

bool Treasury::may_try(std::uint64_t ticket, std::uint64_t& seen) {
    std::uint64_t changes = changes_.load(std::memory_order_acquire);
    if (changes == seen) return false;
    seen = changes;
    std::lock_guard lock(mutex_);
    return budgets_.is_next(ticket);
}

void Treasury::give_up(std::uint64_t ticket) {
    std::lock_guard lock(mutex_);
    budgets_.give_up(ticket);
    ++changes_;
}

void Treasury::learn(std::string_view model, const core::Attribution& attribution,
                     std::int64_t tokens, bool cut) {
    std::lock_guard lock(mutex_);
    budgets_.lengths().ended(model, attribution.of(core::Dimension::task_type), tokens, cut);
}

void Treasury::settle(const std::vector<core::HoldPart>& parts, const core::SettleAmounts& charge) {
    std::lock_guard lock(mutex_);
    budgets_.settle(parts, charge);
    ++changes_;
}

void Treasury::release(const std::vector<core::HoldPart>& parts) {
    std::lock_guard lock(mutex_);
    budgets_.release(parts);
    ++changes_;
}

void Treasury::correct(std::uint64_t budget_id, std::string_view instance, core::WindowSpan window,
                       Int128 delta) {
    std::lock_guard lock(mutex_);
    budgets_.correct(budget_id, instance, window, delta);
    ++changes_;
}

std::vector<core::InstanceFigures> Treasury::figures() {
    std::lock_guard lock(mutex_);
    return budgets_.figures(now_locked());
}

std::vector<core::InstanceFigures> Treasury::figures_for(const core::Attribution& attribution) {
    std::lock_guard lock(mutex_);
    return budgets_.figures_for(attribution, now_locked());
}

std::vector<core::RateStanding> Treasury::standings(const core::Attribution& attribution) {
    std::lock_guard lock(mutex_);
    return rates_.standings(attribution, now_locked());
}

bool Treasury::books_balance() {
    std::lock_guard lock(mutex_);
    return budgets_.books_balance();
}

}  // namespace weir::gateway
