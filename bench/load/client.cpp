#include "load/client.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/epoll.h>

#include "load/payloads.h"

namespace weir::bench {

void Tally::fail(std::string_view what) {
    if (errors++ == 0) first_error = what;
}

bool Client::connect(std::uint16_t port) {
    port_ = port;
    return socket_.connect(port);
}

void Client::call(Nanos due) {
    if (!socket_.is_open() && !socket_.connect(port_)) return tally_.fail("cannot connect");
    busy_ = true;
    saw_end_ = false;
    chunks_ = 0;
    due_ = due;
    message_.restart();
    events_.clear();
    if (!socket_.send(request_)) give_up("the connection closed while sending");
}

void Client::on_ready(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0 && !socket_.on_writable()) return give_up("write failed");
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    std::string_view bytes;
    ssize_t n = socket_.read(bytes);
    if (n == -EAGAIN) return;
    if (n <= 0) {
        return give_up(busy_ ? "the connection closed before the answer's end"
                             : "an idle connection closed");
    }
    on_bytes(bytes);
}

void Client::on_bytes(std::string_view bytes) {
    if (!busy_) return give_up("bytes without a call");
    Nanos now = monotonic_now();
    auto state = message_.feed(bytes, expected_.stream ? &events_ : nullptr);
    if (message_.status() != 0 && message_.status() != 200) {
        return give_up(fmt::format("status {}: {}", message_.status(), bytes.substr(0, 300)));
    }
    if (state == Message::State::broken) return give_up("not HTTP");
    if (expected_.stream) take_events(now);
    if (state != Message::State::done) return;
    if (!bytes.empty()) return give_up("bytes behind the answer");
    finish(now);
}

void Client::take_events(Nanos now) {
    std::size_t at = 0;
    for (auto end = events_.find("\n\n"); end != std::string::npos;
         end = events_.find("\n\n", at)) {
        std::string_view event = std::string_view{events_}.substr(at, end - at);
        at = end + 2;
        if (Nanos stamp = stamp_of(event); stamp > 0) {
            ++chunks_;
            ++tally_.chunks;
            tally_.chunk_delays.push_back(now - stamp);
        } else if (event == "data: [DONE]") {
            saw_end_ = true;
        }
    }
    events_.erase(0, at);
}

void Client::finish(Nanos now) {
    if (expected_.stream && (chunks_ != expected_.chunks || !saw_end_)) {
        return give_up(fmt::format("a stream ended after {} chunks", chunks_));
    }
    if (!expected_.stream && message_.payload_bytes() != expected_.body_bytes) {
        return give_up(fmt::format("a body of {} bytes", message_.payload_bytes()));
    }
    busy_ = false;
    ++tally_.calls;
    tally_.latencies.push_back(now - due_);
    done_(*this);
}

void Client::give_up(std::string_view why) {
    tally_.fail(why);
    busy_ = false;
    socket_.close();
}

}  // namespace weir::bench
