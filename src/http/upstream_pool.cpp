#include "http/upstream_pool.h"

#include <algorithm>

namespace weir::http {

UpstreamPool::~UpstreamPool() = default;

runtime::Task<Result<UpstreamPool::Connection>> UpstreamPool::acquire(
    const runtime::Address& address, Duration timeout) {
    Lane& lane = lanes_[address];
    while (!lane.idle.empty()) {
        Connection connection = std::move(lane.idle.front());
        lane.idle.pop_front();
        connection->stream_->wait_read(nullptr);
        connection->pool_ = nullptr;
        if (connection->stream_->peer_gone() || connection->stream_->read_ready()) {
            --lane.open;
            continue;
        }
        connection->reused_ = true;
        co_return connection;
    }
    co_return co_await dial(address, timeout);
}

runtime::Task<Result<UpstreamPool::Connection>> UpstreamPool::dial(const runtime::Address& address,
                                                                   Duration timeout) {
    Lane& lane = lanes_[address];  // stable: lanes are never erased
    if (lane.open >= limits_.connections_max) {
        co_return fail(ErrorCode::overloaded, "Too many calls to this provider are in flight.");
    }
    ++lane.open;
    auto stream = co_await net_.connect(address, timeout);
    if (!stream) {
        --lane.open;
        co_return std::unexpected(stream.error());
    }
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
    // Whatever happens to an idle connection, bytes, an end, a reset or the time-out, ends it.
    connection->fire = [](runtime::Waiter* waiter, int) {
        auto* self = static_cast<UpstreamConnection*>(waiter);
        self->pool_->drop_idle(*self);
    };
    stream.wait_read(connection.get());
    lane->second.idle.push_front(std::move(connection));
}

void UpstreamPool::discard(const runtime::Address& address, Connection connection) {
    connection.reset();
    if (auto lane = lanes_.find(address); lane != lanes_.end()) --lane->second.open;
}

void UpstreamPool::drop_idle(UpstreamConnection& connection) {
    Lane& lane = lanes_.at(*connection.address_);
    auto at = std::ranges::find(lane.idle, &connection, &Connection::get);
    if (at == lane.idle.end()) return;
    --lane.open;
    lane.idle.erase(at);
}

std::size_t UpstreamPool::idle() const {
    std::size_t n = 0;
    for (const auto& [address, lane] : lanes_) n += lane.idle.size();
    return n;
}

}  // namespace weir::http
