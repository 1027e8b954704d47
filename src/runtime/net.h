// The way out and in: dial a provider, sleep, be told of accepted connections.
// Net is implemented by LoopNet (kernel, TLS, DNS) and by the simulator.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "runtime/stream.h"
#include "runtime/task.h"

namespace weir::runtime {

struct Address {
    std::string host;  // name or literal
    std::uint16_t port = 0;
    bool tls = false;
    bool verify_tls = true;
    std::string ca_file{};  // extra trust anchor; empty = the system's
    bool operator==(const Address&) const = default;
};

class Net {
 public:
    // Resolves (cached, refreshed by TTL), connects (each address in turn), shakes hands. Errors:
    // provider_unreachable, provider_tls, provider_timeout.
    virtual Task<Result<Own>> connect(const Address& address, Duration timeout) = 0;
    // Resumes after at least `d`, coarse.
    virtual Task<void> sleep(Duration d) = 0;
    // Coarse monotonic time, read once a turn of the loop.
    virtual MonoTime loop_now() const = 0;

 protected:
    ~Net() = default;
};

}  // namespace weir::runtime
