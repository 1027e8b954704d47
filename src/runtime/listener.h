// Accepts TCP connections on one loop. Several loops listen on one port (SO_REUSEPORT) and the
// kernel spreads connections over them. Thread: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runtime/loop.h"
#include "runtime/socket_address.h"
#include "runtime/stream.h"

namespace weir::runtime {

class Listener final : private EventSource, private Timer {
 public:
    // `peer`: "203.0.113.7:51234", valid during the call. May call close(), must not destroy the
    // listener.
    using OnConnection = std::move_only_function<void(Own stream, std::string_view peer)>;

    // `host`: an address literal, or "localhost" for 127.0.0.1; "::" takes IPv4 too. `port` 0: any
    // free one. Errors: config_invalid (not an address), conflict (taken), io.
    static Result<std::unique_ptr<Listener>> open(Loop& loop, std::string_view host,
                                                  std::uint16_t port, OnConnection on_connection);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { close(); }

    std::uint16_t port() const { return address_.port(); }
    // "127.0.0.1:8080"
    std::string text() const { return address_.text(); }
    // Accepts no more; connections that were accepted live on. Idempotent.
    void close();

 private:
    Listener(Loop& loop, int fd, SocketAddress address, OnConnection on_connection)
        : loop_(loop), fd_(fd), address_(address), on_connection_(std::move(on_connection)) {}
    void on_event(std::uint32_t events) override;
    void expire() override;
    void pause();

    Loop& loop_;
    int fd_;
    SocketAddress address_;
    OnConnection on_connection_;
};

// SO_REUSEPORT lets a second process of the same user listen on the same port unnoticed. Asked once
// before the workers listen, this tells. Errors as of Listener::open.
Result<> check_port_is_free(std::string_view host, std::uint16_t port);

}  // namespace weir::runtime
