#include "runtime/socket_address.h"

#include <arpa/inet.h>
#include <array>
#include <cstring>

namespace weir::runtime {

std::optional<SocketAddress> SocketAddress::from(const sockaddr* address) {
    SocketAddress result;
    if (address->sa_family == AF_INET) {
        std::memcpy(&result.v4_, address, sizeof result.v4_);
    } else if (address->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, address, sizeof v6);
        if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            result.v6_ = v6;
            return result;
        }
        result.v4_.sin_family = AF_INET;
        result.v4_.sin_port = v6.sin6_port;
        std::memcpy(&result.v4_.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof result.v4_.sin_addr);
    } else {
        return std::nullopt;
    }
    return result;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view literal, std::uint16_t port) {
    if (literal.size() > 2 && literal.front() == '[' && literal.back() == ']') {
        literal = literal.substr(1, literal.size() - 2);
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (literal.size() >= text.size()) return std::nullopt;
    literal.copy(text.data(), literal.size());
    SocketAddress result;
    if (::inet_pton(AF_INET, text.data(), &result.v4_.sin_addr) == 1) {
        result.v4_.sin_family = AF_INET;
        result.v4_.sin_port = htons(port);
        return result;
    }
    result.v6_ = {};
    if (::inet_pton(AF_INET6, text.data(), &result.v6_.sin6_addr) == 1) {
        result.v6_.sin6_family = AF_INET6;
        result.v6_.sin6_port = htons(port);
        return result;
    }
    return std::nullopt;
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const {
    SocketAddress result = *this;
    result.v4_.sin_port = htons(port);
    return result;
}

std::string SocketAddress::host() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = &v4_.sin_addr;
    if (family() == AF_INET6) bytes = &v6_.sin6_addr;
    if (::inet_ntop(family(), bytes, text.data(), text.size()) == nullptr) return {};
    return text.data();
}

std::string SocketAddress::text() const {
    std::string port_text = std::to_string(port());
    return family() == AF_INET6 ? "[" + host() + "]:" + port_text : host() + ":" + port_text;
}

}  // namespace weir::runtime
