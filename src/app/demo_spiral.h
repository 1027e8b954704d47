// `weir demo spiral`: agents whose tool always fails and who never give up, against a gateway of
// their own in this process, under one budget of two dollars for the ticket. Thread: main.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "core/budget.h"
#include "sim/agents/talk.h"

namespace weir::app {

struct SpiralOptions {
    int agents = 1;          // of one ticket, at once
    bool with_twin = false;  // also beside a counter that learns of costs afterwards
    std::uint64_t seed = 1;
};

// What one run came to, from the ledger.
struct SpiralFigures {
    std::int64_t answered = 0;
    std::int64_t refused = 0;  // in the end; not those that were only told to wait
    std::int64_t waited = 0;   // told to wait: the money was held by calls in flight
    Money spent;               // at the catalogue's prices
    Money held;                // when all had ended
    Money first_cost;          // of one call
    Money last_cost;
    agents::Reply refusal;  // what the first one that was refused was told
    std::string refused_call;
};

struct SpiralOutcome {
    Money amount;
    SpiralFigures weir;
    SpiralFigures twin;  // spent without a hold
};

// Errors: those of the service and the store.
Result<SpiralOutcome> run_spiral(const SpiralOptions& options);

// For people.
std::string spiral_text(const SpiralOptions& options, const SpiralOutcome& outcome);

}  // namespace weir::app
