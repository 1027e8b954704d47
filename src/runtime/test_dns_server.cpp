#include "runtime/test_dns_server.h"

#include <array>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "runtime/socket_address.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kHeader = 12;
constexpr unsigned kTypeA = 1;
constexpr unsigned kTypeAaaa = 28;

void put16(std::string& out, unsigned value) {
    out += static_cast<char>(value >> 8 & 0xFF);
    out += static_cast<char>(value & 0xFF);
}

std::string bytes_of(const SocketAddress& address) {
    const sockaddr* data = address.data();
    if (address.family() == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(data);
        return {reinterpret_cast<const char*>(&v4->sin_addr), 4};
    }
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(data);
    return {reinterpret_cast<const char*>(&v6->sin6_addr), 16};
}

}  // namespace

TestDnsServer::TestDnsServer(Loop& loop)
    : loop_(loop), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    auto any = SocketAddress::parse("127.0.0.1", 0);
    WEIR_CHECK(::bind(fd_, any->data(), any->size()) == 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
    address_ = SocketAddress::from(reinterpret_cast<const sockaddr*>(&bound))->text();
    WEIR_CHECK(loop_.add(fd_, *this, EPOLLIN));
}

TestDnsServer::~TestDnsServer() {
    loop_.remove(fd_, *this);
    ::close(fd_);
}

void TestDnsServer::on_event(std::uint32_t) {
    std::array<char, 1500> packet{};
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    ssize_t n = ::recvfrom(fd_, packet.data(), packet.size(), 0, peer, &size);
    if (n < static_cast<ssize_t>(kHeader) || silent) return;
    std::string reply = answer({packet.data(), static_cast<std::size_t>(n)});
    ::sendto(fd_, reply.data(), reply.size(), 0, peer, size);
}

// RFC 1035 §4.1: the header, the question as it came, and an answer for each address of its type.
std::string TestDnsServer::answer(const std::string& question) {
    std::string name;
    std::size_t at = kHeader;
    while (question.at(at) != 0) {
        auto length = static_cast<std::size_t>(question[at]);
        if (!name.empty()) name += '.';
        name += question.substr(at + 1, length);
        at += length + 1;
    }
    auto type = static_cast<unsigned>(static_cast<unsigned char>(question.at(at + 2)));
    if (type == kTypeA) ++questions;
    auto known = names.find(name);
    std::string records;
    unsigned count = 0;
    for (std::size_t i = 0; known != names.end() && i < known->second.size(); ++i) {
        auto address = SocketAddress::parse(known->second[i], 0);
        if (type != (address->family() == AF_INET ? kTypeA : kTypeAaaa)) continue;
        std::string data = bytes_of(*address);
        put16(records, 0xC000 | kHeader);  // the name of the question
        put16(records, type);
        put16(records, 1);
        put16(records, ttl >> 16);
        put16(records, ttl & 0xFFFF);
        put16(records, static_cast<unsigned>(data.size()));
        records += data;
        ++count;
    }
    std::string reply = question.substr(0, 2);
    put16(reply, known == names.end() ? 0x8183 : 0x8180);  // NXDOMAIN or no error
    put16(reply, 1);
    put16(reply, count);
    put16(reply, 0);
    put16(reply, 0);
    return reply + question.substr(kHeader, at + 5 - kHeader) + records;
}

}  // namespace weir::runtime
