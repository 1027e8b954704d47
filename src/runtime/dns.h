// Names to addresses, by c-ares on the loop: no thread, no blocking. Literals need no look-up; one
// look-up a name is in flight; answers are cached (runtime/dns_cache.h) and an old answer is used
// while a new one is fetched. Follows /etc/hosts and /etc/resolv.conf. Thread: its loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "base/time.h"
#include "runtime/dns_cache.h"
#include "runtime/loop.h"
#include "runtime/task.h"

namespace weir::runtime {

class Resolver {
 public:
    // `servers`: "127.0.0.1:5353,[::1]:53" instead of the system's; for tests and odd networks.
    explicit Resolver(Loop& loop, std::string servers = {});
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    ~Resolver();  // whoever still waits is never resumed

    // At least one address, best first. Errors: provider_unreachable (no such name, no server),
    // provider_timeout.
    Task<Result<Addresses>> resolve(std::string host, std::uint16_t port, Duration timeout);
    // None of the addresses answered: look again next time.
    void doubt(const std::string& host) { cache_.doubt(host, loop_.now()); }
    // Look-ups begun so far; cached answers do not count.
    std::uint64_t look_ups() const { return look_ups_; }

 private:
    class Channel;  // c-ares
    struct Link;
    class Waiting;
    struct Flight;

    void look_up(const std::string& host);

    Loop& loop_;
    DnsCache cache_;
    std::uint64_t look_ups_ = 0;
    std::unordered_map<std::string, std::unique_ptr<Flight>> flights_;
    std::unique_ptr<Channel> channel_;
};

}  // namespace weir::runtime
