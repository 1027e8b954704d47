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
constexpr Duration kRetry = std::chrono::milliseconds{50};

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
    std::unique_ptr<Server> server{new Server(loop, *address, provider)};
    if (auto listens = server->listen(); !listens) return std::unexpected(listens.error());
    provider.on_refuse([&server = *server](Duration time) { server.close_for(time); });
    return server;
}

Result<> Server::listen() {
    fd_ = ::socket(address_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return cannot_listen(address_, errno);
    int one = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool listens = ::bind(fd_, address_.data(), address_.size()) == 0 &&
                   ::listen(fd_, kBacklog) == 0 && loop_.add(fd_, *this, EPOLLIN);
    if (!listens) {
        int error = errno;
        ::close(std::exchange(fd_, -1));
        return cannot_listen(address_, error);
    }
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
    auto got = runtime::SocketAddress::from(reinterpret_cast<const sockaddr*>(&bound));
    if (got) address_ = *got;
    return {};
}

void Server::close() {
    closed_ = true;
    loop_.wheel().clear(*this);
    if (fd_ < 0) return;
    loop_.remove(fd_, *this);
    ::close(std::exchange(fd_, -1));
}

// With the port closed the kernel refuses, as it does for a provider that is down.
void Server::close_for(Duration time) {
    if (closed_) return;
    close();
    closed_ = false;
    loop_.wheel().set(*this, loop_.now() + time);
}

// Somebody may have the port in the meantime: then it is tried again.
void Server::expire() {
    if (auto listens = listen(); !listens) loop_.wheel().set(*this, loop_.now() + kRetry);
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

}  // namespace weir::sim
