// What one run of weir_load does. One process is client and provider at once, so that the other
// core belongs to the proxy under test alone. Read once from the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace weir::bench {

enum class Mode : std::uint8_t {
    saturate,  // N connections, the next call as soon as the last is answered
    paced,     // R calls a second, whatever the answers do
    streams,   // S streams at a time, 50 chunks each, 20 ms apart
    idle,      // K connections that made one call each and then rest
    held,      // K streams that began and do not end
    start,     // runs a command and waits for the first call that is answered through it
};

struct Options {
    Mode mode = Mode::saturate;
    std::uint16_t upstream_port = 0;  // where the provider listens
    std::uint16_t target_port = 0;    // whom the client calls; 0: the provider itself
    std::string key = "none";
    int connections = 64;
    int rate = 2'000;  // calls a second, of paced
    std::string body = "small";
    double warm_seconds = 0.7;
    double seconds = 3;
    pid_t watch = 0;  // the process whose CPU and memory are told
    int cpu = -1;     // pinned to it
    bool realtime = false;
    std::vector<std::string> command;  // of start
};

// Empty, after saying why on stderr, if the words make no sense.
std::optional<Options> read_options(int argc, char** argv);

}  // namespace weir::bench
