// One piece of long work at a time, beside the control loop: what reads much of the store would
// keep the loop from answering. Owner: the service. Thread: the control thread's.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "runtime/loop.h"

namespace weir::app {

class SideThread {
 public:
    using Work = std::move_only_function<void(const std::stop_token&)>;
    using Then = std::move_only_function<void()>;

    // `loop` outlives it.
    explicit SideThread(runtime::Loop& loop) : loop_(loop) {}
    // Asks what is under way to end, and waits until it has.
    ~SideThread() = default;
    SideThread(const SideThread&) = delete;

    // Does `work` on a thread of its own, then `then` on the loop. False: it is at work already,
    // and took neither.
    bool run(Work work, Then then);

 private:
    runtime::Loop& loop_;
    bool busy_ = false;
    std::jthread thread_;  // last: it ends before what it touches
};

}  // namespace weir::app
