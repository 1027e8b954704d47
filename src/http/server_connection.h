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

    // Waits for a whole request head, without a buffer until its first byte. False: the client
    // closed, or was idle for too long, before that byte. Errors: malformed_http,
    // headers_too_large, request_timeout, client_gone; after any of them the connection must be
    // closed once answered, since nobody knows where the next request begins.
    runtime::Task<Result<bool>> read_head();
    // Valid until forget_request or the next read_head.
    const codec::RequestHead& head() const { return head_; }

    // The whole body as it came, after sending 100 Continue where it was asked for. The view is
    // valid until forget_request or the next read_head. Errors: body_too_large, malformed_http,
    // request_timeout, client_gone; after any of them as after one of read_head.
    runtime::Task<Result<std::string_view>> read_body();
    // Reads a body that nobody asked for and throws it away, within bounds. False: the connection
    // cannot carry another request.
    runtime::Task<bool> discard_body();
    // After the last answer: ends our side and throws away, within bounds, what the client still
    // sends. Closing over unread bytes would reset the connection, and the client may lose the
    // answer to that. At once where nothing is unread.
    runtime::Task<void> linger();

    // Gives the request's memory back while its answer streams: head() and the body view end here.
    void forget_request();

    // Writes a head and a body at once. 0 or -errno.
    runtime::Task<int> write(std::string_view head, std::string_view body);
    // Chunks of an answer whose head said transfer-encoding: chunked. `pieces` become one chunk.
    runtime::Task<int> write_chunk(const std::string_view* pieces, std::size_t count);
    runtime::Task<int> write_last_chunk();
    // For clients of HTTP/1.0: bytes up to close.
    runtime::Task<int> write_raw(const std::string_view* pieces, std::size_t count);

    bool body_pending() const { return body_ != Body::none; }
    runtime::Stream& stream() { return stream_; }
    const Limits& limits() const { return limits_; }

 private:
    // A body that was begun and not ended has no known end: it is never begun again.
    enum class Body : std::uint8_t { none, pending, begun };

    runtime::Task<Result<>> fill();
    runtime::Task<Result<std::string_view>> read_framed_body();
    runtime::Task<Result<std::string_view>> read_sized_body(std::size_t length);
    runtime::Task<Result<std::string_view>> read_chunked_body();
    Result<> begin_body();
    void came(std::size_t body_bytes);
    void drop_storage();
    // Moves the head out of the input, where a chunked body needs the room.
    Result<> keep_head();

    runtime::Stream& stream_;
    Input input_;
    Limits limits_;
    codec::RequestHead head_;
    std::size_t scanned_ = 0;
    Body body_ = Body::none;
    bool expect_continue_ = false;
    std::size_t head_bytes_ = 0;     // still in front of input_: views of head_ point there
    std::size_t body_in_input_ = 0;  // bytes of a small body handed out as a view, to be consumed
    codec::Framing framing_ = codec::Framing::none;
    std::uint64_t content_length_ = 0;
    std::size_t progress_ = 0;  // bytes of the body since the deadline was set
    std::string body_bytes_;    // of a body that did not fit the input buffer
    std::string head_copy_;     // of a request with a chunked body
};

}  // namespace weir::http
