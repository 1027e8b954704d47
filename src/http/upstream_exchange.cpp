#include "http/upstream_exchange.h"

#include <array>
#include <limits>

#include "runtime/either_way.h"

namespace weir::http {
namespace {

constexpr std::size_t kHeadBytesMax = 256 * 1024;
constexpr int kInterimsMax = 16;
// How long the last words of a provider that hung up may be on their way.
constexpr Duration kLastWords = std::chrono::seconds{1};
constexpr MonoTime kNever{std::numeric_limits<std::int64_t>::max()};

// What is left of a request.
struct Unsent {
    std::string_view head;
    std::string_view body;

    bool empty() const { return head.empty() && body.empty(); }
    std::array<iovec, 2> pieces() const {
        return {iovec{const_cast<char*>(head.data()), head.size()},
                iovec{const_cast<char*>(body.data()), body.size()}};
    }
    ssize_t try_write(runtime::Stream& stream) {
        auto both = pieces();
        int from = head.empty() ? 1 : 0;
        ssize_t n =
            stream.try_write(&both[static_cast<std::size_t>(from)], body.empty() ? 1 : 2 - from);
        if (n <= 0) return n;
        auto sent = static_cast<std::size_t>(n);
        std::size_t of_head = std::min(sent, head.size());
        head.remove_prefix(of_head);
        body.remove_prefix(sent - of_head);
        return n;
    }
};

}  // namespace

UpstreamExchange::~UpstreamExchange() {
    unwatch();
    if (!connection_) return;
    bool again = fully_sent_ && ended_ && head_.keep_alive && !closed_by_peer_ && !broken_ &&
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

Error UpstreamExchange::error_of(ssize_t negative_errno) const {
    if (!stopped_.empty()) return Error{ErrorCode::stopped, stopped_};
    if (negative_errno == -ECANCELED) return Error{ErrorCode::client_gone};
    return stream_error(static_cast<int>(negative_errno), ErrorCode::provider_timeout,
                        ErrorCode::provider_reset);
}

bool UpstreamExchange::stop(std::string message) {
    stopped_ = std::move(message);
    if (!waiting_) return false;
    connection_->stream().cancel(ECANCELED);
    return true;
}

MonoTime UpstreamExchange::after(Duration d) const {
    return d > Duration::zero() ? pool_.now() + d : kNever;
}

// Zero: for ever.
Duration UpstreamExchange::at_most(Duration wait) const {
    MonoTime until = std::min(after(wait), end_);
    if (until == kNever) return Duration::zero();
    return std::max(until - pool_.now(), Duration{1});
}

bool UpstreamExchange::may_have_worked() const {
    if (fully_sent_) return true;
    if (head_whole_) return head_.status < 300;
    return answer_begun_ && !connection_->input().empty();  // of a head whose status is not known
}

// Writes as long as it goes, and watches for an answer meanwhile: a provider that refuses a large
// body does not read it to its end, and writing on would wait for it in vain.
runtime::Task<Result<>> UpstreamExchange::send(std::string_view head, std::string_view body) {
    auto& stream = connection_->stream();
    if (!connection_->quiet()) co_return fail(ErrorCode::provider_reset, {}, "spoke unasked");
    Unsent rest{head, body};
    bool listening = true;
    std::size_t sent = 0;
    std::size_t progress = 0;  // since the deadline was set
    stream.set_deadline(at_most(timeouts_.write));
    while (!rest.empty()) {
        ssize_t n = rest.try_write(stream);
        if (n == -EAGAIN && listening) {
            waiting_ = true;
            n = co_await runtime::either_way(stream);
            waiting_ = false;
        } else if (n == -EAGAIN) {
            auto pieces = rest.pieces();
            waiting_ = true;
            int r = co_await runtime::write_all(stream, pieces.data(), 2, at_most(timeouts_.write));
            waiting_ = false;
            if (r < 0) co_return co_await cut_off(r, sent);
            break;
        }
        if (n < 0) co_return co_await cut_off(static_cast<int>(n), sent);
        sent += static_cast<std::size_t>(n);
        progress += static_cast<std::size_t>(n);
        if (progress >= runtime::kProgressBytes) {
            progress = 0;
            stream.set_deadline(at_most(timeouts_.write));
        }
        if (!listening || rest.empty() || !stream.read_ready()) continue;
        Early early = look_for_early_answer();
        if (early == Early::ends && answer_begun_) co_return Result<>{};
        if (early == Early::ends) co_return fail(ErrorCode::provider_reset);
        listening = early == Early::silent;
    }
    fully_sent_ = true;
    co_return Result<>{};
}

// Reads what is there without waiting. `ends`: the rest of the request is of no use.
UpstreamExchange::Early UpstreamExchange::look_for_early_answer() {
    auto& input = connection_->input();
    if (!input.make_room(kHeadBytesMax)) return Early::ends;
    ssize_t n = connection_->stream().try_read(input.free_space(), input.free_bytes());
    if (n == -EAGAIN) {
        input.rest();
        return Early::silent;
    }
    if (n == 0) closed_by_peer_ = true;
    if (n < 0) broken_ = true;
    if (n <= 0) return Early::ends;
    answer_begun_ = true;
    input.filled(static_cast<std::size_t>(n));
    auto found = find_head(false);
    if (!found) return Early::ends;  // read_head will say so again
    if (*found == 0) return Early::silent;
    return head_.status < 300 ? Early::accepts : Early::ends;
}

// The request could not be written to its end. Is there an answer all the same? There is none to a
// request of which nothing went out.
runtime::Task<Result<>> UpstreamExchange::cut_off(int error, std::size_t sent) {
    if (error == -ECANCELED) co_return std::unexpected(error_of(error));
    broken_ = true;
    bool hung_up = error != -ETIMEDOUT;
    if (hung_up && sent > 0 && !answer_begun_) (void)co_await fill(after(kLastWords));
    if (answer_begun_) co_return Result<>{};
    co_return std::unexpected(error_of(error));
}

// Holds no buffer while it waits.
runtime::Task<Result<>> UpstreamExchange::fill(MonoTime until) {
    auto& stream = connection_->stream();
    auto& input = connection_->input();
    Duration left = until == kNever ? Duration::zero() : until - pool_.now();
    if (until != kNever && left <= Duration::zero()) co_return fail(ErrorCode::provider_timeout);
    if (end_ <= pool_.now()) co_return fail(ErrorCode::provider_timeout);
    if (!stopped_.empty()) co_return fail(ErrorCode::stopped, stopped_);
    stream.set_deadline(at_most(left));
    for (;;) {
        input.rest();
        waiting_ = true;
        const int r = co_await runtime::readable(stream);
        waiting_ = false;
        if (r < 0) co_return std::unexpected(error_of(r));
        if (!input.make_room(kHeadBytesMax)) co_return fail(ErrorCode::provider_protocol);
        ssize_t n = stream.try_read(input.free_space(), input.free_bytes());
        if (n >= 0) {
            closed_by_peer_ = n == 0;
            answer_begun_ = answer_begun_ || n > 0;
            input.filled(static_cast<std::size_t>(n));
            co_return Result<>{};
        }
        if (n != -EAGAIN) {
            broken_ = true;
            co_return std::unexpected(error_of(n));
        }
    }
}

Result<std::size_t> UpstreamExchange::find_head(bool request_was_head) {
    auto& input = connection_->input();
    while (!input.empty()) {
        auto size = codec::parse_response_head(
            input.bytes(), scanned_, {.bytes_max = kHeadBytesMax}, request_was_head, head_);
        if (!size) {
            return fail(ErrorCode::provider_protocol, {}, std::string(size.error().message()));
        }
        if (!*size) return 0;
        head_whole_ = !head_.interim();
        if (head_whole_) return **size;
        // Nobody asked for another protocol; and interim answers without end are none.
        if (head_.status == 101 || ++interims_ > kInterimsMax) {
            return fail(ErrorCode::provider_protocol, {}, "interim answers");
        }
        input.consume(**size);
        scanned_ = 0;
    }
    return 0;
}

runtime::Task<Result<>> UpstreamExchange::read_head(bool request_was_head) {
    MonoTime until = after(timeouts_.first_byte);
    for (;;) {
        auto found = find_head(request_was_head);
        if (!found) co_return std::unexpected(found.error());
        if (*found > 0) {
            handed_out_ = *found;
            left_ = head_.framing == codec::Framing::length ? head_.content_length : 0;
            ended_ = head_.framing == codec::Framing::none ||
                     (head_.framing == codec::Framing::length && left_ == 0);
            co_return Result<>{};
        }
        if (closed_by_peer_) co_return fail(ErrorCode::provider_reset);
        if (auto filled = co_await fill(until); !filled) {
            co_return std::unexpected(filled.error());
        }
    }
}

Result<> UpstreamExchange::take_chunks(std::vector<std::string_view>& pieces) {
    std::string_view bytes = connection_->input().bytes();
    while (handed_out_ < bytes.size() && !ended_) {
        auto step = chunks_.feed(bytes.substr(handed_out_));
        if (!step) {
            // What came before is good, and may be the usage: the next call fails.
            if (!pieces.empty()) return {};
            return fail(ErrorCode::provider_protocol, {}, std::string(step.error().message()));
        }
        handed_out_ += step->consumed;
        if (!step->payload.empty()) pieces.push_back(step->payload);
        ended_ = step->done;
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
            ended_ = head_.framing == codec::Framing::until_close && !broken_;
            if (ended_) co_return Result<>{};
            co_return fail(ErrorCode::provider_reset);
        }
        if (auto filled = co_await fill(after(timeouts_.idle)); !filled) {
            co_return std::unexpected(filled.error());
        }
    }
}

}  // namespace weir::http
