#include "runtime/loop_net.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/tcp.h"

namespace weir::runtime {

Task<void> LoopNet::sleep(Duration d) { co_await loop_.sleep(d); }

Task<Result<Own>> LoopNet::dial_any(const std::string& host, Addresses addresses, MonoTime end) {
    std::string tried = host + ":";
    bool answered = false;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        Duration left = end - loop_.now();
        if (left <= Duration::zero()) break;
        auto share = left / static_cast<std::int64_t>(addresses.size() - i);
        Dialled dialled = co_await dial_tcp(loop_, addresses[i], share);
        if (dialled.stream) co_return std::move(dialled.stream);
        answered = answered || dialled.error != ETIMEDOUT;
        tried += ' ' + addresses[i].text() + ": " + std::strerror(dialled.error) + ';';
    }
    resolver_.doubt(host);
    ErrorCode code = answered ? ErrorCode::provider_unreachable : ErrorCode::provider_timeout;
    co_return fail(code, answered ? "" : "The connection to the provider took too long.", tried);
}

Task<Result<Own>> LoopNet::connect(const Address& address, Duration timeout) {
    MonoTime end = loop_.now() + timeout;
    Result<Addresses> found = co_await resolver_.resolve(address.host, address.port, timeout);
    if (!found) co_return std::unexpected(found.error());
    Result<Own> stream = co_await dial_any(address.host, std::move(*found), end);
    if (!stream || !address.tls) co_return stream;
    // Zero would mean "no deadline" below.
    Duration left = std::max(end - loop_.now(), Duration{1});
    co_return co_await tls_.connect(std::move(*stream), address, left);
}

}  // namespace weir::runtime
