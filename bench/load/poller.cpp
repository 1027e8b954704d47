#include "load/poller.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <sys/epoll.h>
#include <unistd.h>

namespace weir::bench {

Nanos monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
}

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
Poller::~Poller() { ::close(epoll_); }

void Poller::add(int fd, Ready& handler) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &handler}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Poller::want_write(int fd, Ready& handler, bool wanted) {
    std::uint32_t events = EPOLLIN;
    if (wanted) events |= EPOLLOUT;
    epoll_event event{.events = events, .data = {.ptr = &handler}};
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

bool Poller::run(Nanos deadline, const std::function<bool()>& done) {
    while (!done()) {
        if (monotonic_now() >= deadline) return false;
        turn(deadline);
    }
    return true;
}

void Poller::turn(Nanos deadline) {
    Nanos until = timers_.empty() ? deadline : std::min(deadline, timers_.top().when);
    Nanos wait = std::max<Nanos>(until - monotonic_now(), 0);
    timespec timeout{.tv_sec = wait / kSecond, .tv_nsec = wait % kSecond};
    std::array<epoll_event, 256> batch;
    int n = ::epoll_pwait2(epoll_, batch.data(), static_cast<int>(batch.size()), &timeout, nullptr);
    for (int i = 0; i < n; ++i) {
        const epoll_event& event = batch[static_cast<std::size_t>(i)];
        static_cast<Ready*>(event.data.ptr)->on_ready(event.events);
    }
    for (Nanos now = monotonic_now(); !timers_.empty() && timers_.top().when <= now;) {
        Then then = timers_.top().then;
        timers_.pop();
        then();
    }
}

}  // namespace weir::bench
