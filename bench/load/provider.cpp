#include "load/provider.h"

#include <algorithm>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/payloads.h"

namespace weir::bench {

class Provider::Connection final : public Ready {
 public:
    Connection(Provider& provider, int fd) : provider_(provider), socket_(provider.poller_, *this) {
        socket_.adopt(fd);
    }

    Socket& socket() { return socket_; }
    std::uint64_t request = 0;  // which one it answers; 0: none
    bool held = false;

    void on_ready(std::uint32_t events) override {
        if ((events & EPOLLOUT) != 0 && !socket_.on_writable()) return socket_.close();
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
        std::string_view bytes;
        ssize_t n = socket_.read(bytes);
        if (n == -EAGAIN) return;
        if (n <= 0) {
            if (request != 0) ++provider_.broken_;
            request = 0;
            held = false;
            return socket_.close();
        }
        while (!bytes.empty() && socket_.is_open()) {
            auto state = message_.feed(bytes, nullptr);
            if (state == Message::State::broken) {
                ++provider_.broken_;
                return socket_.close();
            }
            if (state != Message::State::done) return;
            message_.restart();
            provider_.answer(*this);
        }
    }

 private:
    Provider& provider_;
    Socket socket_;
    Message message_;
};

Provider::Provider(Poller& poller, Answer answer)
    : poller_(poller),
      answer_(answer),
      whole_(whole_answer()),
      stream_head_(stream_head()),
      stream_end_(stream_end()) {}

Provider::~Provider() {
    if (listener_ >= 0) ::close(listener_);
}

bool Provider::listen(std::uint16_t port) {
    listener_ = listen_on(port);
    if (listener_ >= 0) poller_.add(listener_, *this);
    return listener_ >= 0;
}

std::size_t Provider::connections() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(connections_, [](const auto& c) { return c->socket().is_open(); }));
}

void Provider::on_ready(std::uint32_t) {
    for (;;) {
        int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        connections_.push_back(std::make_unique<Connection>(*this, fd));
    }
}

void Provider::answer(Connection& connection) {
    ++requests_;
    if (answer_ == Answer::whole) {
        if (!connection.socket().send(whole_)) connection.socket().close();
        return;
    }
    connection.request = requests_;
    Nanos now = monotonic_now();
    connection.socket().send(stream_head_);
    connection.held = answer_ == Answer::held_stream;
    if (connection.held) {
        connection.socket().send(stream_chunk(now));
    } else {
        next_chunk(connection, connection.request, 1, now);
    }
}

// Chunks keep to the grid of the first, however late one of them was.
void Provider::next_chunk(Connection& connection, std::uint64_t request, int number, Nanos due) {
    if (connection.request != request) return;  // the connection went, or answers another
    connection.socket().send(stream_chunk(monotonic_now()));
    if (number == kChunksAStream) {
        connection.request = 0;
        connection.socket().send(stream_end_);
        return;
    }
    Nanos next = due + kChunkEvery;
    poller_.at(next, [this, &connection, request, number, next] {
        next_chunk(connection, request, number + 1, next);
    });
}

void Provider::release_held() {
    for (auto& connection : connections_) {
        if (!connection->held) continue;
        connection->held = false;
        connection->request = 0;
        connection->socket().send(stream_end_);
    }
}

}  // namespace weir::bench
