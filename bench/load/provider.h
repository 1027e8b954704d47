// The provider that every proxy forwards to: answers each request at once with a completion, or
// with a stream whose chunks are paced and stamped.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "load/message.h"
#include "load/poller.h"
#include "load/socket.h"

namespace weir::bench {

class Provider final : private Ready {
 public:
    enum class Answer : std::uint8_t { whole, stream, held_stream };

    Provider(Poller& poller, Answer answer);
    ~Provider();
    Provider(const Provider&) = delete;

    // False: the port is taken.
    bool listen(std::uint16_t port);
    // Ends all held streams.
    void release_held();

    std::uint64_t requests() const { return requests_; }
    std::uint64_t broken() const { return broken_; }
    std::size_t connections() const;

 private:
    class Connection;
    void on_ready(std::uint32_t events) override;
    void answer(Connection& connection);
    void next_chunk(Connection& connection, std::uint64_t request, int number, Nanos due);

    Poller& poller_;
    Answer answer_;
    int listener_ = -1;
    const std::string whole_;
    const std::string stream_head_;
    const std::string stream_end_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::uint64_t requests_ = 0;
    std::uint64_t broken_ = 0;
};

}  // namespace weir::bench
