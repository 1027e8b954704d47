#include "http/server_connection.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::http {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t kDiscardMax = 256 * 1024;
constexpr Duration kDiscardTime = std::chrono::seconds{2};
constexpr std::size_t kLingerMax = 64 * 1024 * 1024;
constexpr Duration kLingerTime = std::chrono::seconds{5};
constexpr std::size_t kProgressBytes = 16 * 1024;  // of a body, within Limits::idle
constexpr std::size_t kPiecesMax = 62;
constexpr std::size_t kFieldsKept = 64;  // room for a usual head

iovec piece(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};  // writev does not write to it
}

// `n`: what a read or a write gave; zero is the client's end.
std::unexpected<Error> read_failed(ssize_t n) {
    int error = n == 0 ? -ECONNRESET : static_cast<int>(n);
    return std::unexpected(stream_error(error, ErrorCode::request_timeout, ErrorCode::client_gone));
}

}  // namespace

// Waits without a buffer, so that an idle connection costs none.
runtime::Task<Result<>> ServerConnection::fill() {
    for (;;) {
        input_.rest();
        if (int r = co_await runtime::readable(stream_); r < 0) co_return read_failed(r);
        if (!input_.make_room(limits_.header_bytes_max + 1)) {
            co_return fail(ErrorCode::headers_too_large);
        }
        ssize_t n = stream_.try_read(input_.free_space(), input_.free_bytes());
        if (n > 0) {
            input_.filled(static_cast<std::size_t>(n));
            co_return Result<>{};
        }
        if (n != -EAGAIN) co_return read_failed(n);
    }
}

runtime::Task<Result<bool>> ServerConnection::read_head() {
    input_.consume(head_bytes_ + body_in_input_);
    head_bytes_ = body_in_input_ = scanned_ = 0;
    codec::HeadLimits head_limits{.bytes_max = limits_.header_bytes_max};
    for (bool begun = false;;) {
        if (!input_.empty()) {
            auto size = codec::parse_request_head(input_.bytes(), scanned_, head_limits, head_);
            if (!size) co_return std::unexpected(size.error());
            if (*size) {
                head_bytes_ = **size;
                if (auto body = begin_body(); !body) co_return std::unexpected(body.error());
                co_return true;
            }
            // Once for the whole head: a byte now and then gains no time.
            if (!begun) stream_.set_deadline(limits_.header_timeout);
            begun = true;
        } else {
            drop_storage();
            stream_.set_deadline(limits_.keep_alive);
        }
        if (auto filled = co_await fill(); !filled) {
            if (!begun) co_return false;
            co_return std::unexpected(filled.error());
        }
    }
}

Result<> ServerConnection::begin_body() {
    framing_ = head_.framing;
    content_length_ = framing_ == codec::Framing::length ? head_.content_length : 0;
    expect_continue_ = head_.expect_continue;
    bool chunked = framing_ == codec::Framing::chunked;
    body_ = chunked || content_length_ > 0 ? Body::pending : Body::none;
    return chunked ? keep_head() : Result<>{};
}

// Before anybody was handed a view of it, so that reading the body moves nothing that is in use.
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

runtime::Task<Result<std::string_view>> ServerConnection::read_body() {
    if (body_ == Body::none) co_return std::string_view{};
    if (body_ == Body::begun) co_return fail(ErrorCode::malformed_http);
    body_ = Body::begun;
    auto read = co_await read_framed_body();
    if (read) body_ = Body::none;
    co_return read;
}

runtime::Task<Result<std::string_view>> ServerConnection::read_framed_body() {
    if (content_length_ > limits_.body_bytes_max) co_return fail(ErrorCode::body_too_large);
    bool some_is_here = input_.bytes().size() > head_bytes_;
    if (expect_continue_ && !some_is_here) {
        if (int r = co_await write(kContinue, {}); r < 0) co_return read_failed(r);
    }
    progress_ = 0;
    stream_.set_deadline(limits_.idle);
    if (framing_ == codec::Framing::chunked) co_return co_await read_chunked_body();
    co_return co_await read_sized_body(static_cast<std::size_t>(content_length_));
}

runtime::Task<Result<std::string_view>> ServerConnection::read_sized_body(std::size_t length) {
    std::size_t here = input_.bytes().size() - head_bytes_;
    if (here >= length) {  // the usual case: head and body came in one read
        body_in_input_ = length;
        co_return input_.bytes().substr(head_bytes_, length);
    }
    body_bytes_.resize_and_overwrite(length, [&](char* p, std::size_t n) {
        std::ranges::copy(input_.bytes().substr(head_bytes_), p);
        return n;
    });
    body_in_input_ = here;  // its copy counts from now on; the head stays where its views point
    std::size_t at = here;
    while (at < length) {
        ssize_t n = co_await runtime::read_some(stream_, body_bytes_.data() + at, length - at);
        if (n <= 0) co_return read_failed(n);
        at += static_cast<std::size_t>(n);
        came(static_cast<std::size_t>(n));
    }
    co_return std::string_view{body_bytes_};
}

runtime::Task<Result<std::string_view>> ServerConnection::read_chunked_body() {
    codec::ChunkedDecoder decoder;
    body_bytes_.clear();
    for (;;) {
        while (!input_.empty()) {
            auto step = decoder.feed(input_.bytes());
            if (!step) co_return std::unexpected(step.error());
            if (body_bytes_.size() + step->payload.size() > limits_.body_bytes_max) {
                co_return fail(ErrorCode::body_too_large);
            }
            body_bytes_.append(step->payload);
            input_.consume(step->consumed);
            if (step->done) co_return std::string_view{body_bytes_};
        }
        if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
        came(input_.bytes().size());
    }
}

// A body may take its time as long as it moves; a byte now and then is no movement.
void ServerConnection::came(std::size_t body_bytes) {
    progress_ += body_bytes;
    if (progress_ < kProgressBytes) return;
    progress_ = 0;
    stream_.set_deadline(limits_.idle);
}

void ServerConnection::forget_request() {
    input_.consume(head_bytes_ + body_in_input_);
    head_bytes_ = body_in_input_ = 0;
    input_.rest();
    head_.fields.clear();
    drop_storage();
}

void ServerConnection::drop_storage() {
    if (body_bytes_.capacity() > 0) std::string{}.swap(body_bytes_);
    if (head_copy_.capacity() > 0) std::string{}.swap(head_copy_);
    if (head_.fields.capacity() > kFieldsKept) std::vector<codec::HeaderField>{}.swap(head_.fields);
}

runtime::Task<bool> ServerConnection::discard_body() {
    if (body_ == Body::none) co_return true;
    if (expect_continue_) co_return false;  // it was never asked to send
    Limits kept = limits_;
    limits_.body_bytes_max = std::min(limits_.body_bytes_max, kDiscardMax);
    limits_.idle = std::min(limits_.idle, kDiscardTime);
    bool whole = (co_await read_body()).has_value();
    limits_ = kept;
    co_return whole;
}

runtime::Task<void> ServerConnection::linger() {
    bool unread = body_pending() || input_.bytes().size() > head_bytes_ + body_in_input_;
    if (!unread && !stream_.read_ready()) co_return;
    stream_.shutdown_write();
    forget_request();
    stream_.set_deadline(std::min(limits_.idle, kLingerTime));
    for (std::size_t thrown_away = 0; thrown_away < kLingerMax;) {
        input_.consume(input_.bytes().size());
        if (auto filled = co_await fill(); !filled) co_return;
        thrown_away += input_.bytes().size();
    }
}

runtime::Task<int> ServerConnection::write(std::string_view head, std::string_view body) {
    std::array<iovec, 2> pieces{piece(head), piece(body)};
    int count = body.empty() ? 1 : 2;
    co_return co_await runtime::write_all(stream_, pieces.data(), count, limits_.idle);
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
        int r = co_await runtime::write_all(stream_, out.data(), static_cast<int>(taken) + 2,
                                            limits_.idle);
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
