// One client connection: heads in, whole bodies in, answers out, whole or chunk by chunk;
// keep-alive and pipelining. It owns no stream and decides nothing about calls. Owner: the
// connection's coroutine. Thread: its loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/http1.h"
#include "http/input.h"
#include "http/limits.h"
#include "runtime/slab.h"
#include "runtime/stream.h"
#include "runtime/task.h"

namespace weir::http {

class ServerConnection {
 public:
    ServerConnection(runtime::Stream& stream, runtime::BufferPool& pool, const Limits& limits)
        : stream_(stream), input_(pool), limits_(limits) {}
    ServerConnection(const ServerConnection&) = delete;

    // Waits for a whole request head. False: the client closed, or was idle for too long, before
    // sending a byte of another request. Errors: malformed_http, headers_too_large,
    // request_timeout, client_gone; after any of them the connection must be closed once answered.
    runtime::Task<Result<bool>> read_head();
    // Valid until forget_request or the next read_head.
    const codec::RequestHead& head() const { return head_; }

    // The whole body as it came, after sending 100 Continue where it was asked for. The view is
    // valid until the next read_head. Errors: body_too_large, malformed_http, request_timeout,
    // client_gone.
    runtime::Task<Result<std::string_view>> read_body();
    // Reads on and throws away, within bounds, so that an early answer is not lost to a reset.
    // False: the connection cannot carry another request.
    runtime::Task<bool> discard_body();

    // Gives the request's memory back while its answer streams: head() and the body view end here.
    void forget_request();

    // Writes a head and a body at once. 0 or -errno.
    runtime::Task<int> write(std::string_view head, std::string_view body);
    // Chunks of an answer whose head said transfer-encoding: chunked. `pieces` become one chunk.
    runtime::Task<int> write_chunk(const std::string_view* pieces, std::size_t count);
    runtime::Task<int> write_last_chunk();
    // For clients of HTTP/1.0: bytes up to close.
    runtime::Task<int> write_raw(const std::string_view* pieces, std::size_t count);

    bool body_pending() const { return body_pending_; }
    runtime::Stream& stream() { return stream_; }
    const Limits& limits() const { return limits_; }

 private:
    runtime::Task<Result<>> fill(Duration timeout);
    runtime::Task<Result<std::string_view>> read_sized_body(std::size_t length);
    runtime::Task<Result<std::string_view>> read_chunked_body();
    void begin_body();
    // Moves the head out of the input, where a chunked body needs the room.
    Result<> keep_head();

    runtime::Stream& stream_;
    Input input_;
    Limits limits_;
    codec::RequestHead head_;
    std::size_t scanned_ = 0;
    bool body_pending_ = false;
    bool expect_continue_ = false;
    std::size_t head_bytes_ = 0;     // still in front of input_: views of head_ point there
    std::size_t body_in_input_ = 0;  // bytes of a small body handed out as a view, to be consumed
    codec::Framing framing_ = codec::Framing::none;
    std::uint64_t content_length_ = 0;
    std::string body_;  // a body that did not fit the input buffer
    std::string head_copy_;
};

}  // namespace weir::http
