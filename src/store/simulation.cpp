#include "store/simulation.h"

#include <algorithm>

#include "core/attribute.h"
#include "store/past_attempts.h"
#include "store/schema.h"

namespace weir::store {
namespace {

constexpr std::int64_t kAskEvery = 4'096;

// As much of the bound as the cost has become of what it was, rounded up.
Money in_proportion(Money bound, Money was, Money is) {
    if (was.pico() <= 0) return bound;
    // Whole multiples and the rest apart, so that no product passes 128 bits.
    const Int128 whole = bound.pico() / was.pico() * is.pico();
    const Int128 rest = bound.pico() % was.pico();
    return Money::from_pico(whole + (rest * is.pico() + was.pico() - 1) / was.pico());
}

// At other prices than then. What was charged at the bound for want of proof still is.
void price_anew(core::PastAttempt& attempt, const core::Bill& bill) {
    const bool proven = attempt.charge.usd == attempt.cost;
    const Money was = std::exchange(attempt.cost, bill.total);
    attempt.bound = in_proportion(attempt.bound, was, attempt.cost);
    attempt.charge.usd = proven ? attempt.cost : std::max(attempt.cost, attempt.bound);
}

struct Run {
    const Simulation& simulation;
    PastAttempts& past;
    core::BudgetReplay& replay;
    std::int64_t unpriced = 0;

    Result<> price(PastRow& row) {
        if (simulation.prices == nullptr || !row.is_billed || row.row == 0) return {};
        Result<core::Usage> usage = past.usage_of(row);
        if (!usage) return std::unexpected(std::move(usage).error());
        if (usage->lines.empty()) return {};
        const core::Bill bill = core::rate(*simulation.prices, row.price_vendor, row.attempt.model,
                                           *usage, row.attempt.admitted_at);
        if (bill.unpriced) {
            ++unpriced;
            return {};
        }
        price_anew(row.attempt, bill);
        return {};
    }

    Result<> go() {
        for (std::int64_t count = 0;; ++count) {
            if (count % kAskEvery == 0) {
                if (Result<> may = simulation.may_go_on(); !may) return may;
            }
            Result<PastRow*> row = past.next();
            if (!row) return std::unexpected(std::move(row).error());
            if (*row == nullptr) return {};
            if (Result<> done = price(**row); !done) return done;
            core::PastAttempt& attempt = (*row)->attempt;
            attempt.environment_is_lenient =
                core::environment_is_lenient(*simulation.policy, attempt.attribution);
            if (Result<> done = replay.add(std::move(attempt)); !done) return done;
        }
    }
};

}  // namespace

Result<SimulationResult> simulate_budgets(const std::string& database_path,
                                          const Simulation& simulation) {
    Result<Database> database = open_store_reader(database_path);
    if (!database) return std::unexpected(std::move(database).error());
    core::BudgetReplay replay{simulation.budgets, simulation.from};
    const bool tokens = std::ranges::any_of(simulation.budgets, [](const core::BudgetSpec& spec) {
        return spec.unit == core::BudgetUnit::tokens;
    });
    Result<PastAttempts> past = PastAttempts::open(
        *database, {replay.needs_from(), simulation.from, simulation.until}, tokens);
    if (!past) return std::unexpected(std::move(past).error());
    Run run{simulation, *past, replay};
    if (Result<> done = run.go(); !done) return std::unexpected(std::move(done).error());
    Result<core::ReplayReport> report = replay.finish();
    if (!report) return std::unexpected(std::move(report).error());
    return SimulationResult{std::move(*report), run.unpriced};
}

}  // namespace weir::store
