// TCP: the kernel's sockets as Streams, without a buffer in user space. TCP_NODELAY is on, since
// pieces are gathered by writev. Thread: the loop's.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "runtime/loop.h"
#include "runtime/socket_address.h"
#include "runtime/stream.h"
#include "runtime/task.h"

namespace weir::runtime {

// What one stream may do in one turn of the loop before others get theirs.
inline constexpr std::size_t kTurnBytes = 128 * 1024;
inline constexpr unsigned kTurnOperations = 64;

class TcpStream final : public Stream,
                        private Buried,
                        private EventSource,
                        private Timer,
                        private Yielded {
 public:
    // Takes a connected (or connecting) non-blocking socket. Closes it and gives nullptr if the
    // kernel refuses to watch it (errno tells).
    static Own adopt(Loop& loop, int fd, bool connecting = false);

    ssize_t try_read(void* buffer, std::size_t size) override;
    ssize_t try_write(const iovec* pieces, int count) override;
    bool read_ready() const override { return readable_ && share_left(); }
    bool write_ready() const override { return writable_ && share_left(); }
    void wait_read(Waiter* waiter) override;
    void wait_write(Waiter* waiter) override;
    void set_deadline(Duration after) override;
    void link(Stream* other) override { link_ = other; }
    void cancel(int error) override;
    void shutdown_write() override;
    bool peer_gone() const override { return peer_gone_; }
    void release() noexcept override;

 private:
    TcpStream(Loop& loop, int fd, bool connecting) : loop_(loop), fd_(fd), writable_(!connecting) {}

    void on_event(std::uint32_t events) override;
    void expire() override;
    void on_next_turn() override;
    bool share_left() const;
    bool take_share();

    Loop& loop_;
    int fd_;
    bool readable_ = false;
    bool writable_;
    bool peer_gone_ = false;
    bool expired_ = false;
    unsigned operations_ = 0;  // in turn_
    std::size_t bytes_ = 0;    // in turn_
    std::uint64_t turn_ = 0;
    WaitSlot reader_;
    WaitSlot writer_;
    Stream* link_ = nullptr;
};

struct Dialled {
    Own stream;     // nullptr: failed
    int error = 0;  // errno; ETIMEDOUT after `timeout`
};
Task<Dialled> dial_tcp(Loop& loop, SocketAddress address, Duration timeout);

}  // namespace weir::runtime
