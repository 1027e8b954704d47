// One request and its answer on a leased connection: sent at once, answered by a head and then by
// payload as it arrives. Knows HTTP framing and nothing of what the bytes mean.
// Owner: the attempt. Thread: its loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/http1.h"
#include "http/upstream_pool.h"
#include "runtime/task.h"

namespace weir::http {

// Zero: none.
struct ExchangeTimeouts {
    Duration write{};       // for the next 64 kB of the request to go
    Duration first_byte{};  // for the whole head, from when it is waited for
    Duration idle{};        // between bytes of the answer's body
    Duration total{};       // for everything, from the exchange's beginning
};

class UpstreamExchange {
 public:
    UpstreamExchange(UpstreamPool& pool, const runtime::Address& address,
                     UpstreamPool::Connection connection, ExchangeTimeouts timeouts)
        : pool_(pool),
          address_(address),
          connection_(std::move(connection)),
          timeouts_(timeouts),
          end_(after(timeouts.total)) {}
    // Gives the connection back if the request was sent and the answer read to their ends, closes
    // it otherwise.
    ~UpstreamExchange();
    UpstreamExchange(const UpstreamExchange&) = delete;

    // Ends early, and without an error, where the provider refuses before it has read everything
    // (an answer of 300 or above, or one after which it hangs up): then read_head gives that
    // answer. Errors: provider_reset, provider_timeout, client_gone.
    runtime::Task<Result<>> send(std::string_view head, std::string_view body);
    bool fully_sent() const { return fully_sent_; }
    // False is the proof that the provider cannot have worked (ledger.md L5): it did not get the
    // whole request, and began no answer to it but a refusal.
    bool may_have_worked() const;

    // Skips 1xx, but refuses 101. Errors: provider_timeout, provider_reset (`answer_begun` tells
    // whether a byte came), provider_protocol, client_gone: after that one it may be called again.
    runtime::Task<Result<>> read_head(bool request_was_head);
    const codec::ResponseHead& head() const { return head_; }
    // The head's bytes stay valid until the first read_payload.
    bool answer_begun() const { return answer_begun_; }

    // Waits for payload and replaces `pieces` by all of it that is there: views valid until the
    // next call, none at the end. Errors: as read_head; what came before one has been handed out.
    runtime::Task<Result<>> read_payload(std::vector<std::string_view>& pieces);
    bool ended() const { return ended_; }

    // While this waits for the provider, a client that leaves ends the wait (client_gone).
    void watch(runtime::Stream& client);
    void unwatch();
    // Brings the end of everything nearer: to this long from now.
    void end_within(Duration total) { end_ = std::min(end_, pool_.now() + total); }
    // An operator ends it: whatever is waited for here, now or next, fails with `stopped` and that
    // message. True: somebody waited, and has run on before this returns, perhaps to the end of
    // this exchange.
    bool stop(std::string message);
    bool reused() const { return connection_->reused(); }

 private:
    enum class Early : std::uint8_t { silent, accepts, ends };

    Error error_of(ssize_t negative_errno) const;
    MonoTime after(Duration d) const;
    Duration at_most(Duration wait) const;
    runtime::Task<Result<>> fill(MonoTime until);
    Early look_for_early_answer();
    runtime::Task<Result<>> cut_off(int error, std::size_t sent);
    // Bytes of the final head in front of the input; 0: not whole yet.
    Result<std::size_t> find_head(bool request_was_head);
    Result<> take_payload(std::vector<std::string_view>& pieces);
    Result<> take_chunks(std::vector<std::string_view>& pieces);

    UpstreamPool& pool_;
    const runtime::Address& address_;
    UpstreamPool::Connection connection_;
    ExchangeTimeouts timeouts_;
    MonoTime end_;
    runtime::Stream* client_ = nullptr;
    codec::ResponseHead head_;
    codec::ChunkedDecoder chunks_;
    std::size_t scanned_ = 0;  // of the head
    int interims_ = 0;
    std::string stopped_;  // why; empty: it goes on
    bool waiting_ = false;
    std::uint64_t left_ = 0;      // of a sized body
    std::size_t handed_out_ = 0;  // bytes in front of the input that views may point to
    bool fully_sent_ = false;
    bool head_whole_ = false;  // the final one
    bool answer_begun_ = false;
    bool ended_ = false;
    bool closed_by_peer_ = false;
    bool broken_ = false;  // an error of the stream: an end that follows is not the provider's word
};

}  // namespace weir::http
