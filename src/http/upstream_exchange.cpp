#include "http/upstream_exchange.h"

#include <algorithm>
#include <array>

namespace weir::http {
namespace {

constexpr std::size_t kHeadBytesMax = 256 * 1024;

}  // namespace

UpstreamExchange::~UpstreamExchange() {
    unwatch();
    if (!connection_) return;
    bool again = ended_ && head_.keep_alive && !closed_by_peer_ &&
                 head_.framing != codec::Framing::until_close;
    if (again) {
        connection_->input().consume(handed_out_);
        pool_.give_back(address_, std::move(connection_));
    } else {
        pool_.discard(address_, std::move(connection_));
    }
}

void UpstreamExchange::watch(runtime::Stream& client) {
    client_ = &client;
    client.link(&connection_->stream());
}

void UpstreamExchange::unwatch() {
    if (client_ != nullptr) client_->link(nullptr);
    client_ = nullptr;
}

runtime::Task<Result<>> UpstreamExchange::send(std::string_view head, std::string_view body) {
    std::array<iovec, 2> pieces{iovec{const_cast<char*>(head.data()), head.size()},
                                iovec{const_cast<char*>(body.data()), body.size()}};
    auto& stream = connection_->stream();
    stream.set_deadline(timeouts_.write);
    int r = co_await runtime::write_all(stream, pieces.data(), body.empty() ? 1 : 2);
    if (r < 0) {
        co_return std::unexpected(
            stream_error(r, ErrorCode::provider_timeout, ErrorCode::provider_reset));
    }
    fully_sent_ = true;
    co_return Result<>{};
}

runtime::Task<Result<>> UpstreamExchange::fill(Duration timeout) {
    auto& stream = connection_->stream();
    auto& input = connection_->input();
    stream.set_deadline(timeout);
    if (input.empty()) {
        input.rest();  // no buffer while waiting
        if (int r = co_await runtime::readable(stream); r < 0) {
            if (r == -ECANCELED) co_return fail(ErrorCode::client_gone);
            co_return std::unexpected(
                stream_error(r, ErrorCode::provider_timeout, ErrorCode::provider_reset));
        }
    }
    if (!input.make_room(kHeadBytesMax)) co_return fail(ErrorCode::provider_protocol);
    ssize_t n = co_await runtime::read_some(stream, input.free_space(), input.free_bytes());
    if (n == -ECANCELED) co_return fail(ErrorCode::client_gone);
    if (n < 0) {
        co_return std::unexpected(stream_error(static_cast<int>(n), ErrorCode::provider_timeout,
                                               ErrorCode::provider_reset));
    }
    if (n == 0) closed_by_peer_ = true;
    if (n > 0) answer_begun_ = true;
    input.filled(static_cast<std::size_t>(n));
    co_return Result<>{};
}

runtime::Task<Result<>> UpstreamExchange::read_head(bool request_was_head) {
    auto& input = connection_->input();
    std::size_t scanned = 0;
    for (;;) {
        if (!input.empty()) {
            auto size = codec::parse_response_head(
                input.bytes(), scanned, {.bytes_max = kHeadBytesMax}, request_was_head, head_);
            if (!size) {
                co_return fail(ErrorCode::provider_protocol, {},
                               std::string(size.error().message()));
            }
            if (*size && head_.status >= 100 && head_.status < 200) {
                input.consume(**size);
                scanned = 0;
                continue;
            }
            if (*size) {
                handed_out_ = **size;
                left_ = head_.framing == codec::Framing::length ? head_.content_length : 0;
                ended_ = head_.framing == codec::Framing::none ||
                         (head_.framing == codec::Framing::length && left_ == 0);
                co_return Result<>{};
            }
        }
        if (closed_by_peer_) co_return fail(ErrorCode::provider_reset);
        if (auto filled = co_await fill(timeouts_.first_byte); !filled) {
            co_return std::unexpected(filled.error());
        }
    }
}

Result<> UpstreamExchange::take_chunks(std::vector<std::string_view>& pieces) {
    std::string_view bytes = connection_->input().bytes();
    while (handed_out_ < bytes.size() && !ended_) {
        auto step = chunks_.feed(bytes.substr(handed_out_));
        if (!step)
            return fail(ErrorCode::provider_protocol, {}, std::string(step.error().message()));
        handed_out_ += step->consumed;
        if (!step->payload.empty()) pieces.push_back(step->payload);
        ended_ = step->done;
        if (step->consumed == 0) break;
    }
    return {};
}

Result<> UpstreamExchange::take_payload(std::vector<std::string_view>& pieces) {
    std::string_view bytes = connection_->input().bytes();
    switch (head_.framing) {
        case codec::Framing::none:
            break;
        case codec::Framing::chunked:
            return take_chunks(pieces);
        case codec::Framing::length:
            handed_out_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
            left_ -= handed_out_;
            ended_ = left_ == 0;
            if (handed_out_ > 0) pieces.push_back(bytes.substr(0, handed_out_));
            break;
        case codec::Framing::until_close:
            handed_out_ = bytes.size();
            if (!bytes.empty()) pieces.push_back(bytes);
            break;
    }
    return {};
}

runtime::Task<Result<>> UpstreamExchange::read_payload(std::vector<std::string_view>& pieces) {
    auto& input = connection_->input();
    pieces.clear();
    for (;;) {
        input.consume(handed_out_);
        handed_out_ = 0;
        if (ended_) co_return Result<>{};
        if (!input.empty()) {
            auto taken = take_payload(pieces);
            if (!taken || !pieces.empty() || ended_) co_return taken;
        }
        if (closed_by_peer_) {
            ended_ = head_.framing == codec::Framing::until_close;
            if (ended_) co_return Result<>{};
            co_return fail(ErrorCode::provider_reset);
        }
        if (auto filled = co_await fill(timeouts_.idle); !filled) {
            co_return std::unexpected(filled.error());
        }
    }
}

}  // namespace weir::http
