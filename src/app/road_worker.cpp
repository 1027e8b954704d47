#include "app/road_worker.h"

#include <fmt/format.h>
#include <utility>

#include "runtime/sha256.h"

namespace weir::app {
namespace {

constexpr Duration kHandshakeMax = std::chrono::seconds{10};

http::PoolLimits pool_limits(const core::Limits& limits) {
    http::PoolLimits out;
    out.connections_max = limits.upstream_connections_max;
    return out;
}

gateway::Road make_road(std::uint16_t number, const RoadShared& shared, runtime::Worker& worker,
                        runtime::LoopNet& net, runtime::BufferPool& buffers,
                        http::UpstreamPool& pool, ledger::JournalWriter& journal) {
    return {
        .net = net,
        .clock = shared.clock,
        .buffers = buffers,
        .pool = pool,
        .journal = journal,
        .treasury = shared.treasury,
        .inputs = shared.inputs,
        .targets = shared.targets,
        .desk = shared.desk,
        .sha256 = runtime::sha256,
        .post = [&worker](std::move_only_function<void()> f) { worker.loop().post(std::move(f)); },
        .durability = shared.config.durability,
        .epoch = shared.epoch,
        .worker = number,
        .policy = shared.policy,
        .last_seq = 0,
        .counters = {},
        .draining = false};
}

}  // namespace

RoadWorker::RoadWorker(std::uint16_t number, std::unique_ptr<ledger::JournalWriter> journal,
                       const RoadShared& shared)
    : shared_(shared),
      worker_(fmt::format("weir-road-{}", number)),
      net_(worker_.loop(), shared.tls_client),
      pool_(net_, buffers_, pool_limits(shared.config.limits)),
      journal_(std::move(journal)),
      road_(make_road(number, shared, worker_, net_, buffers_, pool_, *journal_)),
      front_(road_) {}

RoadWorker::~RoadWorker() { stop(); }

Result<std::uint16_t> RoadWorker::listen(const std::string& host, std::uint16_t port) {
    auto listener = runtime::Listener::open(
        worker_.loop(), host, port,
        [this](runtime::Own stream, std::string_view peer) { accept(std::move(stream), peer); });
    if (!listener) return std::unexpected(listener.error());
    listener_ = std::move(*listener);
    return listener_->port();
}

void RoadWorker::accept(runtime::Own stream, std::string_view peer) {
    if (shared_.tls_server == nullptr) return front_.accept(std::move(stream), std::string(peer));
    if (handshakes_.size() >= road_.policy->limits.connections_max) return;
    handshakes_.spawn(shake_hands(std::move(stream), std::string(peer)));
}

runtime::Task<void> RoadWorker::shake_hands(runtime::Own low, std::string peer) {
    auto secure = co_await shared_.tls_server->accept(std::move(low), kHandshakeMax);
    if (secure) front_.accept(std::move(*secure), std::move(peer));
}

void RoadWorker::take_policy(std::shared_ptr<const core::Policy> policy) {
    worker_.loop().post(
        [this, policy = std::move(policy)]() mutable { road_.take_policy(std::move(policy)); });
}

runtime::Task<void> RoadWorker::tell_drained(std::function<void()> drained) {
    co_await front_.drained();
    drained();
}

void RoadWorker::drain(std::function<void()> drained) {
    worker_.loop().post([this, drained = std::move(drained)]() mutable {
        if (listener_) listener_->close();
        front_.drain();
        handshakes_.spawn(tell_drained(std::move(drained)));
    });
}

void RoadWorker::stop() {
    worker_.stop();
    worker_.join();
}

}  // namespace weir::app
