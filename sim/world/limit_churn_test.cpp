// ledger.md §3, test 5, "Limit churn under load": budgets are raised, lowered, edited, removed and
// made again while calls fly, windows roll over, the clock is set by up to forty days, memory has
// room for some two dozen balances, and processes are restarted. I1, I11, I12, I13, at each step.
#include <gtest/gtest.h>

#include "sim/world/world.h"

namespace weir::world {
namespace {

WorldOptions churn(std::uint64_t seed) {
    WorldOptions o = options_of_seed(seed);
    o.customers.customers = 8;
    o.customers.calls = 80;
    o.customers.trajectories = 12;
    o.customers.pause_max = std::chrono::seconds{2};
    o.changes_percent = 100;
    o.clock_jumps = true;
    o.instances_max = 64;
    o.vendor.percent = 10;
    o.budgets[0].window = core::WindowKind::hour;
    o.budgets[2].window = core::WindowKind::day;
    core::BudgetSpec each = key_budget(9, core::BudgetUnit::usd, 60'000'000'000);
    each.name = "each trajectory, each hour";
    each.by = core::Dimension::trajectory;
    each.window = core::WindowKind::hour;
    o.budgets.push_back(each);
    o.fates = {{Fate::Kind::restart, 1'500 + seed * 100},
               {Fate::Kind::kill, 4'000 + seed * 100},
               {Fate::Kind::restart, 7'000 + seed * 100}};
    return o;
}

TEST(LimitChurn, WhateverIsChangedUnderLoadTheBooksHold) {
    WorldReport sum;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        WorldReport report = run_world(churn(seed));
        ASSERT_TRUE(report.findings.empty()) << "seed " << seed << "\n" << report.text();
        sum.changes += report.changes;
        sum.decisions += report.decisions;
        sum.probes += report.probes;
        sum.overflows += report.overflows;
        sum.restarts += report.restarts + report.kills;
    }
    EXPECT_GT(sum.changes, 100u);
    EXPECT_GT(sum.decisions, 500u);
    EXPECT_GT(sum.probes, 100u);
    EXPECT_GT(sum.overflows, 5u) << "the table is really full";
    EXPECT_GT(sum.restarts, 12);
}

}  // namespace
}  // namespace weir::world
