#include "sim/provider/fine_timers.h"

#include <algorithm>
#include <optional>
#include <sys/timerfd.h>
#include <unistd.h>

namespace weir::sim {

class FineTimers::Until {
 public:
    Until(FineTimers& timers, MonoTime due) : timers_(timers), due_(due) {}
    Until(const Until&) = delete;
    // A coroutine that is destroyed asleep is not woken.
    ~Until() {
        if (at_) timers_.sleepers_.erase(*at_);
    }
    bool await_ready() const { return timers_.clock_.mono_now() >= due_; }
    void await_suspend(std::coroutine_handle<> handle) {
        handle_ = handle;
        at_ = timers_.sleepers_.emplace(due_.ns, handle);
        if (*at_ == timers_.sleepers_.begin()) timers_.arm();
    }
    void await_resume() { at_.reset(); }  // whoever woke it has taken it out

 private:
    FineTimers& timers_;
    MonoTime due_;
    std::coroutine_handle<> handle_;
    std::optional<Sleepers::iterator> at_;
};

FineTimers::FineTimers(runtime::Loop& loop, const runtime::Clock& clock)
    : loop_(loop),
      clock_(clock),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    loop_.add(timer_, *this, EPOLLIN);
}

FineTimers::~FineTimers() {
    loop_.remove(timer_, *this);
    ::close(timer_);
}

runtime::Task<void> FineTimers::sleep(Duration time) {
    Until until{*this, clock_.mono_now() + time};
    co_await until;
}

void FineTimers::on_event(std::uint32_t) {
    std::uint64_t fired = 0;
    (void)!::read(timer_, &fired, sizeof fired);
    std::int64_t now = clock_.mono_now().ns;
    while (!sleepers_.empty() && sleepers_.begin()->first <= now) {
        auto handle = sleepers_.begin()->second;
        sleepers_.erase(sleepers_.begin());
        handle.resume();
    }
    arm();
}

void FineTimers::arm() {
    if (sleepers_.empty()) return;
    std::int64_t left = std::max<std::int64_t>(sleepers_.begin()->first - clock_.mono_now().ns, 1);
    itimerspec in{};
    in.it_value = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    ::timerfd_settime(timer_, 0, &in, nullptr);
}

}  // namespace weir::sim
