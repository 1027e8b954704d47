// What one worker's calls stand on. Built by app/, one for each worker.
// Owner: the worker. Thread: its loop, but for what says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/ids.h"
#include "core/identify.h"
#include "core/policy.h"
#include "core/retry_budget.h"
#include "gateway/desk.h"
#include "gateway/input_memory.h"
#include "gateway/live_calls.h"
#include "gateway/target_watch.h"
#include "gateway/treasury.h"
#include "gateway/unsynced_ends.h"
#include "http/upstream_pool.h"
#include "ledger/journal.h"
#include "runtime/clock.h"
#include "runtime/net.h"
#include "runtime/slab.h"
#include "runtime/task.h"

namespace weir::gateway {

enum class Durability : std::uint8_t {
    background,  // fdatasync every few milliseconds, beside the road
    sync,        // before dispatch and before money is freed
};

// Counted by one worker, read by whoever shows them (relaxed atomics would cost nothing either; the
// control thread reads a copy that the worker posts).
struct RoadCounters {
    std::uint64_t calls = 0;
    std::uint64_t refused = 0;
    std::uint64_t attempts = 0;
    std::uint64_t errors = 0;
    std::uint64_t unknown = 0;
    std::uint64_t unledgered_ends = 0;  // an end that could not be written: the hold stays
};

struct Road {
    runtime::Net& net;
    const runtime::Clock& clock;
    runtime::BufferPool& buffers;
    http::UpstreamPool& pool;
    ledger::JournalWriter& journal;
    Treasury& treasury;
    InputMemory& inputs;
    TargetWatch& targets;
    Desk& desk;
    core::Sha256 sha256;
    // Runs on this worker's loop, from any thread.
    std::function<void(std::move_only_function<void()>)> post;
    Durability durability = Durability::background;
    std::uint32_t epoch = 0;
    std::uint16_t worker = 0;

    std::shared_ptr<const core::Policy> policy;
    std::uint64_t last_seq = 0;
    RoadCounters counters;
    core::RetryBudget retries{};
    bool draining = false;
    UnsyncedEnds unsynced{net, journal, treasury};
    LiveCalls live{};

    // From now on; what it stops ends before this returns. On the loop.
    void take_policy(std::shared_ptr<const core::Policy> next) {
        policy = next;
        live.end_stopped(next->stops);
    }

    CallId next_call_id() { return {epoch, worker, ++last_seq}; }
};

}  // namespace weir::gateway
