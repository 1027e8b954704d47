// ledger.md §3, test 4, "Fallback storm": providers bill what timed out, what was cut and what
// nobody heard the end of; clients hang up, and their SDKs try again; Weir tries the next target,
// and the same again where a connection was stale. Every attempt holds for itself: I3 and I4, at
// each step.
#include <gtest/gtest.h>

#include "sim/world/world.h"

namespace weir::world {
namespace {

core::BudgetSpec model_budget(std::uint64_t id, std::vector<std::string> models, Int128 pico) {
    core::BudgetSpec spec;
    spec.id = id;
    spec.name = "model " + models.front();
    spec.where = {{core::Dimension::model, std::move(models)}};
    spec.amount = pico;
    spec.blocking = core::Blocking::always;
    return spec;
}

WorldOptions storm(std::uint64_t seed) {
    WorldOptions o = options_of_seed(seed);
    o.customers.customers = 8;
    o.customers.calls = 40;
    o.customers.leave_percent = 30;
    o.customers.retry_percent = 90;
    o.customers.route_percent = 80;
    o.vendor.percent = 80;
    o.vendor.bills_above = false;
    o.full_disks = o.failing_syncs = false;
    constexpr std::int64_t kUsd = 1'000'000'000'000;
    o.budgets = {model_budget(1, {"sim-small"}, kUsd / 4), model_budget(2, {"sim-*"}, kUsd),
                 model_budget(3, {"claude-sim", "sim-large"}, kUsd),
                 key_budget(4, core::BudgetUnit::calls, 10'000),
                 key_budget(5, core::BudgetUnit::attempts, 60)};
    o.rate_limits.clear();
    o.changes_percent = 0;
    return o;
}

TEST(FallbackStorm, EveryAttemptOfACallHoldsForItself) {
    WorldReport sum;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        WorldReport report = run_world(storm(seed));
        ASSERT_TRUE(report.findings.empty()) << "seed " << seed << "\n" << report.text();
        sum.calls += report.calls;
        sum.attempts += report.attempts;
        sum.tried_again += report.tried_again;
        sum.billed += report.billed;
        sum.refused += report.refused;
    }
    EXPECT_GT(sum.attempts, sum.calls) << "more attempts than calls";
    EXPECT_GT(sum.tried_again, 50u) << "by Weir itself";
    EXPECT_GT(sum.billed, sum.calls / 2);
    EXPECT_GT(sum.refused, 20u);
}

}  // namespace
}  // namespace weir::world
