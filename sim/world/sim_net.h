// The way out of a process of the second world: names that lead to servers, and what can go wrong
// on the way to them. Thread: the scheduler's.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/net.h"
#include "sim/world/sim_stream.h"

namespace weir::world {

// What is at one name and port.
struct Host {
    std::function<void(runtime::Own)> accept;
    Link link;
    Duration connect_time = std::chrono::milliseconds{1};
    // Asked for each connection: provider_unreachable, provider_tls, or provider_timeout after the
    // whole time. nullopt: it comes about.
    std::function<std::optional<ErrorCode>()> refuse;
};

// All servers there are. Outlives the processes.
struct Internet {
    std::map<std::string, Host> hosts;  // by name
};

class SimNet final : public runtime::Net {
 public:
    SimNet(Scheduler& scheduler, Internet& internet, std::shared_ptr<const Life> life)
        : scheduler_(scheduler), internet_(internet), life_(std::move(life)) {}

    runtime::Task<Result<runtime::Own>> connect(const runtime::Address& address,
                                                Duration timeout) override;
    runtime::Task<void> sleep(Duration d) override;
    MonoTime loop_now() const override { return scheduler_.now(); }

    // A connection from outside to this process: the client's end, and this process's.
    std::pair<runtime::Own, runtime::Own> dial_in(const Link& link);

 private:
    Scheduler& scheduler_;
    Internet& internet_;
    std::shared_ptr<const Life> life_;
};

}  // namespace weir::world
