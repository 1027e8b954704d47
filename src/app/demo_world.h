// The two threads that the demo has beside the gateway's: the simulated provider, and the agents.
// Thread: main, but for what says otherwise.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/secret.h"
#include "runtime/clock.h"
#include "runtime/loop_net.h"
#include "runtime/tls.h"
#include "runtime/worker.h"
#include "sim/agents/live_wire.h"
#include "sim/agents/office.h"
#include "sim/provider/simulator.h"

namespace weir::app {

// Listens on a free port of the loopback from open() until its end.
class SimulatedProvider {
 public:
    static Result<std::unique_ptr<SimulatedProvider>> open(sim::Settings settings,
                                                           const runtime::Clock& clock);
    SimulatedProvider(const SimulatedProvider&) = delete;
    ~SimulatedProvider();
    std::string url() const { return simulator_->url(); }

 private:
    SimulatedProvider() = default;
    runtime::Worker worker_{"weir-sim"};
    std::unique_ptr<sim::Simulator> simulator_;
};

// A loop of its own for HTTP clients of the gateway, with agents or without.
class ClientThread {
 public:
    explicit ClientThread(agents::LiveOptions options);
    ClientThread(const ClientThread&) = delete;
    ~ClientThread();

    // Runs `work` on the thread, as one of its tasks.
    using Work = std::move_only_function<runtime::Task<void>(agents::LiveWire& wire)>;
    void run(Work work);
    void open_office(agents::OfficeOptions options);
    // Ends all work where it stands. Idempotent.
    void stop();

    runtime::Loop& loop() { return worker_.loop(); }
    agents::LiveWire& wire() { return wire_; }  // counts(): thread: any

 private:
    runtime::Worker worker_{"weir-agents"};
    runtime::TlsClient tls_;
    runtime::LoopNet net_{worker_.loop(), tls_};
    agents::LiveWire wire_;
    std::unique_ptr<agents::Office> office_;
    runtime::TaskGroup tasks_;
};

}  // namespace weir::app
