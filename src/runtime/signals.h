// Signals as events of a loop (signalfd). They must be blocked before any thread is started, so
// that no thread takes them in the old way. Thread: the loop's.
#pragma once

#include <functional>
#include <initializer_list>

#include "runtime/loop.h"

namespace weir::runtime {

// For this thread, and all that it starts from now on. SIGPIPE is ignored: a write says EPIPE.
void block_signals(std::initializer_list<int> signals);

class Signals final : private EventSource {
 public:
    using OnSignal = std::move_only_function<void(int signal)>;
    Signals(Loop& loop, std::initializer_list<int> signals, OnSignal on_signal);
    Signals(const Signals&) = delete;
    ~Signals();

 private:
    void on_event(std::uint32_t events) override;

    Loop& loop_;
    int fd_;
    OnSignal on_signal_;
};

}  // namespace weir::runtime
