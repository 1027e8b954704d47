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

class Front::IdleGuard {
 public:
    IdleGuard(Front& front, runtime::Stream& stream) : front_(front) {
        self_.stream = &stream;
        self_.next = front_.idle_;
        if (self_.next != nullptr) self_.next->prev = &self_;
        front_.idle_ = &self_;
    }
    IdleGuard(const IdleGuard&) = delete;
    ~IdleGuard() {
        if (self_.prev != nullptr) self_.prev->next = self_.next;
        if (self_.next != nullptr) self_.next->prev = self_.prev;
        if (front_.idle_ == &self_) front_.idle_ = self_.next;
    }

 private:
    Front& front_;
    Idle self_;
};

void Front::accept(runtime::Own stream, std::string peer_address) {
    if (road_.draining || open() >= road_.policy->limits.connections_max) return;
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
            IdleGuard idle(*this, *stream);
            read = co_await client.read_head();
        }
        if (!read) {
            if (read.error().code() != ErrorCode::client_gone) {
                co_await answer_malformed(client, read.error());
            }
            co_return;
        }
        if (!*read) co_return;
        open = co_await serve_call(road_, client, caller);
    }
}

void Front::drain() {
    road_.draining = true;
    while (idle_ != nullptr) {
        Idle* first = idle_;
        first->stream->cancel(ECANCELED);  // resumes it, and it takes itself out
        if (idle_ == first) break;         // it was reading a request after all
    }
}

}  // namespace weir::gateway
