// One thread's event loop: edge-triggered epoll, each socket registered once. A turn takes a batch
// of events, fires due timers, resumes what waits, runs the end-of-turn hook and then frees what
// was closed. Everything but post() and stop() belongs to the thread that runs the loop (or to the
// one that built it, before and after run()). Outlives all that was made on it.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <sys/epoll.h>
#include <vector>

#include "base/time.h"
#include "runtime/list_node.h"
#include "runtime/wheel.h"

namespace weir::runtime {

// Whatever is registered with epoll. `events`: EPOLL* bits.
class EventSource {
 public:
    virtual void on_event(std::uint32_t events) = 0;

 protected:
    ~EventSource() = default;
};

// Something that wants to run in the next turn.
class Yielded : private ListNode {
 public:
    virtual void on_next_turn() = 0;

 protected:
    ~Yielded() = default;

 private:
    friend class Loop;
};

// Closed, but events of the present batch may still name it.
class Buried {
 public:
    virtual ~Buried() = default;

 private:
    friend class Loop;
    Buried* next_ = nullptr;
};

class Loop final : private EventSource {
 public:
    class Sleep;
    using Function = std::move_only_function<void()>;

    // Checks that the kernel grants two descriptors: it is for the start of the process.
    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    // Runs turns until stop().
    void run();
    // Thread: any. The present turn is finished first.
    void stop();
    // Runs `f` on the loop's thread, in order. Thread: any. What was posted to a loop that does not
    // run any more is destroyed with the loop.
    void post(Function f);

    // Coarse (some 4 ms), read once a turn.
    MonoTime now() const { return now_; }
    // The number of the present turn.
    std::uint64_t turn() const { return turn_; }
    Wheel& wheel() { return wheel_; }
    // co_await loop.sleep(d): resumes after at least `d`, coarse.
    Sleep sleep(Duration d);
    // Called once at the end of each turn, when all that could run has run: the place to write what
    // was gathered. It must not block.
    void on_end_of_turn(Function hook) { end_of_turn_ = std::move(hook); }

    // False: the kernel refused (errno tells).
    bool add(int fd, EventSource& source, std::uint32_t events);
    bool modify(int fd, EventSource& source, std::uint32_t events);
    // `source` gets no event after this, also none of the present batch.
    void remove(int fd, EventSource& source);
    void run_next_turn(Yielded& yielded);
    // Deletes it at the end of the turn.
    void bury(Buried& buried) noexcept;

 private:
    static constexpr int kBatch = 256;

    void on_event(std::uint32_t events) override;  // something was posted
    void one_turn();
    int wait_ms() const;
    void free_buried() noexcept;

    int epoll_;
    int wake_;
    bool stopping_ = false;
    MonoTime now_;
    std::uint64_t turn_ = 0;
    Wheel wheel_;
    ListNode yielded_;
    Buried* buried_ = nullptr;
    Function end_of_turn_;
    int batch_size_ = 0;
    std::array<epoll_event, kBatch> batch_;
    std::mutex mutex_;  // guards posted_
    std::vector<Function> posted_;
};

class Loop::Sleep final : private Timer {
 public:
    Sleep(Loop& loop, Duration d) : loop_(loop), duration_(d) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
        handle_ = handle;
        loop_.wheel().set(*this, loop_.now() + duration_);
    }
    void await_resume() const noexcept {}

 private:
    void expire() override { handle_.resume(); }

    Loop& loop_;
    Duration duration_;
    std::coroutine_handle<> handle_;
};
inline Loop::Sleep Loop::sleep(Duration d) { return {*this, d}; }

}  // namespace weir::runtime
