// One client connection: a call at a time, each answer checked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "load/message.h"
#include "load/poller.h"
#include "load/socket.h"

namespace weir::bench {

// What all clients together saw; cleared at the start of what is measured.
struct Tally {
    std::uint64_t calls = 0;
    std::uint64_t chunks = 0;
    std::uint64_t errors = 0;
    std::string first_error;
    std::vector<Nanos> latencies;     // of calls
    std::vector<Nanos> chunk_delays;  // from the provider's stamp

    void fail(std::string_view what);
    void clear() { *this = Tally{}; }
};

class Client final : private Ready {
 public:
    using Done = std::function<void(Client&)>;

    // `stream`: answers are streams of `chunks` chunks.
    struct Expected {
        bool stream = false;
        int chunks = 0;
        std::uint64_t body_bytes = 0;
    };
    Client(Poller& poller, Tally& tally, std::string request, Expected expected, Done done)
        : tally_(tally),
          request_(std::move(request)),
          expected_(expected),
          done_(std::move(done)),
          socket_(poller, *this) {}

    bool connect(std::uint16_t port);
    bool is_open() const { return socket_.is_open(); }
    bool busy() const { return busy_; }
    bool begun() const { return chunks_ > 0; }  // of a stream
    // `due`: when the call was to begin; its latency counts from there.
    void call(Nanos due);

 private:
    void on_ready(std::uint32_t events) override;
    void on_bytes(std::string_view bytes);
    void take_events(Nanos now);
    void finish(Nanos now);
    void give_up(std::string_view why);

    Tally& tally_;
    const std::string request_;
    const Expected expected_;
    Done done_;
    Socket socket_;
    Message message_;
    std::string events_;
    std::uint16_t port_ = 0;
    bool busy_ = false;
    bool saw_end_ = false;
    int chunks_ = 0;
    Nanos due_ = 0;
};

}  // namespace weir::bench
