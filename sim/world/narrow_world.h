// A world so small that it can end at each of its steps. For tests.
#pragma once

#include "sim/world/sample_policy.h"
#include "sim/world/world.h"

namespace weir::world {

// Two workers, calls of one kind, and money for one and a half of them.
inline WorldOptions narrow(gateway::Durability durability) {
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

}  // namespace weir::world
