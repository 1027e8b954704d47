// Lets a Provider listen on TCP: accepts, and keeps each socket's descriptor for real resets. It
// can close its port for a while, for clients to be refused. Thread: the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runtime/loop.h"
#include "runtime/socket_address.h"
#include "sim/provider/provider.h"

namespace weir::sim {

class Server final : private runtime::EventSource {
 public:
    // `port` 0: any free one. Errors: config_invalid (not an address), conflict (taken), io.
    static Result<std::unique_ptr<Server>> open(runtime::Loop& loop, std::string_view host,
                                                std::uint16_t port, Provider& provider);
    Server(const Server&) = delete;
    ~Server() { close(); }

    std::uint16_t port() const { return address_.port(); }
    std::string url() const { return "http://" + address_.text(); }
    // Accepts no more. Idempotent.
    void close();

 private:
    Server(runtime::Loop& loop, int fd, runtime::SocketAddress address, Provider& provider)
        : loop_(loop), fd_(fd), address_(address), provider_(provider) {}
    void on_event(std::uint32_t events) override;

    runtime::Loop& loop_;
    int fd_;
    runtime::SocketAddress address_;
    Provider& provider_;
};

// A Sleep on that loop, which must outlive it.
Sleep sleep_on(runtime::Loop& loop);

}  // namespace weir::sim
