// The seam between protocol code and the network: a byte stream that is tried first and waited for
// only when it would block. The kernel's sockets, TLS over them and the simulator implement it.
// Owner: Own<Stream>, one coroutine at a time. Thread: the loop that made it.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/time.h"
#include "runtime/waiter.h"

namespace weir::runtime {

class Stream {
 public:
    // Bytes moved; 0 = the peer ended its side; -EAGAIN; -errno. -EAGAIN also comes when this
    // stream has had its share of the loop's turn. After it, a write is tried again with the same
    // pieces.
    virtual ssize_t try_read(void* buffer, std::size_t size) = 0;
    virtual ssize_t try_write(const iovec* pieces, int count) = 0;
    virtual bool read_ready() const = 0;  // false: a read would give -EAGAIN
    virtual bool write_ready() const = 0;
    // Parks at most one waiter a direction; nullptr: stop waiting. Being fired promises nothing: a
    // read may still give -EAGAIN (half a TLS record, a session ticket), then park again.
    virtual void wait_read(Waiter* waiter) = 0;
    virtual void wait_write(Waiter* waiter) = 0;
    // For whatever waits, from now; zero = none. Coarse: may fire up to two wheel ticks late. An
    // expired wait ends with ETIMEDOUT, and so does each further wait until the next set_deadline.
    virtual void set_deadline(Duration after) = 0;
    // If this stream's peer goes away while nobody waits here, `other`'s wait ends with ECANCELED.
    // A peer that went before is seen by peer_gone(). nullptr: unlink, before `other` is released.
    virtual void link(Stream* other) = 0;
    // Ends the present wait, if any, by resuming it before this returns.
    virtual void cancel(int error) = 0;
    virtual void shutdown_write() = 0;  // half-close
    // True once the peer's end or reset was seen (an event, no syscall).
    virtual bool peer_gone() const = 0;
    // Closes; memory goes when no event of the present batch can refer to it. Whoever is still
    // parked is never resumed.
    virtual void release() noexcept = 0;

 protected:
    ~Stream() = default;
};

struct Release {
    void operator()(Stream* s) const noexcept { s->release(); }
};
using Own = std::unique_ptr<Stream, Release>;

// co_await read_some(stream, p, n): bytes (0 = end) or -errno.
class ReadSome : Waiter {
 public:
    ReadSome(Stream& s, void* buffer, std::size_t size)
        : stream_(s), buffer_(buffer), size_(size) {}
    bool await_ready() { return (result = stream_.try_read(buffer_, size_)) != -EAGAIN; }
    void await_suspend(std::coroutine_handle<> h) {
        handle = h;
        fire = [](Waiter* w, int error) {
            auto* self = static_cast<ReadSome*>(w);
            if (error != 0) {
                self->result = -error;
            } else if (!self->await_ready()) {
                return self->stream_.wait_read(self);
            }
            self->handle.resume();
        };
        stream_.wait_read(this);
    }
    ssize_t await_resume() const { return result; }

 private:
    Stream& stream_;
    void* buffer_;
    std::size_t size_;
};
inline ReadSome read_some(Stream& s, void* buffer, std::size_t size) { return {s, buffer, size}; }

// co_await readable(stream): 0 or -errno. To wait without holding a buffer.
class Readable : Waiter {
 public:
    explicit Readable(Stream& s) : stream_(s) {}
    bool await_ready() const { return stream_.read_ready(); }
    void await_suspend(std::coroutine_handle<> h) {
        handle = h;
        fire = [](Waiter* w, int error) {
            w->result = -error;
            w->handle.resume();
        };
        stream_.wait_read(this);
    }
    int await_resume() const { return static_cast<int>(result); }

 private:
    Stream& stream_;
};
inline Readable readable(Stream& s) { return Readable{s}; }

// co_await writable(stream): 0 or -errno. For handshakes; writers use write_all.
class Writable : Waiter {
 public:
    explicit Writable(Stream& s) : stream_(s) {}
    bool await_ready() const { return stream_.write_ready(); }
    void await_suspend(std::coroutine_handle<> h) {
        handle = h;
        fire = [](Waiter* w, int error) {
            w->result = -error;
            w->handle.resume();
        };
        stream_.wait_write(this);
    }
    int await_resume() const { return static_cast<int>(result); }

 private:
    Stream& stream_;
};
inline Writable writable(Stream& s) { return Writable{s}; }

// What has to be written within the time that write_all is given: 1 kB/s at a minute.
inline constexpr std::size_t kProgressBytes = std::size_t{64} * 1024;

// co_await write_all(stream, pieces, count): 0 or -errno. No user-space buffer: the caller stays
// suspended until the kernel has all of it, which is the back-pressure. Consumes `pieces` in place.
// With `within`, every kProgressBytes have that long to go, so that a large body may take its time
// and a peer that takes a byte now and then may not; without, the stream's own deadline counts.
class WriteAll : Waiter {
 public:
    WriteAll(Stream& s, iovec* pieces, int count, Duration within)
        : stream_(s), pieces_(pieces), count_(count), within_(within) {
        if (within_ > Duration::zero()) stream_.set_deadline(within_);
    }
    bool await_ready() {
        while (count_ > 0) {
            ssize_t n = stream_.try_write(pieces_, count_);
            if (n < 0) {
                result = n;
                return n != -EAGAIN;
            }
            advance(static_cast<std::size_t>(n));
        }
        result = 0;
        return true;
    }
    void await_suspend(std::coroutine_handle<> h) {
        handle = h;
        fire = [](Waiter* w, int error) {
            auto* self = static_cast<WriteAll*>(w);
            if (error != 0) {
                self->result = -error;
            } else if (!self->await_ready()) {
                return self->stream_.wait_write(self);
            }
            self->handle.resume();
        };
        stream_.wait_write(this);
    }
    int await_resume() const { return static_cast<int>(result); }

 private:
    void advance(std::size_t n) {
        progress_ += n;
        if (within_ > Duration::zero() && progress_ >= kProgressBytes) {
            progress_ = 0;
            stream_.set_deadline(within_);
        }
        while (count_ > 0 && n >= pieces_->iov_len) {
            n -= pieces_->iov_len;
            ++pieces_;
            --count_;
        }
        if (n > 0) {
            pieces_->iov_base = static_cast<char*>(pieces_->iov_base) + n;
            pieces_->iov_len -= n;
        }
    }
    Stream& stream_;
    iovec* pieces_;
    int count_;
    Duration within_;
    std::size_t progress_ = 0;  // since the deadline was set
};
inline WriteAll write_all(Stream& s, iovec* pieces, int count, Duration within = {}) {
    return {s, pieces, count, within};
}

}  // namespace weir::runtime
