// Coding agents that work until their trajectory's budget is spent: what they really send, grown
// turn by turn, at the catalogue's prices (ledger.md B6, product.md §3.6). Virtual time: a run is
// its seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"

namespace weir::overshoot {

// The captured first request of an agent.
struct Capture {
    std::string agent;  // "Claude Code"
    std::string path;   // "/v1/messages?beta=true"
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;  // whole again, as large as it was
};
// nullopt: no captures are there.
std::optional<std::vector<Capture>> read_captures(const std::string& directory);

struct AgentSetting {
    const Capture* capture = nullptr;
    std::uint64_t seed = 1;
    int sub_agents = 0;                             // beside the main one, on the same trajectory
    int turns = 60;                                 // then its harness compacts, and it begins anew
    bool counts = true;                             // the vendor counts for nothing
    Int128 amount = Int128{2} * 1'000'000'000'000;  // pico-USD a trajectory
};

// By the provider's own book.
struct Trajectory {
    Int128 billed = 0;
    std::optional<Int128> at_first_final;  // billed when a call was first refused for good
    Int128 could_be = 0;                   // then: the amount less that call's uncached input
    int calls = 0;
    int shortened = 0;
    int counted = 0;
    std::int64_t max_output = 0;   // as the agent asks for it
    std::int64_t first_bytes = 0;  // of its requests
    std::int64_t longest_bytes = 0;
};
Trajectory run(const AgentSetting& setting);

}  // namespace weir::overshoot
