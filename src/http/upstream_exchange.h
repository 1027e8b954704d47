// One request and its answer on a leased connection: sent at once, answered by a head and then by
// payload as it arrives. Knows HTTP framing and nothing of what the bytes mean.
// Owner: the attempt. Thread: its loop.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/http1.h"
#include "http/upstream_pool.h"
#include "runtime/task.h"

namespace weir::http {

struct ExchangeTimeouts {
    Duration write{};
    Duration first_byte{};
    Duration idle{};
};

class UpstreamExchange {
 public:
    UpstreamExchange(UpstreamPool& pool, const runtime::Address& address,
                     UpstreamPool::Connection connection, ExchangeTimeouts timeouts)
        : pool_(pool), address_(address), connection_(std::move(connection)), timeouts_(timeouts) {}
    // Gives the connection back if the answer was read to its end, closes it otherwise.
    ~UpstreamExchange();
    UpstreamExchange(const UpstreamExchange&) = delete;

    // Errors: provider_reset, provider_timeout. `fully_sent` tells a proof that the provider cannot
    // have worked (ledger.md L5) from a doubt.
    runtime::Task<Result<>> send(std::string_view head, std::string_view body);
    bool fully_sent() const { return fully_sent_; }

    // Skips 1xx. Errors: provider_timeout, provider_reset (`answer_begun` tells whether a byte
    // came), provider_protocol.
    runtime::Task<Result<>> read_head(bool request_was_head);
    const codec::ResponseHead& head() const { return head_; }
    // The head's bytes stay valid until the first read_payload.
    bool answer_begun() const { return answer_begun_; }

    // Waits for payload and replaces `pieces` by all of it that is there: views valid until the
    // next call, none at the end. Errors: as read_head, client_gone where the watched client left
    // while nothing was to be read; what came before an error has been handed out.
    runtime::Task<Result<>> read_payload(std::vector<std::string_view>& pieces);
    bool ended() const { return ended_; }

    // While this waits for the provider, a client that leaves ends the wait (client_gone).
    void watch(runtime::Stream& client);
    void unwatch();
    bool reused() const { return connection_->reused(); }

 private:
    runtime::Task<Result<>> fill(Duration timeout);
    Result<> take_payload(std::vector<std::string_view>& pieces);
    Result<> take_chunks(std::vector<std::string_view>& pieces);

    UpstreamPool& pool_;
    const runtime::Address& address_;
    UpstreamPool::Connection connection_;
    ExchangeTimeouts timeouts_;
    runtime::Stream* client_ = nullptr;
    codec::ResponseHead head_;
    codec::ChunkedDecoder chunks_;
    std::uint64_t left_ = 0;      // of a sized body
    std::size_t handed_out_ = 0;  // bytes in front of the input that views may point to
    bool fully_sent_ = false;
    bool answer_begun_ = false;
    bool ended_ = false;
    bool closed_by_peer_ = false;
};

}  // namespace weir::http
