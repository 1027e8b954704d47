// One history of the second world: customers call a Weir that dies, is restarted, runs out of disk
// or has its clock set, while providers answer, fail and bill. After every event the auditor looks
// at the books. A history is its seed: run again, it is the same to the last event.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/world/customers.h"
#include "sim/world/vendor.h"
#include "sim/world/weir_process.h"

namespace weir::world {

struct Fate {
    enum class Kind : std::uint8_t {
        kill,     // kill -9 at that step
        power,    // the machine goes dark at that step
        restart,  // drained and started again
    };
    Kind kind = Kind::kill;
    std::uint64_t at_step = 0;
};

struct WorldOptions {
    std::uint64_t seed = 1;
    gateway::Durability durability = gateway::Durability::background;
    std::uint16_t workers = 2;
    CustomerHabits customers;
    int calls_after_power = 0;  // further calls once all is quiet after a power cut
    VendorFaults vendor;
    Link upstream;
    std::vector<core::BudgetSpec> budgets;
    std::vector<core::RateLimitSpec> rate_limits;
    std::int64_t busy_wait_ms = 0;
    std::uint32_t instances_max = 4'096;  // of budgets, in memory
    unsigned changes_percent = 0;  // of the moments of trouble at which something set is changed
    bool corrections = false;      // by what providers know, now and then
    std::vector<Fate> fates;       // in the order of their steps
    bool full_disks = false;       // now and then
    bool failing_syncs = false;
    bool clock_jumps = false;
    bool believes_in_disks = false;      // expects that a power cut loses nothing, sync or not
    std::uint64_t crash_look_every = 0;  // steps: what would a crash here leave? 0: never asked
    std::uint64_t steps_max = 3'000'000;
    std::function<void(const std::string&)> tell;  // of each thing that happens, for a reader
};
// All of it drawn from the seed.
WorldOptions options_of_seed(std::uint64_t seed);

struct WorldReport {
    std::uint64_t hash = 0;  // of the whole history
    std::uint64_t steps = 0;
    std::uint64_t events = 0;
    std::uint64_t looks = 0;
    std::uint64_t decisions = 0;  // whose figures were checked
    std::uint64_t probes = 0;     // of refusals that must be refusals still
    std::uint64_t changes = 0;    // of what is set
    std::uint64_t corrections = 0;
    std::size_t attempts = 0;
    std::size_t tried_again = 0;  // attempts beyond the first of a call, by Weir itself
    std::size_t overflows = 0;    // calls that needed a balance which memory had no room for
    std::size_t calls = 0;
    std::size_t answered = 0;  // with 200, whole
    std::size_t refused = 0;   // by a budget
    std::size_t billed = 0;    // requests that providers had whole
    std::size_t orphaned = 0;
    int kills = 0;
    int power_cuts = 0;
    int restarts = 0;
    Duration lasted{};
    std::vector<std::string> findings;

    std::string text() const;
};

WorldReport run_world(const WorldOptions& options);

}  // namespace weir::world
