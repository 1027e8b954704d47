#include "runtime/tcp.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace weir::runtime {

Own TcpStream::adopt(Loop& loop, int fd, bool connecting) {
    int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Own stream{new TcpStream(loop, fd, connecting)};
    auto& source = static_cast<TcpStream&>(*stream);
    if (loop.add(fd, source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) return stream;
    int error = errno;
    stream.reset();
    errno = error;
    return nullptr;
}

bool TcpStream::share_left() const {
    return turn_ != loop_.turn() || (bytes_ < kTurnBytes && operations_ < kTurnOperations);
}

bool TcpStream::take_share() {
    if (!share_left()) return false;
    if (turn_ != loop_.turn()) {
        turn_ = loop_.turn();
        bytes_ = 0;
        operations_ = 0;
    }
    ++operations_;
    return true;
}

ssize_t TcpStream::try_read(void* buffer, std::size_t size) {
    if (!readable_ || !take_share()) return -EAGAIN;
    ssize_t n = 0;
    do {
        n = ::recv(fd_, buffer, size, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN) readable_ = false;
        return -errno;
    }
    if (n == 0 && size > 0) peer_gone_ = true;
    auto taken = static_cast<std::size_t>(n);
    bytes_ += taken;
    // A short read has drained the socket: more data is a new edge, so no second recv is needed to
    // learn that. Once the peer has gone there is no further edge.
    if (taken < size && !peer_gone_) readable_ = false;
    return n;
}

ssize_t TcpStream::try_write(const iovec* pieces, int count) {
    if (!writable_ || !take_share()) return -EAGAIN;
    count = std::min(count, IOV_MAX);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = static_cast<std::size_t>(count);
    ssize_t n = 0;
    do {
        n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN) writable_ = false;
        return -errno;
    }
    std::size_t wanted = 0;
    for (int i = 0; i < count; ++i) wanted += pieces[i].iov_len;
    auto sent = static_cast<std::size_t>(n);
    bytes_ += sent;
    if (sent < wanted) writable_ = false;  // full: room is a new edge
    return n;
}

// Parking on what is ready already happens when the share of this turn is used up, or when a caller
// does not try first: the next turn fires it.
void TcpStream::wait_read(Waiter* waiter) {
    reader_.set(waiter);
    if (waiter != nullptr && (readable_ || expired_)) loop_.run_next_turn(*this);
}

void TcpStream::wait_write(Waiter* waiter) {
    writer_.set(waiter);
    if (waiter != nullptr && (writable_ || expired_)) loop_.run_next_turn(*this);
}

void TcpStream::on_next_turn() {
    if (fd_ < 0) return;
    if (expired_) return cancel(ETIMEDOUT);
    if (readable_) reader_.wake(0);
    if (fd_ >= 0 && writable_) writer_.wake(0);
}

void TcpStream::set_deadline(Duration after) {
    expired_ = false;
    if (after > Duration::zero()) {
        loop_.wheel().set(*this, loop_.now() + after);
    } else {
        loop_.wheel().clear(*this);
    }
}

void TcpStream::expire() {
    if (fd_ < 0) return;
    expired_ = true;
    cancel(ETIMEDOUT);
}

void TcpStream::cancel(int error) {
    reader_.wake(error);
    if (fd_ >= 0) writer_.wake(error);
}

void TcpStream::shutdown_write() { ::shutdown(fd_, SHUT_WR); }

void TcpStream::release() noexcept {
    loop_.wheel().clear(*this);
    ::close(fd_);  // leaves epoll too
    fd_ = -1;
    reader_.set(nullptr);
    writer_.set(nullptr);
    link_ = nullptr;
    loop_.bury(*this);
}

// Each waiter that is fired may release this stream; the memory stays until the end of the turn.
void TcpStream::on_event(std::uint32_t events) {
    if (fd_ < 0) return;
    bool gone = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (gone) peer_gone_ = true;
    bool somebody_waited = false;
    if (gone || (events & EPOLLIN) != 0) {
        readable_ = true;
        somebody_waited = reader_.wake(0);
    }
    if (fd_ >= 0 && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        writable_ = true;
        somebody_waited = writer_.wake(0) || somebody_waited;
    }
    if (fd_ >= 0 && gone && !somebody_waited && link_ != nullptr) link_->cancel(ECANCELED);
}

Task<Dialled> dial_tcp(Loop& loop, SocketAddress address, Duration timeout) {
    int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) co_return Dialled{nullptr, errno};
    if (::connect(fd, address.data(), address.size()) != 0 && errno != EINPROGRESS) {
        int error = errno;
        ::close(fd);
        co_return Dialled{nullptr, error};
    }
    Own stream = TcpStream::adopt(loop, fd, true);
    if (!stream) co_return Dialled{nullptr, errno};
    stream->set_deadline(timeout);
    int error = -co_await writable(*stream);
    socklen_t size = sizeof error;
    if (error == 0) ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) co_return Dialled{nullptr, error};
    stream->set_deadline(Duration::zero());
    co_return Dialled{std::move(stream), 0};
}

}  // namespace weir::runtime
