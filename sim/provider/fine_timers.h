// Timers of a millisecond on a loop, for the pace of answers: the loop's own wheel is far coarser.
// Owns nothing. Thread: the loop's. Outlives what sleeps on it.
#pragma once

#include <coroutine>
#include <map>

#include "base/time.h"
#include "runtime/clock.h"
#include "runtime/loop.h"
#include "runtime/task.h"

namespace weir::sim {

class FineTimers final : private runtime::EventSource {
 public:
    FineTimers(runtime::Loop& loop, const runtime::Clock& clock);
    FineTimers(const FineTimers&) = delete;
    ~FineTimers();

    // Resumes after at least `time`.
    runtime::Task<void> sleep(Duration time);

 private:
    using Sleepers = std::multimap<std::int64_t, std::coroutine_handle<>>;
    class Until;
    void on_event(std::uint32_t events) override;
    void arm();

    runtime::Loop& loop_;
    const runtime::Clock& clock_;
    int timer_;
    Sleepers sleepers_;  // by the time they are due
};

}  // namespace weir::sim
