#include "runtime/task.h"

namespace weir::runtime {

struct TaskGroup::Root {
    class promise_type final : public ListNode {
     public:
        promise_type(TaskGroup& group, const Task<void>&) : group_(group) {
            group.tasks_.append(*this);
            ++group.size_;
        }
        promise_type(const promise_type&) = delete;
        promise_type& operator=(const promise_type&) = delete;
        ~promise_type() { --group_.size_; }

        struct Final {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> root) const noexcept {
                TaskGroup& group = root.promise().group_;
                root.destroy();
                return group.ended();
            }
            void await_resume() const noexcept {}
        };

        Root get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        Final final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { group_.failed(std::current_exception()); }

     private:
        TaskGroup& group_;
    };
};

// Either side may go first: the group, or the frame that waits for it.
class TaskGroup::Drained {
 public:
    explicit Drained(TaskGroup& group) : group_(&group) {}
    Drained(const Drained&) = delete;
    Drained& operator=(const Drained&) = delete;
    ~Drained() {
        if (group_ != nullptr && group_->waiting_ == this) group_->waiting_ = nullptr;
    }
    bool await_ready() const noexcept { return group_->size_ == 0; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
        WEIR_CHECK(group_->waiting_ == nullptr);
        handle_ = handle;
        group_->waiting_ = this;
    }
    void await_resume() const noexcept {}

    std::coroutine_handle<> leave() noexcept {
        group_ = nullptr;
        return handle_;
    }

 private:
    TaskGroup* group_;
    std::coroutine_handle<> handle_;
};

TaskGroup::~TaskGroup() {
    closing_ = true;
    if (waiting_ != nullptr) waiting_->leave();
    waiting_ = nullptr;
    while (tasks_.linked()) {
        auto& promise = static_cast<Root::promise_type&>(tasks_.first());
        std::coroutine_handle<Root::promise_type>::from_promise(promise).destroy();
    }
}

TaskGroup::Root TaskGroup::run(TaskGroup&, Task<void> task) { co_await task; }

void TaskGroup::spawn(Task<void> task) {
    if (!closing_) run(*this, std::move(task));
}

Task<void> TaskGroup::drained() { co_await Drained{*this}; }

void TaskGroup::failed(std::exception_ptr exception) noexcept {
    if (on_exception_) on_exception_(std::move(exception));
}

// Nothing of the group may be touched after this: what is resumed may destroy it.
std::coroutine_handle<> TaskGroup::ended() noexcept {
    if (size_ > 0 || waiting_ == nullptr) return std::noop_coroutine();
    return std::exchange(waiting_, nullptr)->leave();
}

}  // namespace weir::runtime
