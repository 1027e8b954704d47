// Tenants who spend a budget of tokens to its end: the table of ledger.md §2, measured of the real
// road in the second world. Each tenant has one budget and so many streams, each of which asks
// again and again until it is told for good that nothing is left. Virtual time: a run is its seed.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "core/budget.h"

namespace weir::overshoot {

enum class Gate : std::uint8_t {
    count_after,  // no Weir: calls go on while what has ended is below the budget
    weir,         // a call that is told *busy* is retried when the answer says
    weir_queue,   // and here it waits in line (limits.busy_wait_ms)
};

struct Setting {
    std::uint64_t seed = 1;
    Gate gate = Gate::weir_queue;
    int tenants = 8;
    int streams = 128;  // of each tenant
    std::int64_t budget = 20'000;
    core::Clamp clamp = core::Clamp::tail;
    bool learned = true;    // how long answers are, before the run; else in it, from nothing
    bool bills_on = false;  // the provider generates, and bills, what nobody listens to
    // Answers: lognormal, cut at what the call asked for.
    double median = 150;
    double sigma = 0.8;
    std::int64_t max_output = 1'024;
};

// What became of one tenant's budget, by the provider's own book.
struct Spent {
    std::int64_t billed = 0;
    int calls = 0;
    int shortened = 0;  // answers that ended at a maximum below what was asked for
    int torn = 0;       // streams without their end
    int refused = 0;
    int refused_for_good = 0;
    int transient_for_good = 0;  // of those: a call as large ran later
    Duration to_90{};            // of the budget billed; zero: never
    Duration to_99{};
};

struct Run {
    std::vector<Spent> tenants;
    double mean_cost = 0;     // tokens of a call
    double mean_bound = 0;    // tokens held for it
    double mean_seconds = 0;  // of a call
};

Run run(const Setting& setting);

// The time in which holds of the full bound let `share` of the budget be used, when left and bound
// alone limit how many calls are in flight.
double seconds_allowed(const Setting& setting, const Run& run, double share);

}  // namespace weir::overshoot
