// The client connections of one worker: each a coroutine that reads requests and serves them until
// one side has had enough. Owner: the worker. Thread: its loop.
#pragma once

#include <cstddef>
#include <string>

#include "gateway/road.h"
#include "http/limits.h"
#include "runtime/list_node.h"
#include "runtime/stream.h"
#include "runtime/task.h"

namespace weir::gateway {

class Front {
 public:
    explicit Front(Road& road) : road_(road) {}
    Front(const Front&) = delete;

    // Beyond the worker's bound on connections the one that has been silent for longest makes room;
    // where all are being served, the new one is closed at once.
    void accept(runtime::Own stream, std::string peer_address);

    // Idle connections close now, others after their present answer.
    void drain();
    runtime::Task<void> drained() { return tasks_.drained(); }
    std::size_t open() const { return tasks_.size(); }

 private:
    class Idle;
    runtime::Task<void> serve(runtime::Own stream, std::string peer_address);

    Road& road_;
    runtime::ListNode idle_;  // of Idle: the one that came first is first
    runtime::TaskGroup tasks_;
};

}  // namespace weir::gateway
