// One worker of the road: its thread and loop, and all that lives on them. Built and destroyed by
// the control thread; in between everything but what says otherwise belongs to its loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "app/config.h"
#include "gateway/front.h"
#include "gateway/road.h"
#include "http/upstream_pool.h"
#include "ledger/journal.h"
#include "runtime/clock.h"
#include "runtime/listener.h"
#include "runtime/loop_net.h"
#include "runtime/slab.h"
#include "runtime/tls.h"
#include "runtime/worker.h"

namespace weir::app {

// What all workers share.
struct RoadShared {
    const Config& config;
    const runtime::Clock& clock;
    gateway::Treasury& treasury;
    gateway::InputMemory& inputs;
    gateway::TargetWatch& targets;
    gateway::Desk& desk;
    runtime::TlsClient& tls_client;
    runtime::TlsServer* tls_server = nullptr;  // null: the listener speaks plain HTTP
    std::shared_ptr<const core::Policy> policy;
    std::uint32_t epoch = 0;
};

class RoadWorker {
 public:
    RoadWorker(std::uint16_t number, std::unique_ptr<ledger::JournalWriter> journal,
               const RoadShared& shared);
    RoadWorker(const RoadWorker&) = delete;
    ~RoadWorker();

    // Before start(). Port 0: any free one. Errors: those of Listener::open.
    Result<std::uint16_t> listen(const std::string& host, std::uint16_t port);
    void start() { worker_.start(); }

    // Thread: any.
    void take_policy(std::shared_ptr<const core::Policy> policy);
    // Accepts no more; `drained` is called on the loop when the last call has ended.
    void drain(std::function<void()> drained);
    // Ends the thread; calls that are still running end as unknown, at their bounds.
    void stop();

    ledger::JournalWriter& journal() { return *journal_; }  // thread: see there
    runtime::Loop& loop() { return worker_.loop(); }

 private:
    void accept(runtime::Own stream, std::string_view peer);
    runtime::Task<void> shake_hands(runtime::Own low, std::string peer);
    runtime::Task<void> tell_drained(std::function<void()> drained);

    const RoadShared& shared_;
    runtime::Worker worker_;
    runtime::BufferPool buffers_;
    runtime::LoopNet net_;
    http::UpstreamPool pool_;
    std::unique_ptr<ledger::JournalWriter> journal_;
    gateway::Road road_;
    gateway::Front front_;
    runtime::TaskGroup handshakes_;
    std::unique_ptr<runtime::Listener> listener_;
};

}  // namespace weir::app
