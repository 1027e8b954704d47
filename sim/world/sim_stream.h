// Two ends of a connection of the second world: bytes take time, arrive in pieces, wait for room,
// and end by a half-close, a close or a reset, as the kernel's do (runtime/tcp.cpp is the model).
// Owner: each end its Own. Thread: the scheduler's.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "runtime/stream.h"
#include "runtime/wheel.h"
#include "sim/world/scheduler.h"

namespace weir::world {

// Of one connection. The default is a link without faults.
struct Link {
    Duration delay_min = std::chrono::microseconds{100};
    Duration delay_max = std::chrono::microseconds{100};
    std::size_t window = 64 * 1024;  // bytes on the way and unread, after which a writer waits
    unsigned chop_percent = 0;       // of writes that arrive in pieces
    unsigned short_percent = 0;      // of writes and reads that move less than they could
    unsigned stutter_percent = 0;    // of tries that say -EAGAIN although they need not
};

// The process that an end belongs to. Once it is dead, what its code still writes goes nowhere.
struct Life {
    bool dead = false;
};

class SimStream final : public runtime::Stream, private runtime::Timer {
 public:
    struct End {
        std::shared_ptr<const Life> life;  // null: lives on
        bool counts_steps = false;         // its tries are places to die at
    };
    static std::pair<runtime::Own, runtime::Own> pair(Scheduler& scheduler, const Link& link,
                                                      End first, End second);
    ~SimStream() = default;

    ssize_t try_read(void* buffer, std::size_t size) override;
    ssize_t try_write(const iovec* pieces, int count) override;
    bool read_ready() const override { return !dead() && readable() && share_left(); }
    bool write_ready() const override { return dead() || (writable() && share_left()); }
    void wait_read(runtime::Waiter* waiter) override;
    void wait_write(runtime::Waiter* waiter) override;
    void set_deadline(Duration after) override;
    void link(runtime::Stream* other) override { link_ = other; }
    void cancel(int error) override;
    void shutdown_write() override;
    bool peer_gone() const override { return peer_gone_; }
    void release() noexcept override;

    // Closes with a reset instead of an end.
    static void abort(runtime::Own stream);

 private:
    SimStream(Scheduler& scheduler, const Link& link, End end)
        : scheduler_(scheduler), quality_(link), end_(std::move(end)) {}

    void expire() override;
    bool dead() const { return end_.life && end_.life->dead; }
    bool readable() const { return !inbox_.empty() || at_end_ || error_ != 0; }
    bool writable() const { return on_the_way_ < quality_.window || error_ != 0; }
    bool share_left() const { return stuttered_in_ != scheduler_.turn(); }
    bool stutters();
    MonoTime arrival();
    void poke();
    void send(std::string bytes);
    void send_end(bool reset);
    void arrive(const std::string& bytes);
    void arrive_end(bool reset);
    void room(std::size_t bytes);
    void told_of_end(bool writer_too);
    std::weak_ptr<SimStream> weak_end() const { return self_; }

    Scheduler& scheduler_;
    Link quality_;
    End end_;
    std::shared_ptr<SimStream> self_;
    std::weak_ptr<SimStream> peer_;

    std::string inbox_;
    bool at_end_ = false;
    int error_ = 0;
    bool peer_gone_ = false;
    bool expired_ = false;
    bool released_ = false;
    bool aborted_ = false;
    bool end_sent_ = false;
    std::size_t on_the_way_ = 0;  // sent, and not read by the peer
    MonoTime last_arrival_;
    std::uint64_t stuttered_in_ = UINT64_MAX;
    runtime::WaitSlot reader_;
    runtime::WaitSlot writer_;
    runtime::Stream* link_ = nullptr;
};

}  // namespace weir::world
