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
#include "runtime/wheel.h"
#include "sim/provider/provider.h"

namespace weir::sim {

class Server final : private runtime::EventSource, private runtime::Timer {
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
    Server(runtime::Loop& loop, runtime::SocketAddress address, Provider& provider)
        : loop_(loop), address_(address), provider_(provider) {}
    void on_event(std::uint32_t events) override;
    void expire() override;
    Result<> listen();
    void close_for(Duration time);

    runtime::Loop& loop_;
    int fd_ = -1;
    bool closed_ = false;
    runtime::SocketAddress address_;
    Provider& provider_;
};

}  // namespace weir::sim
