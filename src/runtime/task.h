// Task<T>: a lazy coroutine. It starts when awaited and hands control back by symmetric transfer,
// so neither deep nor long chains of awaits use the thread's stack. An exception travels to whoever
// awaits. Destroying a Task that has not ended destroys its frame and all it owns, which is safe
// while it is parked on a Stream (runtime/stream.h). Thread: one, that of its loop.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "runtime/list_node.h"

namespace weir::runtime {

template <class T>
class Promise;

template <class T = void>
class [[nodiscard]] Task {
 public:
    using promise_type = Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) noexcept : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            reset();
            handle_ = std::exchange(other.handle_, {});
        }
        return *this;
    }
    ~Task() { reset(); }

    // Awaited once.
    bool await_ready() const noexcept { return false; }
    Handle await_suspend(std::coroutine_handle<> awaiting) noexcept {
        WEIR_CHECK(handle_ && !handle_.done());
        handle_.promise().continue_with(awaiting);
        return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

 private:
    void reset() noexcept {
        if (handle_) std::exchange(handle_, {}).destroy();
    }
    Handle handle_;
};

class PromiseBase {
 public:
    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) const noexcept {
            return ended.promise().continuation_;
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void continue_with(std::coroutine_handle<> awaiting) noexcept { continuation_ = awaiting; }

 private:
    std::coroutine_handle<> continuation_;
};

template <class T>
class Promise final : public PromiseBase {
 public:
    Task<T> get_return_object() noexcept {
        return Task<T>{std::coroutine_handle<Promise>::from_promise(*this)};
    }
    template <class U>
    void return_value(U&& value) {
        outcome_.template emplace<1>(std::forward<U>(value));
    }
    void unhandled_exception() noexcept { outcome_.template emplace<2>(std::current_exception()); }
    T take() {
        if (outcome_.index() == 2) std::rethrow_exception(std::get<2>(outcome_));
        return std::move(std::get<1>(outcome_));
    }

 private:
    std::variant<std::monostate, T, std::exception_ptr> outcome_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
    Task<void> get_return_object() noexcept {
        return Task<void>{std::coroutine_handle<Promise>::from_promise(*this)};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }
    void take() const {
        if (exception_) std::rethrow_exception(exception_);
    }

 private:
    std::exception_ptr exception_;
};

// Owns tasks that nobody awaits, and is the gate that a shutdown waits at. Its destructor destroys
// the frames of all that are still suspended; it must not run inside one of its own tasks.
class TaskGroup {
 public:
    using OnException = std::move_only_function<void(std::exception_ptr)>;

    TaskGroup() = default;
    // An exception that reaches the top of a task ends that task only and is told to `handler`.
    explicit TaskGroup(OnException handler) : on_exception_(std::move(handler)) {}
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();

    // Runs `task` at once, up to its first suspension. While the group is being destroyed, the task
    // is destroyed unstarted.
    void spawn(Task<void> task);
    std::size_t size() const { return size_; }
    // Resumes when no task is left; at once if none is. One caller at a time. The group may be
    // destroyed by what it resumes.
    Task<void> drained();

 private:
    struct Root;
    class Drained;

    static Root run(TaskGroup& group, Task<void> task);
    void failed(std::exception_ptr exception) noexcept;
    std::coroutine_handle<> ended() noexcept;

    ListNode tasks_;
    std::size_t size_ = 0;
    bool closing_ = false;
    Drained* waiting_ = nullptr;
    OnException on_exception_;
};

}  // namespace weir::runtime
