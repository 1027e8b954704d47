// Agents as real HTTP clients of a gateway, at many times the speed of life. Owner: whoever runs
// the loop. Thread: the loop's, but for counts().
#pragma once

#include <atomic>
#include <map>
#include <string>

#include "base/secret.h"
#include "http/upstream_pool.h"
#include "runtime/net.h"
#include "runtime/slab.h"
#include "sim/agents/wire.h"

namespace weir::agents {

struct LiveOptions {
    runtime::Address gateway;
    std::map<std::string, Secret, std::less<>> keys;  // texts, by name
    double speed = 60;
    UnixTime start;  // what the agents take for now at the beginning
};

class LiveWire final : public Wire {
 public:
    // `net` outlives the wire.
    LiveWire(runtime::Net& net, LiveOptions options)
        : net_(net), options_(std::move(options)), begun_(net.loop_now()) {}
    LiveWire(const LiveWire&) = delete;

    runtime::Task<Reply> send(const Ask& ask) override;
    runtime::Task<void> pause(Duration d) override;
    UnixTime now() const override;

    struct Counts {
        std::uint64_t calls = 0;
        std::uint64_t refused = 0;  // by the gateway
        std::uint64_t failed = 0;   // by the provider, or on the way
    };
    Counts counts() const {
        return {calls_.load(std::memory_order_relaxed), refused_.load(std::memory_order_relaxed),
                failed_.load(std::memory_order_relaxed)};
    }

 private:
    void count(const Reply& reply);

    runtime::Net& net_;
    LiveOptions options_;
    MonoTime begun_;
    runtime::BufferPool buffers_;
    http::UpstreamPool pool_{net_, buffers_, {}};
    std::atomic<std::uint64_t> calls_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> failed_{0};
};

}  // namespace weir::agents
