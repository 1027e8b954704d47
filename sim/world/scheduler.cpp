#include "sim/world/scheduler.h"

#include <algorithm>

namespace weir::world {

Scheduler::Scheduler(std::uint64_t seed) : rng_(seed), wheel_(now_) {}

// What waits may refer to the wheel: it goes first.
Scheduler::~Scheduler() {
    while (!events_.empty()) events_.pop();
}

Duration Scheduler::between(Duration low, Duration high) {
    auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
    return low + Duration{static_cast<std::int64_t>(rng_.below(span))};
}

void Scheduler::at(MonoTime when, Function f) {
    events_.push({std::max(when, now_), ++order_, std::move(f)});
}

bool Scheduler::run_one() {
    auto ahead = wheel_.until_next(now_);
    bool timers_first = ahead && (events_.empty() || now_ + *ahead <= events_.top().when);
    if (!timers_first && events_.empty()) return false;
    ++turn_;
    if (timers_first) {
        now_ = now_ + *ahead;
        wheel_.advance(now_);
        return true;
    }
    now_ = events_.top().when;
    Function function = std::move(events_.top().function);
    events_.pop();
    note(static_cast<std::uint64_t>(now_.ns));
    function();
    return true;
}

bool Scheduler::run_until(const std::function<bool()>& done, Duration limit) {
    MonoTime end = now_ + limit;
    while (!done()) {
        if (now_ >= end || !run_one()) return done();
    }
    return true;
}

void Scheduler::run_for(Duration d) {
    bool over = false;
    after(d, [&over] { over = true; });
    while (!over && run_one()) {
    }
}

void Scheduler::step() {
    if (looked_on_) return;
    ++steps_;
    if (on_step_) on_step_(steps_);
}

void Scheduler::note(std::uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15ull;
    hash_ ^= hash_ >> 29;
}

void Scheduler::note(std::string_view text) {
    std::uint64_t sum = 0xCBF29CE484222325ull;
    for (char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    note(sum);
}

}  // namespace weir::world
