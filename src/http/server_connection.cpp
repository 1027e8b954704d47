#include "http/server_connection.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::http {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t kDiscardMax = 256 * 1024;
constexpr std::size_t kPiecesMax = 62;

iovec piece(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};  // writev does not write to it
}

}  // namespace

runtime::Task<Result<>> ServerConnection::fill(Duration timeout) {
    stream_.set_deadline(timeout);
    // Waits without a buffer, so that an idle connection costs none.
    if (int r = co_await runtime::readable(stream_); r < 0) {
        co_return std::unexpected(
            stream_error(r, ErrorCode::request_timeout, ErrorCode::client_gone));
    }
    if (!input_.make_room(limits_.header_bytes_max + 1))
        co_return fail(ErrorCode::headers_too_large);
    ssize_t n = co_await runtime::read_some(stream_, input_.free_space(), input_.free_bytes());
    if (n <= 0) {
        co_return std::unexpected(stream_error(n == 0 ? -ECONNRESET : static_cast<int>(n),
                                               ErrorCode::request_timeout, ErrorCode::client_gone));
    }
    input_.filled(static_cast<std::size_t>(n));
    co_return Result<>{};
}

runtime::Task<Result<bool>> ServerConnection::read_head() {
    input_.consume(head_bytes_ + body_in_input_);
    head_bytes_ = body_in_input_ = scanned_ = 0;
    if (body_.capacity() > 64 * 1024) std::string{}.swap(body_);
    body_.clear();
    codec::HeadLimits head_limits{.bytes_max = limits_.header_bytes_max};
    bool begun = !input_.empty();
    for (;;) {
        if (!input_.empty()) {
            auto size = codec::parse_request_head(input_.bytes(), scanned_, head_limits, head_);
            if (!size) co_return std::unexpected(size.error());
            if (*size) {
                head_bytes_ = **size;
                begin_body();
                co_return true;
            }
        } else {
            input_.rest();
        }
        auto filled = co_await fill(begun ? limits_.header_timeout : limits_.keep_alive);
        if (!filled) {
            bool nothing_came = !begun && filled.error().code() != ErrorCode::headers_too_large;
            if (nothing_came) co_return false;
            co_return std::unexpected(filled.error());
        }
        begun = true;
    }
}

void ServerConnection::begin_body() {
    framing_ = head_.framing;
    content_length_ = framing_ == codec::Framing::length ? head_.content_length : 0;
    expect_continue_ = head_.expect_continue;
    body_pending_ = framing_ == codec::Framing::chunked || content_length_ > 0;
}

runtime::Task<Result<std::string_view>> ServerConnection::read_body() {
    if (!body_pending_) co_return std::string_view{};
    if (content_length_ > limits_.body_bytes_max) co_return fail(ErrorCode::body_too_large);
    std::size_t here = input_.bytes().size() - head_bytes_;
    if (expect_continue_ && here == 0) {
        if (int r = co_await write(kContinue, {}); r < 0) {
            co_return std::unexpected(
                stream_error(r, ErrorCode::request_timeout, ErrorCode::client_gone));
        }
    }
    if (framing_ == codec::Framing::chunked) co_return co_await read_chunked_body();
    co_return co_await read_sized_body(static_cast<std::size_t>(content_length_));
}

runtime::Task<Result<std::string_view>> ServerConnection::read_sized_body(std::size_t length) {
    std::size_t here = input_.bytes().size() - head_bytes_;
    if (here >= length) {  // the usual case: head and body came in one read
        body_in_input_ = length;
        body_pending_ = false;
        co_return input_.bytes().substr(head_bytes_, length);
    }
    body_.resize_and_overwrite(length, [&](char* p, std::size_t n) {
        std::ranges::copy(input_.bytes().substr(head_bytes_), p);
        return n;
    });
    body_in_input_ = here;  // its copy counts from now on; the head stays where its views point
    std::size_t at = here;
    while (at < length) {
        stream_.set_deadline(limits_.idle);
        ssize_t n = co_await runtime::read_some(stream_, body_.data() + at, length - at);
        if (n <= 0) {
            co_return std::unexpected(stream_error(n == 0 ? -ECONNRESET : static_cast<int>(n),
                                                   ErrorCode::request_timeout,
                                                   ErrorCode::client_gone));
        }
        at += static_cast<std::size_t>(n);
    }
    body_pending_ = false;
    co_return std::string_view{body_};
}

runtime::Task<Result<std::string_view>> ServerConnection::read_chunked_body() {
    codec::ChunkedDecoder decoder;
    if (auto kept = keep_head(); !kept) co_return std::unexpected(kept.error());
    for (;;) {
        while (!input_.empty()) {
            auto step = decoder.feed(input_.bytes());
            if (!step) co_return std::unexpected(step.error());
            if (body_.size() + step->payload.size() > limits_.body_bytes_max) {
                co_return fail(ErrorCode::body_too_large);
            }
            body_.append(step->payload);
            bool done = step->done;
            bool stuck = step->consumed == 0 && !done;
            input_.consume(step->consumed);
            if (done) {
                body_pending_ = false;
                co_return std::string_view{body_};
            }
            if (stuck) break;
        }
        if (auto filled = co_await fill(limits_.idle); !filled) {
            co_return std::unexpected(filled.error());
        }
    }
}

Result<> ServerConnection::keep_head() {
    head_copy_.assign(input_.bytes().substr(0, head_bytes_));
    input_.consume(head_bytes_);
    head_bytes_ = 0;
    std::size_t scanned = 0;
    auto parsed = codec::parse_request_head(head_copy_, scanned,
                                            {.bytes_max = limits_.header_bytes_max}, head_);
    if (!parsed) return std::unexpected(parsed.error());
    return {};
}

void ServerConnection::forget_request() {
    input_.consume(head_bytes_ + body_in_input_);
    head_bytes_ = body_in_input_ = 0;
    input_.rest();
    head_.fields.clear();
    std::string{}.swap(body_);
    std::string{}.swap(head_copy_);
}

runtime::Task<bool> ServerConnection::discard_body() {
    if (!body_pending_) co_return true;
    if (expect_continue_) co_return false;  // it was never asked to send
    Limits kept = limits_;
    limits_.body_bytes_max = std::min(limits_.body_bytes_max, kDiscardMax);
    limits_.idle = std::min<Duration>(limits_.idle, std::chrono::seconds{2});
    bool whole = (co_await read_body()).has_value();
    limits_ = kept;
    co_return whole;
}

runtime::Task<int> ServerConnection::write(std::string_view head, std::string_view body) {
    std::array<iovec, 2> pieces{piece(head), piece(body)};
    stream_.set_deadline(limits_.idle);
    co_return co_await runtime::write_all(stream_, pieces.data(), body.empty() ? 1 : 2);
}

runtime::Task<int> ServerConnection::write_chunk(const std::string_view* pieces,
                                                 std::size_t count) {
    while (count > 0) {
        std::array<iovec, kPiecesMax + 2> out;
        std::size_t taken = std::min(count, kPiecesMax);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < taken; ++i) {
            out[i + 1] = piece(pieces[i]);
            bytes += pieces[i].size();
        }
        pieces += taken;
        count -= taken;
        if (bytes == 0) continue;
        std::array<char, 20> size;
        auto end = std::to_chars(size.data(), size.data() + 16, bytes, 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        out[0] = {size.data(), static_cast<std::size_t>(end - size.data())};
        out[taken + 1] = piece("\r\n");
        stream_.set_deadline(limits_.idle);
        int r = co_await runtime::write_all(stream_, out.data(), static_cast<int>(taken) + 2);
        if (r < 0) co_return r;
    }
    co_return 0;
}

runtime::Task<int> ServerConnection::write_last_chunk() {
    co_return co_await write("0\r\n\r\n", {});
}

runtime::Task<int> ServerConnection::write_raw(const std::string_view* pieces, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (pieces[i].empty()) continue;
        if (int r = co_await write(pieces[i], {}); r < 0) co_return r;
    }
    co_return 0;
}

}  // namespace weir::http
