// An IPv4 or IPv6 address with a port, by value. Owns nothing. Thread: any.
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace weir::runtime {

class SocketAddress {
 public:
    SocketAddress() = default;
    // From what the kernel or the resolver filled in; families other than IP give nothing.
    // An IPv4 address mapped into IPv6 becomes the IPv4 address that it is.
    static std::optional<SocketAddress> from(const sockaddr* address);
    // A literal "127.0.0.1", "::1" or "[::1]"; names give nothing.
    static std::optional<SocketAddress> parse(std::string_view literal, std::uint16_t port);

    int family() const { return v4_.sin_family; }
    std::uint16_t port() const { return ntohs(v4_.sin_port); }
    SocketAddress with_port(std::uint16_t port) const;
    std::string host() const;  // "127.0.0.1", "::1"
    std::string text() const;  // "127.0.0.1:80", "[::1]:80"

    const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(this); }
    socklen_t size() const { return family() == AF_INET6 ? sizeof v6_ : sizeof v4_; }

 private:
    union {
        sockaddr_in v4_{};
        sockaddr_in6 v6_;  // family and port lie where v4_ has them
    };
};

}  // namespace weir::runtime
