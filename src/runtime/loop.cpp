#include "runtime/loop.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"

namespace weir::runtime {
namespace {

MonoTime coarse_now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

}  // namespace

Loop::Loop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      now_(coarse_now()),
      wheel_(now_) {
    WEIR_CHECK(epoll_ >= 0 && wake_ >= 0);
    WEIR_CHECK(add(wake_, *this, EPOLLIN | EPOLLET));
}

Loop::~Loop() {
    posted_.clear();  // what it owns may still close streams
    free_buried();
    ::close(wake_);
    ::close(epoll_);
}

bool Loop::add(int fd, EventSource& source, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.ptr = &source}};
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Loop::modify(int fd, EventSource& source, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.ptr = &source}};
    return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0;
}

void Loop::remove(int fd, EventSource& source) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    for (int i = 0; i < batch_size_; ++i) {
        epoll_event& event = batch_[static_cast<std::size_t>(i)];
        if (event.data.ptr == &source) event.data.ptr = nullptr;
    }
}

void Loop::run_next_turn(Yielded& yielded) {
    if (!yielded.linked()) yielded_.append(yielded);
}

void Loop::bury(Buried& buried) noexcept {
    buried.next_ = buried_;
    buried_ = &buried;
}

void Loop::free_buried() noexcept {
    while (buried_ != nullptr) {
        Buried* dead = buried_;
        buried_ = dead->next_;
        delete dead;
    }
}

void Loop::post(Function f) {
    bool first = false;
    {
        std::lock_guard lock(mutex_);
        first = posted_.empty();
        posted_.push_back(std::move(f));
    }
    if (!first) return;  // whoever posted the first has woken the loop
    std::uint64_t one = 1;
    [[maybe_unused]] ssize_t n = ::write(wake_, &one, sizeof one);
}

void Loop::on_event(std::uint32_t) {
    std::uint64_t count = 0;
    [[maybe_unused]] ssize_t n = ::read(wake_, &count, sizeof count);
    std::vector<Function> taken;
    {
        std::lock_guard lock(mutex_);
        taken.swap(posted_);
    }
    for (Function& f : taken) f();
}

void Loop::stop() {
    post([this] { stopping_ = true; });
}

void Loop::run() {
    while (!std::exchange(stopping_, false)) one_turn();
}

int Loop::wait_ms() const {
    if (yielded_.linked()) return 0;
    std::optional<Duration> sleep = wheel_.until_next(now_);
    if (!sleep) return -1;
    // The coarse clock lags behind by up to one kernel tick: waking exactly then would be too
    // early.
    constexpr std::int64_t kClockLagMs = 4;
    std::int64_t ms = *sleep / std::chrono::milliseconds{1} + kClockLagMs;
    return static_cast<int>(std::min<std::int64_t>(ms, 60'000));
}

void Loop::one_turn() {
    int timeout = wait_ms();
    ListNode yielded;  // those that yield from here on run in the turn after
    yielded.take_all(yielded_);
    batch_size_ = std::max(::epoll_wait(epoll_, batch_.data(), kBatch, timeout), 0);
    ++turn_;
    now_ = coarse_now();
    wheel_.advance(now_);
    for (int i = 0; i < batch_size_; ++i) {
        epoll_event event = batch_[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) continue;
        static_cast<EventSource*>(event.data.ptr)->on_event(event.events);
    }
    batch_size_ = 0;
    while (yielded.linked()) {
        auto& next = static_cast<Yielded&>(yielded.first());
        next.unlink();
        next.on_next_turn();
    }
    if (end_of_turn_) end_of_turn_();
    free_buried();
}

}  // namespace weir::runtime
