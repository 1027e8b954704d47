#include "runtime/listener.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "runtime/tcp.h"

namespace weir::runtime {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsATurn = 64;
// How long to wait for a free file descriptor.
constexpr Duration kPause = std::chrono::milliseconds{100};

std::unexpected<Error> cannot_listen(const SocketAddress& address, int error) {
    ErrorCode code = error == EADDRINUSE ? ErrorCode::conflict : ErrorCode::io;
    std::string hint = error == EADDRINUSE ? ": the port is taken by another program" : "";
    return fail(code, "Cannot listen on " + address.text() + hint + ".", std::strerror(error));
}

Result<SocketAddress> listen_address(std::string_view host, std::uint16_t port) {
    auto address = SocketAddress::parse(host == "localhost" ? "127.0.0.1" : host, port);
    if (address) return *address;
    return fail(ErrorCode::config_invalid,
                "Cannot listen on \"" + std::string{host} + "\": not an IP address.");
}

Result<int> listening_socket(const SocketAddress& address, bool share_port) {
    int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return cannot_listen(address, errno);
    int one = 1;
    int zero = 0;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (share_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (address.family() == AF_INET6) {
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    }
    if (::bind(fd, address.data(), address.size()) == 0 && ::listen(fd, kBacklog) == 0) return fd;
    int error = errno;
    ::close(fd);
    return cannot_listen(address, error);
}

bool out_of_resources(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Result<> check_port_is_free(std::string_view host, std::uint16_t port) {
    Result<SocketAddress> address = listen_address(host, port);
    if (!address) return std::unexpected(address.error());
    Result<int> fd = listening_socket(*address, false);
    if (!fd) return std::unexpected(fd.error());
    ::close(*fd);
    return {};
}

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, std::string_view host,
                                                 std::uint16_t port, OnConnection on_connection) {
    Result<SocketAddress> address = listen_address(host, port);
    if (!address) return std::unexpected(address.error());
    Result<int> fd = listening_socket(*address, true);
    if (!fd) return std::unexpected(fd.error());
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(*fd, reinterpret_cast<sockaddr*>(&bound), &size);
    if (auto got = SocketAddress::from(reinterpret_cast<const sockaddr*>(&bound))) *address = *got;
    std::unique_ptr<Listener> listener{new Listener(loop, *fd, *address, std::move(on_connection))};
    if (!loop.add(*fd, *listener, EPOLLIN)) return cannot_listen(*address, errno);
    return listener;
}

void Listener::close() {
    if (fd_ < 0) return;
    loop_.remove(fd_, *this);
    loop_.wheel().clear(*this);
    ::close(std::exchange(fd_, -1));
}

// Level-triggered, so that what one turn leaves is there in the next.
void Listener::on_event(std::uint32_t) {
    for (int i = 0; i < kAcceptsATurn && fd_ >= 0; ++i) {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        auto* peer = reinterpret_cast<sockaddr*>(&from);
        int fd = ::accept4(fd_, peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            int error = errno;
            if (error == ECONNABORTED || error == EINTR) continue;
            if (out_of_resources(error)) pause();
            return;
        }
        auto address = SocketAddress::from(peer);
        if (Own stream = TcpStream::adopt(loop_, fd)) {
            on_connection_(std::move(stream), address ? address->text() : std::string{});
        }
    }
}

// Without this a level-triggered listener would spin until a descriptor is free.
void Listener::pause() {
    loop_.modify(fd_, *this, 0);
    loop_.wheel().set(*this, loop_.now() + kPause);
}

void Listener::expire() {
    if (fd_ >= 0) loop_.modify(fd_, *this, EPOLLIN);
}

}  // namespace weir::runtime
