// For tests: a DNS server on a loop, over UDP on loopback, that knows a few names.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/loop.h"

namespace weir::runtime {

class TestDnsServer final : private EventSource {
 public:
    explicit TestDnsServer(Loop& loop);
    TestDnsServer(const TestDnsServer&) = delete;
    TestDnsServer& operator=(const TestDnsServer&) = delete;
    ~TestDnsServer();

    std::string address() const { return address_; }  // "127.0.0.1:5353"
    // Literals, IPv4 and IPv6; a name that is not here does not exist.
    std::map<std::string, std::vector<std::string>> names;
    std::uint32_t ttl = 60;
    bool silent = false;
    int questions = 0;  // those for A records

 private:
    void on_event(std::uint32_t events) override;
    std::string answer(const std::string& question);

    Loop& loop_;
    int fd_;
    std::string address_;
};

}  // namespace weir::runtime
