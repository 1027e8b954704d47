// ledger.md §3, test 1, "Order test": the order of memory, journal and dispatch under a crash at
// every step.
#include <gtest/gtest.h>

#include "sim/world/narrow_world.h"

namespace weir::world {
namespace {

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

}  // namespace
}  // namespace weir::world
