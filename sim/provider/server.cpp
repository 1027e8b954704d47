#include "sim/provider/server.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "runtime/tcp.h"

namespace weir::sim {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsATurn = 64;

std::unexpected<Error> cannot_listen(const runtime::SocketAddress& address, int error) {
    return fail(error == EADDRINUSE ? ErrorCode::conflict : ErrorCode::io,
                "Cannot listen on " + address.text() + ".", std::strerror(error));
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(runtime::Loop& loop, std::string_view host,
                                             std::uint16_t port, Provider& provider) {
    auto address = runtime::SocketAddress::parse(host == "localhost" ? "127.0.0.1" : host, port);
    if (!address) {
        return fail(ErrorCode::config_invalid,
                    "Cannot listen on \"" + std::string{host} + "\": not an IP address.");
    }
    int fd = ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return cannot_listen(*address, errno);
    int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    std::unique_ptr<Server> server{new Server(loop, fd, *address, provider)};
    bool listens = ::bind(fd, address->data(), address->size()) == 0 &&
                   ::listen(fd, kBacklog) == 0 && loop.add(fd, *server, EPOLLIN);
    if (!listens) return cannot_listen(*address, errno);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
    auto got = runtime::SocketAddress::from(reinterpret_cast<const sockaddr*>(&bound));
    if (got) server->address_ = *got;
    return server;
}

void Server::close() {
    if (fd_ < 0) return;
    loop_.remove(fd_, *this);
    ::close(std::exchange(fd_, -1));
}

// Level-triggered, so that what one turn leaves is there in the next.
void Server::on_event(std::uint32_t) {
    for (int i = 0; i < kAcceptsATurn && fd_ >= 0; ++i) {
        int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;
        if (fd < 0) return;
        if (auto stream = runtime::TcpStream::adopt(loop_, fd)) {
            provider_.accept(std::move(stream), fd);
        }
    }
}

Sleep sleep_on(runtime::Loop& loop) {
    return [&loop](Duration time) -> runtime::Task<void> {
        return [](runtime::Loop& on, Duration d) -> runtime::Task<void> {
            co_await on.sleep(d);
        }(loop, time);
    };
}

}  // namespace weir::sim
