// A non-blocking TCP connection on loopback that sends what it is given, in order.
// Owner: whoever holds it. Thread: the poller's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "load/poller.h"

namespace weir::bench {

class Socket {
 public:
    Socket(Poller& poller, Ready& handler) : poller_(poller), handler_(handler) {}
    Socket(const Socket&) = delete;
    ~Socket() { close(); }

    void adopt(int fd);
    // False: refused.
    bool connect(std::uint16_t port);
    bool is_open() const { return fd_ >= 0; }
    void close();

    // `bytes` that do not fit now are copied and go out when there is room. False: the peer went.
    bool send(std::string_view bytes);
    bool on_writable();
    // Into a buffer that all share until the next read. 0: the end; -EAGAIN; -errno.
    ssize_t read(std::string_view& out);

 private:
    // Bytes that the kernel took; -errno.
    ssize_t push(std::string_view bytes) const;

    Poller& poller_;
    Ready& handler_;
    int fd_ = -1;
    std::string unsent_;
    std::size_t sent_ = 0;  // of unsent_
};

// A listening socket on 127.0.0.1; -1 if the port cannot be had.
int listen_on(std::uint16_t port);

}  // namespace weir::bench
