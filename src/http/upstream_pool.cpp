#include "http/upstream_pool.h"

#include <algorithm>
#include <cerrno>

namespace weir::http {

bool UpstreamConnection::quiet() {
    char byte = 0;
    return input_.empty() && !stream_->peer_gone() && stream_->try_read(&byte, 1) == -EAGAIN;
}

// The place of one connection in its lane while it is being dialled; a frame that is destroyed in
// the middle of it gives the place back.
class UpstreamPool::Seat {
 public:
    Seat(UpstreamPool& pool, Lanes::iterator lane) : pool_(pool), lane_(lane) {
        ++lane_->second.open;
    }
    Seat(const Seat&) = delete;
    ~Seat() {
        if (!kept_) pool_.leave(lane_);
    }
    void keep() { kept_ = true; }

 private:
    UpstreamPool& pool_;
    Lanes::iterator lane_;  // valid: a lane with an open connection is not erased
    bool kept_ = false;
};

UpstreamPool::~UpstreamPool() = default;

void UpstreamPool::leave(Lanes::iterator lane) {
    if (--lane->second.open == 0) lanes_.erase(lane);
}

runtime::Task<Result<UpstreamPool::Connection>> UpstreamPool::acquire(
    const runtime::Address& address, Duration timeout) {
    if (Connection idle = take_idle(address)) co_return idle;
    co_return co_await dial(address, timeout);
}

UpstreamPool::Connection UpstreamPool::take_idle(const runtime::Address& address) {
    auto lane = lanes_.find(address);
    if (lane == lanes_.end()) return nullptr;
    auto& idle = lane->second.idle;
    for (auto at = idle.begin(); at != idle.end();) {
        // One that has had its share of this turn cannot tell whether anything has come.
        if (!(*at)->stream_->write_ready()) {
            ++at;
            continue;
        }
        Connection connection = std::move(*at);
        at = idle.erase(at);
        connection->stream_->wait_read(nullptr);
        connection->pool_ = nullptr;
        if (connection->quiet()) {
            connection->reused_ = true;
            return connection;
        }
        connection.reset();
        bool last = lane->second.open == 1;
        leave(lane);
        if (last) break;
    }
    return nullptr;
}

runtime::Task<Result<UpstreamPool::Connection>> UpstreamPool::dial(const runtime::Address& address,
                                                                   Duration timeout) {
    auto lane = lanes_.try_emplace(address).first;
    Seat seat(*this, lane);
    if (lane->second.open > limits_.connections_max) {
        if (lane->second.idle.empty()) {
            co_return fail(ErrorCode::overloaded, "Too many calls to this provider are in flight.");
        }
        drop_idle(*lane->second.idle.back());
    }
    auto stream = co_await net_.connect(address, timeout);
    if (!stream) co_return std::unexpected(stream.error());
    seat.keep();
    co_return std::make_unique<UpstreamConnection>(std::move(*stream), buffers_);
}

void UpstreamPool::give_back(const runtime::Address& address, Connection connection) {
    auto& stream = *connection->stream_;
    auto lane = lanes_.find(address);
    bool usable = connection->input_.empty() && !stream.peer_gone();
    if (!usable || lane == lanes_.end() || lane->second.idle.size() >= limits_.idle_max) {
        return discard(address, std::move(connection));
    }
    connection->input_.rest();
    connection->pool_ = this;
    connection->address_ = &lane->first;
    stream.link(nullptr);
    stream.set_deadline(limits_.idle_for);
    // Whatever happens to an idle connection, bytes, an end, a reset or the time-out, ends it. What
    // happens below TLS need not be a byte.
    connection->fire = [](runtime::Waiter* waiter, int error) {
        auto* self = static_cast<UpstreamConnection*>(waiter);
        if (error == 0 && self->quiet()) return self->stream_->wait_read(self);
        self->pool_->drop_idle(*self);
    };
    stream.wait_read(connection.get());
    lane->second.idle.push_front(std::move(connection));
}

void UpstreamPool::discard(const runtime::Address& address, Connection connection) {
    connection.reset();
    if (auto lane = lanes_.find(address); lane != lanes_.end()) leave(lane);
}

void UpstreamPool::drop_idle(UpstreamConnection& connection) {
    auto lane = lanes_.find(*connection.address_);
    auto& idle = lane->second.idle;
    auto at = std::ranges::find(idle, &connection, &Connection::get);
    if (at == idle.end()) return;
    idle.erase(at);
    leave(lane);
}

std::size_t UpstreamPool::idle() const {
    std::size_t n = 0;
    for (const auto& [address, lane] : lanes_) n += lane.idle.size();
    return n;
}

}  // namespace weir::http
