// Net over the kernel: DNS, TCP and TLS on one loop. Thread: the loop's. Outlives its tasks.
#pragma once

#include "runtime/dns.h"
#include "runtime/loop.h"
#include "runtime/net.h"
#include "runtime/tls.h"

namespace weir::runtime {

class LoopNet final : public Net {
 public:
    // `tls` may be shared with other loops. `dns_servers`: see Resolver.
    LoopNet(Loop& loop, TlsClient& tls, std::string dns_servers = {})
        : loop_(loop), tls_(tls), resolver_(loop, std::move(dns_servers)) {}

    // Tries the addresses of the name in turn, each with its share of the time left, so that a
    // silent IPv6 address leaves time for IPv4.
    Task<Result<Own>> connect(const Address& address, Duration timeout) override;
    Task<void> sleep(Duration d) override;
    MonoTime loop_now() const override { return loop_.now(); }
    Resolver& resolver() { return resolver_; }

 private:
    Task<Result<Own>> dial_any(const std::string& host, Addresses addresses, MonoTime end);

    Loop& loop_;
    TlsClient& tls_;
    Resolver resolver_;
};

}  // namespace weir::runtime
