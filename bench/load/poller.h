// The one loop of weir_load: level-triggered epoll and a heap of timers in nanoseconds.
// Thread: one.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace weir::bench {

using Nanos = std::int64_t;
Nanos monotonic_now();
constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000'000'000;

class Ready {
 public:
    virtual void on_ready(std::uint32_t events) = 0;

 protected:
    ~Ready() = default;
};

class Poller {
 public:
    using Then = std::function<void()>;

    Poller();
    ~Poller();
    Poller(const Poller&) = delete;

    void add(int fd, Ready& handler);
    // Whether the handler also wants to know when it can write.
    void want_write(int fd, Ready& handler, bool wanted);
    // Closing a descriptor takes it out; the handler must live until the present turn ends.
    void at(Nanos when, Then then) { timers_.push({when, next_++, std::move(then)}); }

    // Runs until `done` or the deadline. True: done.
    bool run(Nanos deadline, const std::function<bool()>& done);

 private:
    struct Timer {
        Nanos when;
        std::uint64_t order;
        Then then;
        bool operator<(const Timer& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };
    void turn(Nanos deadline);

    int epoll_;
    std::uint64_t next_ = 0;
    std::priority_queue<Timer> timers_;
};

}  // namespace weir::bench
