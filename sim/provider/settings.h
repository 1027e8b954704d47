// How one simulated provider behaves. Values; read by all of sim/provider.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "sim/provider/faults.h"
#include "sim/provider/json.h"

namespace weir::sim {

// What becomes of an answer whose client has gone, or whose connection a fault has cut.
enum class OnCut : std::uint8_t {
    bill_on,  // it is generated to its natural end, and billed so
    stop,     // generation ends, and what was generated is billed
};

struct Settings {
    std::uint64_t seed = 1;

    OnCut on_cut = OnCut::bill_on;
    // Attempts that were cut, or timed out, before the first byte of their answer. If false they
    // cost nothing, whatever `on_cut` says.
    bool bill_unanswered = true;

    Duration first_byte{0};
    Duration chunk_delay{0};
    double speed = 1;  // divides all delays, and the life of cached prompts

    std::int64_t output_mean = 60;    // tokens of an answer's text
    std::int64_t output_most = 4096;  // where the request sets no limit, and above which none goes
    std::int64_t tokens_per_chunk = 4;  // of a stream
    double tool_chance = 0.6;           // that tools which may be called are called
    std::int64_t tool_rounds_most = 8;  // after which a loop of tools ends
    double refusal_chance = 0;
    bool greedy = false;  // generates as much as it may
    bool caching = true;
    Reading reading = Reading::python;
    bool require_key = true;  // any key will do

    std::vector<FaultRate> faults{};
    std::size_t attempts_kept = 100'000;  // of the bill, in memory
};

}  // namespace weir::sim
