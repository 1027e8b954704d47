// Waits for both directions of a Stream at once. Owns nothing. Thread: the loop's.
#pragma once

#include "runtime/stream.h"

namespace weir::runtime {

// co_await either_way(stream): 0 or -errno. For a writer that was told -EAGAIN and wants to know of
// an answer, or of an end, before the rest has gone. Always suspends.
class EitherWay {
 public:
    explicit EitherWay(Stream& s) : stream_(s) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) {
        for (Side* side : {&read_, &write_}) {
            side->handle = h;
            side->both = this;
            side->fire = [](Waiter* w, int error) {
                EitherWay& self = *static_cast<Side*>(w)->both;
                // TLS may park both on one slot of the stream below, so each leaves its own.
                for (Side* parked : {&self.read_, &self.write_}) {
                    if (parked->parked.slot != nullptr) parked->parked.slot->set(nullptr);
                }
                self.result_ = -error;
                w->handle.resume();
            };
        }
        stream_.wait_read(&read_);
        stream_.wait_write(&write_);
    }
    int await_resume() const { return result_; }

 private:
    struct Side : Waiter {
        EitherWay* both = nullptr;
    };
    Stream& stream_;
    Side read_;
    Side write_;
    int result_ = 0;
};
inline EitherWay either_way(Stream& s) { return EitherWay{s}; }

}  // namespace weir::runtime
