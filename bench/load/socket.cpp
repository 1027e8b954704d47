#include "load/socket.h"

#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::bench {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

std::array<char, 256 * 1024>& shared_buffer() {
    static std::array<char, 256 * 1024> buffer;
    return buffer;
}

}  // namespace

void Socket::adopt(int fd) {
    fd_ = fd;
    int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    poller_.add(fd, handler_);
}

bool Socket::connect(std::uint16_t port) {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(port);
    // Blocking, since on loopback it does not wait; everything after it must not.
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        if (fd >= 0) ::close(fd);
        return false;
    }
    int on = 1;
    ::ioctl(fd, FIONBIO, &on);
    adopt(fd);
    return true;
}

void Socket::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    unsent_.clear();
    sent_ = 0;
}

ssize_t Socket::push(std::string_view bytes) const {
    ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN ? 0 : -errno;
    return n;
}

bool Socket::send(std::string_view bytes) {
    if (fd_ < 0) return false;
    if (!unsent_.empty()) {
        unsent_.append(bytes);
        return true;
    }
    ssize_t n = push(bytes);
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    if (!bytes.empty()) {
        unsent_.assign(bytes);
        poller_.want_write(fd_, handler_, true);
    }
    return true;
}

bool Socket::on_writable() {
    if (unsent_.empty()) return true;
    ssize_t n = push(std::string_view{unsent_}.substr(sent_));
    if (n < 0) return false;
    sent_ += static_cast<std::size_t>(n);
    if (sent_ == unsent_.size()) {
        unsent_.clear();
        sent_ = 0;
        poller_.want_write(fd_, handler_, false);
    }
    return true;
}

ssize_t Socket::read(std::string_view& out) {
    auto& buffer = shared_buffer();
    ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (n < 0) return -errno;
    out = {buffer.data(), static_cast<std::size_t>(n)};
    return n;
}

int listen_on(std::uint16_t port) {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address = loopback(port);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 4096) != 0) {
        ::close(fd);
        return -1;
    }
    return fd;
}

}  // namespace weir::bench
