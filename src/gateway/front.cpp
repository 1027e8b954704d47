#include "gateway/front.h"

#include <utility>

#include "gateway/serve_call.h"

namespace weir::gateway {
namespace {

http::Limits http_limits(const core::Limits& limits) {
    using std::chrono::milliseconds;
    http::Limits out;
    out.header_bytes_max = limits.header_bytes_max;
    out.body_bytes_max = limits.body_bytes_max;
    out.header_timeout = milliseconds{limits.client_header_timeout_ms};
    out.keep_alive = milliseconds{limits.keep_alive_ms};
    out.idle = milliseconds{limits.client_idle_timeout_ms};
    return out;
}

}  // namespace

// In the frame of a connection that waits for a request, or for its client to be done.
class Front::Idle : public runtime::ListNode {
 public:
    Idle(Front& front, runtime::Stream& stream) : stream_(stream) { front.idle_.append(*this); }
    // Resumes it, and it leaves.
    void end() {
        unlink();
        stream_.cancel(ECANCELED);
    }

 private:
    runtime::Stream& stream_;
};

void Front::accept(runtime::Own stream, std::string peer_address) {
    if (road_.draining) return;
    bool full = open() >= road_.policy->limits.connections_max;
    if (full && !idle_.linked()) return;
    if (full) static_cast<Idle&>(idle_.first()).end();
    tasks_.spawn(serve(std::move(stream), std::move(peer_address)));
}

runtime::Task<void> Front::serve(runtime::Own stream, std::string peer_address) {
    http::ServerConnection client(*stream, road_.buffers, http_limits(road_.policy->limits));
    Caller caller;
    caller.address = std::move(peer_address);
    bool open = true;
    while (open && !road_.draining) {
        Result<bool> read = false;
        {
            Idle idle(*this, *stream);
            read = co_await client.read_head();
        }
        if (read && !*read) co_return;
        if (!read && read.error().code() == ErrorCode::client_gone) co_return;
        if (read) {
            open = co_await serve_call(road_, client, caller);
        } else {
            co_await answer_malformed(client, read.error());
            open = false;  // what follows has no known beginning, and is never looked at
        }
    }
    Idle idle(*this, *stream);
    co_await client.linger();
}

void Front::drain() {
    road_.draining = true;
    while (idle_.linked()) static_cast<Idle&>(idle_.first()).end();
}

}  // namespace weir::gateway
