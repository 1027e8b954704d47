// What is parked on a Stream, and where a Stream keeps it. Owns nothing. Thread: the loop's.
#pragma once

#include <coroutine>
#include <sys/types.h>

namespace weir::runtime {

struct Waiter;

// Where a stream keeps the waiter of one direction. Either side may go first: a waiter that is
// destroyed while parked leaves its slot, and a slot that is destroyed lets go of its waiter.
class WaitSlot {
 public:
    WaitSlot() = default;
    WaitSlot(const WaitSlot&) = delete;
    WaitSlot& operator=(const WaitSlot&) = delete;
    ~WaitSlot() { set(nullptr); }

    explicit operator bool() const { return waiter_ != nullptr; }
    void set(Waiter* waiter);  // instead of the present one; nullptr: none
    Waiter* take();            // empties the slot; nullptr if it was empty
    // Takes the waiter and fires it. False: there was none. What it resumes may release the stream.
    bool wake(int error);

 private:
    Waiter* waiter_ = nullptr;
};

// A coroutine parked on a stream. `fire(waiter, 0)`: try again; `fire(waiter, e)`: ended by errno.
struct Waiter {
    struct Parked {
        Parked() = default;
        Parked(const Parked&) = delete;
        Parked& operator=(const Parked&) = delete;
        ~Parked() {
            if (slot != nullptr) slot->set(nullptr);
        }
        WaitSlot* slot = nullptr;
    };

    void (*fire)(Waiter*, int error) = nullptr;
    std::coroutine_handle<> handle;
    ssize_t result = 0;
    Parked parked;  // kept by WaitSlot
};

inline void WaitSlot::set(Waiter* waiter) {
    if (waiter_ != nullptr) waiter_->parked.slot = nullptr;
    waiter_ = waiter;
    if (waiter_ == nullptr) return;
    if (waiter_->parked.slot != nullptr) waiter_->parked.slot->waiter_ = nullptr;
    waiter_->parked.slot = this;
}
inline Waiter* WaitSlot::take() {
    Waiter* waiter = waiter_;
    set(nullptr);
    return waiter;
}
inline bool WaitSlot::wake(int error) {
    Waiter* waiter = take();
    if (waiter == nullptr) return false;
    waiter->fire(waiter, error);
    return true;
}

}  // namespace weir::runtime
