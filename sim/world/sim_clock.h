// The clock of the second world's machine: monotonic time is the scheduler's, wall time can be set
// to anything. A look at it is a place to die at.
#pragma once

#include "runtime/clock.h"
#include "sim/world/scheduler.h"

namespace weir::world {

class SimClock final : public runtime::Clock {
 public:
    // 2026-11-24T03:00:00Z, some days before a month ends.
    static constexpr UnixTime kStart = UnixTime::from_seconds(1'795'489'200);

    explicit SimClock(Scheduler& scheduler) : scheduler_(scheduler), start_(scheduler.now()) {}
    UnixTime unix_now() const override {
        scheduler_.step();
        return kStart + (scheduler_.now() - start_) + step_;
    }
    MonoTime mono_now() const override {
        scheduler_.step();
        return scheduler_.now();
    }
    // Somebody, or NTP, sets the clock.
    void jump(Duration by) { step_ += by; }

 private:
    Scheduler& scheduler_;
    MonoTime start_;
    Duration step_{};
};

}  // namespace weir::world
