// ledger.md §3, test 2, "Power cut with an advanced bookkeeper": it had read what the disk lost.
#include <gtest/gtest.h>

#include "sim/world/narrow_world.h"

namespace weir::world {
namespace {

// The bookkeeper had read what the disk lost; a hundred more calls are all in the books.
TEST(PowerCut, UnderABookkeeperThatWasAheadSkipsNoLaterCall) {
    int cuts = 0;
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        WorldOptions o = options_of_seed(seed);
        o.durability = seed % 3 == 0 ? gateway::Durability::sync : gateway::Durability::background;
        o.full_disks = o.failing_syncs = o.clock_jumps = false;
        o.crash_look_every = 0;
        o.customers.customers = 4;
        o.customers.calls = 30;
        o.calls_after_power = 100;
        o.changes_percent = 0;
        o.corrections = false;
        o.rate_limits.clear();
        for (core::BudgetSpec& budget : o.budgets) budget.amount *= 100;
        o.fates = {{Fate::Kind::power, 300 + seed * 97}, {Fate::Kind::power, 2'000 + seed * 131}};
        WorldReport report = run_world(o);
        ASSERT_TRUE(report.findings.empty()) << "seed " << seed << "\n" << report.text();
        cuts += report.power_cuts;
    }
    EXPECT_GT(cuts, 30);
}

// What `durability: background` does not promise, it does not keep: a world that believes in it is
// found out. Else the two tests above could not fail.
TEST(PowerCut, WithoutSyncTheLastCallsMayBeLost) {
    std::size_t found = 0;
    for (std::uint64_t step = 50; step < 900 && found == 0; step += 7) {
        WorldOptions o = narrow(gateway::Durability::background);
        o.fates = {{Fate::Kind::power, step}};
        o.believes_in_disks = true;
        found += run_world(o).findings.size();
    }
    EXPECT_GT(found, 0u);
}

}  // namespace
}  // namespace weir::world
