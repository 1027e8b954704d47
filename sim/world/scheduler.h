// Virtual time. Everything in the second world happens by events, in the order of their instants,
// on one thread: the same seed gives the same events, and so the same hash of the log. It outlives
// all that waits in it. Thread: one.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "runtime/wheel.h"

namespace weir::world {

class Scheduler {
 public:
    using Function = std::move_only_function<void()>;
    class Delay;

    explicit Scheduler(std::uint64_t seed);
    Scheduler(const Scheduler&) = delete;
    ~Scheduler();

    MonoTime now() const { return now_; }
    // The number of the present event.
    std::uint64_t turn() const { return turn_; }
    SeededRng& rng() { return rng_; }
    runtime::Wheel& wheel() { return wheel_; }
    bool chance(unsigned percent) { return rng_.below(100) < percent; }
    // Uniform in [low, high].
    Duration between(Duration low, Duration high);

    // Events of one instant run in the order in which they were asked for.
    void at(MonoTime when, Function f);
    void after(Duration d, Function f) { at(now_ + d, std::move(f)); }
    void next_turn(Function f) { at(now_, std::move(f)); }
    // co_await scheduler.delay(d). The frame may go meanwhile.
    Delay delay(Duration d);

    // Runs the next event. False: nothing will ever happen again.
    bool run_one();
    // Until `done`, or until `limit` of virtual time has passed. True: done.
    bool run_until(const std::function<bool()>& done, Duration limit);
    void run_for(Duration d);

    // A place where a process can die: a write, a read, a look at the clock, a sync. `on_step` is
    // told the number of each.
    void step();
    std::uint64_t steps() const { return steps_; }
    // While it lives, steps are not steps: somebody looks on who is no part of the world.
    class LookingOn;
    void on_step(std::function<void(std::uint64_t)> told) { on_step_ = std::move(told); }

    // The log: only its hash is kept.
    void note(std::uint64_t value);
    void note(std::string_view text);
    std::uint64_t hash() const { return hash_; }

 private:
    struct Event {
        MonoTime when;
        std::uint64_t order;
        mutable Function function;
        bool operator<(const Event& o) const {
            return when != o.when ? when > o.when : order > o.order;
        }
    };

    MonoTime now_{1'000'000'000};
    std::uint64_t turn_ = 0;
    std::uint64_t order_ = 0;
    std::uint64_t steps_ = 0;
    std::uint64_t hash_ = 0xCBF29CE484222325ull;
    bool looked_on_ = false;
    SeededRng rng_;
    runtime::Wheel wheel_;
    std::priority_queue<Event> events_;
    std::function<void(std::uint64_t)> on_step_;
};

class Scheduler::LookingOn {
 public:
    explicit LookingOn(Scheduler& scheduler)
        : scheduler_(scheduler), before_(std::exchange(scheduler.looked_on_, true)) {}
    LookingOn(const LookingOn&) = delete;
    ~LookingOn() { scheduler_.looked_on_ = before_; }

 private:
    Scheduler& scheduler_;
    bool before_;
};

class Scheduler::Delay {
 public:
    Delay(Scheduler& scheduler, Duration d) : scheduler_(scheduler), duration_(d) {}
    Delay(const Delay&) = delete;
    ~Delay() {
        if (waiting_) *waiting_ = nullptr;
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
        waiting_ = std::make_shared<std::coroutine_handle<>>(handle);
        scheduler_.after(duration_, [waiting = waiting_] {
            if (*waiting) waiting->resume();
        });
    }
    void await_resume() const noexcept {}

 private:
    Scheduler& scheduler_;
    Duration duration_;
    std::shared_ptr<std::coroutine_handle<>> waiting_;
};
inline Scheduler::Delay Scheduler::delay(Duration d) { return {*this, d}; }

}  // namespace weir::world
