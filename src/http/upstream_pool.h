// Connections to providers, kept alive and shared by the calls of one worker. An idle connection
// stays parked on its stream, so that a provider's close removes it at once; the newest is used
// first, and the oldest run out of time.
// Owner: one worker. Thread: its loop.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "http/input.h"
#include "runtime/net.h"

namespace weir::http {

class UpstreamPool;

// One connection. While leased it belongs to an exchange; its destructor closes it.
class UpstreamConnection : runtime::Waiter {
 public:
    UpstreamConnection(runtime::Own stream, runtime::BufferPool& buffers)
        : input_(buffers), stream_(std::move(stream)) {}
    ~UpstreamConnection() {
        if (pool_ != nullptr) stream_->wait_read(nullptr);
    }
    UpstreamConnection(const UpstreamConnection&) = delete;

    runtime::Stream& stream() { return *stream_; }
    Input& input() { return input_; }
    bool reused() const { return reused_; }
    // Nothing came and nobody left, as it must be while no request is out. What comes unasked would
    // be taken for the next request's answer.
    bool quiet();

 private:
    friend class UpstreamPool;
    Input input_;
    runtime::Own stream_;
    UpstreamPool* pool_ = nullptr;  // while idle
    const runtime::Address* address_ = nullptr;
    bool reused_ = false;
};

struct PoolLimits {
    std::size_t connections_max = 4096;            // to one address, leased and idle
    std::size_t idle_max = 512;                    // to one address
    Duration idle_for = std::chrono::seconds{55};  // below the usual 60 s of servers
};

class UpstreamPool {
 public:
    using Connection = std::unique_ptr<UpstreamConnection>;

    UpstreamPool(runtime::Net& net, runtime::BufferPool& buffers, PoolLimits limits)
        : net_(net), buffers_(buffers), limits_(limits) {}
    ~UpstreamPool();
    UpstreamPool(const UpstreamPool&) = delete;

    // An idle connection, or a fresh one. Errors: those of Net::connect; overloaded.
    runtime::Task<Result<Connection>> acquire(const runtime::Address& address, Duration timeout);
    // A fresh one; closes the oldest idle one where the limit is reached.
    runtime::Task<Result<Connection>> dial(const runtime::Address& address, Duration timeout);
    // After a whole answer on a connection that may carry another.
    void give_back(const runtime::Address& address, Connection connection);
    // After anything else; the connection closes.
    void discard(const runtime::Address& address, Connection connection);

    std::size_t idle() const;
    // Addresses that have a connection.
    std::size_t addresses() const { return lanes_.size(); }
    MonoTime now() const { return net_.loop_now(); }

 private:
    struct AddressHash {
        std::size_t operator()(const runtime::Address& a) const {
            return std::hash<std::string>{}(a.host) ^
                   (std::size_t{a.port} << 1 | (a.tls ? 1u : 0u));
        }
    };
    struct Lane {
        std::list<Connection> idle;  // newest first
        std::size_t open = 0;        // idle, leased and being dialled; 0: the lane is erased
    };
    using Lanes = std::unordered_map<runtime::Address, Lane, AddressHash>;
    class Seat;

    Connection take_idle(const runtime::Address& address);
    void drop_idle(UpstreamConnection& connection);
    void leave(Lanes::iterator lane);

    runtime::Net& net_;
    runtime::BufferPool& buffers_;
    PoolLimits limits_;
    Lanes lanes_;
};

}  // namespace weir::http
