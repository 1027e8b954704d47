// ledger.md §3, tests 1 and 2: the order of memory, journal and dispatch under every crash, and a
// power cut under a bookkeeper that was ahead of the disk.
#include <gtest/gtest.h>

#include "sim/world/world.h"

namespace weir::world {
namespace {

// Two workers, calls of one kind, and money for one and a half of them.
WorldOptions narrow(gateway::Durability durability) {
    WorldOptions o;
    o.seed = 11;
    o.durability = durability;
    o.workers = 2;
    o.customers.customers = 3;
    o.customers.calls = 6;
    o.customers.leave_percent = 0;
    o.customers.slow_percent = 0;
    o.customers.uniform = true;
    o.customers.pause_max = std::chrono::milliseconds{100};
    o.vendor.percent = 0;
    o.vendor.slow_max = std::chrono::milliseconds{40};
    // (bytes + 8) × 1 + 100 × 5 micro-dollars, in pico-dollars, one and a half times.
    o.budgets = {team_budget(1, "support", Int128{8 + 130 + 500} * 1'500'000)};
    o.crash_look_every = 1;
    return o;
}

void crash_at_every_step(gateway::Durability durability, Fate::Kind kind) {
    WorldOptions options = narrow(durability);
    WorldReport quiet = run_world(options);
    ASSERT_TRUE(quiet.findings.empty()) << quiet.text();
    ASSERT_GT(quiet.answered, 1u);
    ASSERT_GT(quiet.refused, 0u) << "the budget is felt";
    std::size_t orphaned = 0;
    for (std::uint64_t step = 1; step <= quiet.steps; ++step) {
        options.fates = {{kind, step}};
        WorldReport report = run_world(options);
        ASSERT_TRUE(report.findings.empty()) << "died at step " << step << "\n" << report.text();
        orphaned += report.orphaned;
    }
    EXPECT_GT(orphaned, 10u);
}

TEST(Order, KilledAtEveryStepTheBooksHold) {
    crash_at_every_step(gateway::Durability::background, Fate::Kind::kill);
}

TEST(Order, WithSyncAPowerCutAtEveryStepLosesNothing) {
    crash_at_every_step(gateway::Durability::sync, Fate::Kind::power);
}

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
        o.budgets[0].amount *= 20;
        o.budgets[2].amount *= 50;
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
