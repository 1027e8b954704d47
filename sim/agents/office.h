// Who works in the demo: the keys that its teams have, and how often work comes in. Owner: whoever
// owns the wire. Thread: the wire's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/agents/staff.h"
#include "sim/agents/wire.h"

namespace weir::agents {

struct KeyPlan {
    std::string_view name;
    std::string_view team;
    std::string_view application;
    std::string_view environment;
    std::string_view models = {};  // a glob; empty: all
};
std::span<const KeyPlan> key_plans();

struct OfficeOptions {
    std::uint64_t seed = 1;
    std::string prefix{};            // of goals
    std::uint64_t first_number = 1;  // of tickets, pull requests …
    UnixTime ratchet_from{};         // see Post
    bool always_open = false;        // else by the hour of the day and the day of the week
};

class Office {
 public:
    Office(Wire& wire, OfficeOptions options) : wire_(wire), options_(std::move(options)) {}
    Office(const Office&) = delete;

    // Work comes in from now on, until the office is destroyed, with all that is being worked on.
    void open();

 private:
    struct Position;
    static std::span<const Position> positions();
    runtime::Task<void> receive(const Position& position, std::uint64_t seed);

    Wire& wire_;
    OfficeOptions options_;
    runtime::TaskGroup tasks_;
};

// How busy the teams are at that instant: 0 to 1.
double busyness(UnixTime at);

}  // namespace weir::agents
