#include "gateway/relay.h"

#include <algorithm>

#include "codec/content_coding.h"
#include "gateway/arrival.h"

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;  // of one that is not streamed
constexpr std::size_t kErrorBytesMax = std::size_t{1} << 20;

bool is_event_stream(const codec::ResponseHead& head) {
    std::string_view type = head.find("content-type");
    constexpr std::string_view kSse = "text/event-stream";
    return type.size() >= kSse.size() &&
           codec::equals_ignore_case(type.substr(0, kSse.size()), kSse);
}

void finish_outcome(RelayContext& c, const Error* error) {
    c.outcome.total_us = (c.road.clock.mono_now() - c.call.started).count() / 1000;
    c.outcome.client_gone = c.client_gone;
    if (error == nullptr) return;
    c.outcome.has_error = true;
    c.outcome.error = error->code();
    c.outcome.error_text = error->message();
}

// Ends the hold by what was seen of the answer (ledger.md L3, L5).
Settlement settle(RelayContext& c, const Error* error) {
    core::Usage usage = c.meter.usage();
    if (c.client_gone && usage.completeness == core::Completeness::exact) {
        usage.completeness = core::Completeness::exact_drained;
    }
    finish_outcome(c, error);
    if (c.strip_injected_usage) c.outcome.notes.emplace_back("injected include_usage");
    bool free = c.call.endpoint.fate == provider::Fate::free;
    if (c.call.conversation) {
        c.road.inputs.remember(*c.call.conversation, c.target, usage, c.road.clock.mono_now());
    }
    if (usage.is_exact() || (free && error == nullptr)) {
        return c.hold.settle(std::move(usage), std::move(c.outcome));
    }
    return c.hold.unknown(std::move(usage), std::move(c.outcome));
}

// The provider's payload with its content coding taken off, although none was asked for.
class Payload {
 public:
    static Result<Payload> of(const codec::ResponseHead& head) {
        std::string_view coding = head.find("content-encoding");
        Payload payload;
        if (coding.empty()) return payload;
        auto codings = codec::parse_content_encoding(coding);
        if (!codings) return fail(ErrorCode::provider_protocol, {}, "content-encoding");
        if (!codings->empty()) payload.decoder_.emplace(*codings, kAnswerBytesMax);
        return payload;
    }
    // Replaces `pieces` by one decoded piece where there is a coding.
    Result<> decode(std::vector<std::string_view>& pieces) {
        if (!decoder_) return {};
        plain_.clear();
        for (std::string_view piece : pieces) {
            if (!decoder_->feed(piece, plain_)) return fail(ErrorCode::provider_protocol);
        }
        pieces.assign(1, plain_);
        return {};
    }
    // At the end of the payload: was it whole?
    Result<> finish() {
        if (!decoder_ || decoder_->finish()) return {};
        return fail(ErrorCode::provider_protocol, {}, "the content coding is cut off");
    }

 private:
    std::optional<codec::Decoder> decoder_;
    std::string plain_;
};

// Reads what is there next. client_gone is not an end: from then on the rest is drained.
runtime::Task<Result<>> read_next(RelayContext& c, std::vector<std::string_view>& pieces) {
    for (;;) {
        auto read = co_await c.exchange.read_payload(pieces);
        if (!read && read.error().code() == ErrorCode::client_gone && !c.client_gone) {
            client_left(c);
            continue;
        }
        co_return read;
    }
}

// The parts of a stream that outlive one piece of payload.
struct StreamState {
    provider::SseRelay relay;
    Payload payload;
    std::vector<std::string_view> pieces;
    std::vector<std::string_view> out;
    std::string joined;
    std::string head;     // of the provider, until it has gone to the client
    bool opened = false;  // it has
    bool keep_alive = false;
};

runtime::Task<void> open_stream(RelayContext& c, StreamState& s) {
    s.opened = true;
    append_weir_fields(s.head, c.notes);
    if (c.client_minor_1) s.head.append("transfer-encoding: chunked\r\n");
    if (!s.keep_alive) s.head.append("connection: close\r\n");
    s.head.append("\r\n");
    c.client.forget_request();
    if (co_await c.client.write(s.head, {}) < 0) client_left(c);
    std::string{}.swap(s.head);
}

runtime::Task<void> write_out(RelayContext& c, StreamState& s) {
    if (c.client_gone || s.out.empty()) co_return;
    if (!s.opened) co_await open_stream(c, s);
    if (c.client_gone) co_return;
    int r = c.client_minor_1 ? co_await c.client.write_chunk(s.out.data(), s.out.size())
                             : co_await c.client.write_raw(s.out.data(), s.out.size());
    if (r < 0) client_left(c);
}

// The stream began with an error, and nothing of it has gone to the client.
bool failed_at_the_door(const RelayContext& c, const StreamState& s) {
    return c.others_follow && !s.opened && !c.client_gone && c.meter.failed();
}

// Payload → meter → client, until the provider's end. The error is why it ended early.
runtime::Task<Result<>> pump(RelayContext& c, StreamState& s) {
    for (;;) {
        if (auto read = co_await read_next(c, s.pieces); !read) co_return read;
        if (s.pieces.empty()) co_return s.payload.finish();
        if (auto decoded = s.payload.decode(s.pieces); !decoded) co_return decoded;
        ++c.outcome.chunks;
        s.out.clear();
        if (s.pieces.size() > 1) {  // the relay's views last until its next feed
            s.joined.clear();
            for (std::string_view piece : s.pieces) s.joined.append(piece);
            s.pieces.assign(1, s.joined);
        }
        c.outcome.response_bytes += static_cast<std::int64_t>(s.pieces.front().size());
        if (auto fed = s.relay.feed(s.pieces.front(), s.out); !fed) co_return fed;
        if (failed_at_the_door(c, s)) co_return Result<>{};
        co_await write_out(c, s);
    }
}

// A stream that stopped before its dialect's end, and without an error event of its own.
bool ended_early(const provider::Meter& meter) {
    if (meter.ended() || meter.failed()) return false;
    core::Usage usage = meter.usage();
    return !usage.is_exact() && usage.finish_reason.empty();
}

// Ends a stream's hold. A stream sends its status before it knows, so a refusal at the door may be
// its first event: no meter says `none` of a failure but of what is known to bill nothing.
void settle_stream(RelayContext& c, const Error* error) {
    bool governed = c.call.endpoint.fate == provider::Fate::governed;
    if (governed && c.meter.failed() && c.meter.usage().completeness == core::Completeness::none) {
        finish_outcome(c, error);
        c.released = true;
        return c.hold.release(std::move(c.outcome));
    }
    settle(c, error);
}

// The data of a stream's only event.
std::string_view error_data(std::string_view stream) {
    constexpr std::string_view kData = "data:";
    const auto at = stream.find(kData);
    if (at == std::string_view::npos) return {};
    std::string_view data = stream.substr(at + kData.size());
    return data.substr(0, data.find('\n'));
}

// For a caller that asked to see the cost in the stream itself.
std::function<std::string(const core::Usage&)> cost_teller(const RelayContext& c) {
    if (!c.call.arrival.include_cost) return {};
    return [&hold = c.hold](const core::Usage& usage) {
        auto cost = hold.cost_of(usage);
        return cost ? cost->to_usd() : std::string{};
    };
}

std::string joined(const std::vector<std::string_view>& pieces) {
    std::string out;
    for (std::string_view piece : pieces) out.append(piece);
    return out;
}

core::Trouble trouble_of_stream(const RelayContext& c, const Result<>& pumped) {
    if (c.client_gone) return core::Trouble::none;
    if (!pumped) return provider::trouble_of_error(pumped.error().code());
    return c.meter.failed() ? core::Trouble::server_error : core::Trouble::none;
}

runtime::Task<Relayed> relay_stream(RelayContext& c) {
    auto payload = Payload::of(c.exchange.head());
    c.outcome.http_status = c.exchange.head().status;
    StreamState state{
        .relay = provider::SseRelay(
            c.meter, {.strip_injected_usage = c.strip_injected_usage, .cost = cost_teller(c)}),
        .payload = payload ? std::move(*payload) : Payload{},
        .pieces = {},
        .out = {},
        .joined = {},
        .head = {},
        .keep_alive = c.client_keep_alive && c.client_minor_1 && !c.road.draining};
    state.head.reserve(1024);
    append_provider_fields(state.head, c.exchange.head(), c.notes);
    // Where nobody could answer in its place, the client sees the head at once.
    if (!c.others_follow) co_await open_stream(c, state);
    Result<> pumped = payload ? co_await pump(c, state) : std::unexpected(payload.error());
    if (failed_at_the_door(c, state)) {
        HeldAnswer held{std::move(state.head), joined(state.out)};
        const Error told{ErrorCode::provider_error};
        settle_stream(c, &told);
        const core::Trouble trouble = provider::trouble_of_event(error_data(held.body));
        co_return Relayed{
            .answered = false, .trouble = trouble, .error = std::nullopt, .held = std::move(held)};
    }
    state.out.clear();
    state.relay.finish(state.out);
    if (pumped && ended_early(c.meter)) pumped = fail(ErrorCode::provider_reset);
    // Behind the dialect's own end nothing can go wrong for the client any more.
    if (!pumped && c.meter.ended()) pumped = {};
    const core::Trouble trouble = trouble_of_stream(c, pumped);
    if (!pumped && !state.opened && !c.client_gone) {
        settle_stream(c, &pumped.error());
        co_return Relayed{
            .answered = false, .trouble = trouble, .error = pumped.error(), .held = std::nullopt};
    }
    // A torn event would make one with the error's.
    if (pumped) co_await write_out(c, state);
    const Error told{ErrorCode::provider_error};  // an error event of the provider's own
    settle_stream(c, !pumped ? &pumped.error() : c.meter.failed() ? &told : nullptr);
    Relayed relayed{.trouble = trouble, .error = std::nullopt, .held = std::nullopt};
    if (c.client_gone) co_return relayed;
    if (!state.opened) co_await open_stream(c, state);  // a stream without any event
    if (!pumped) {
        std::string event = provider::error_event(c.notes.dialect, pumped.error(),
                                                  c.notes.id.text(), state.relay.events());
        state.out.assign(1, event);
        co_await write_out(c, state);
    }
    if (c.client_minor_1 && !c.client_gone && co_await c.client.write_last_chunk() < 0) {
        client_left(c);
    }
    relayed.keep_alive = state.keep_alive && !c.client_gone;
    co_return relayed;
}

// Reads a whole answer. One that came in one piece is not copied: the view lasts as long as the
// exchange, the payload and the storage.
runtime::Task<Result<std::string_view>> read_whole(RelayContext& c, Payload& payload,
                                                   std::size_t bytes_max, std::string& storage) {
    std::vector<std::string_view> pieces;
    for (;;) {
        if (auto read = co_await read_next(c, pieces); !read)
            co_return std::unexpected(read.error());
        bool ended = pieces.empty();
        if (!ended) {
            if (auto decoded = payload.decode(pieces); !decoded) {
                co_return std::unexpected(decoded.error());
            }
            ended = c.exchange.ended() && storage.empty() && pieces.size() == 1;
        }
        if (ended) {
            if (auto whole = payload.finish(); !whole) co_return std::unexpected(whole.error());
            co_return pieces.empty() ? std::string_view{storage} : pieces.front();
        }
        for (std::string_view piece : pieces) {
            if (storage.size() + piece.size() > bytes_max) {
                co_return fail(ErrorCode::provider_protocol, {}, "the answer is too large");
            }
            storage.append(piece);
        }
    }
}

// An error answer says by its status and body whether it was billed.
Settlement settle_error(RelayContext& c, std::string_view body) {
    Error error{ErrorCode::provider_error};
    core::Usage usage = c.meter.usage();
    if (usage.is_exact()) return settle(c, &error);
    auto billing =
        provider::billing_of_error(c.target.provider->vendor, c.outcome.provider_status, body);
    bool free = c.call.endpoint.fate == provider::Fate::free;
    // Refused before the provider had all of it: the proof of ledger.md L5.
    if (free || !c.exchange.fully_sent()) billing = provider::Billing::unbilled;
    finish_outcome(c, &error);
    if (billing == provider::Billing::unbilled) {
        c.released = true;
        c.hold.release(std::move(c.outcome));
        return {};
    }
    return c.hold.unknown(std::move(usage), std::move(c.outcome));
}

// Every dialect answers with an object. On anything else (a proxy's page, garbage) an SDK would not
// raise an error of its own, it would break.
bool is_object(std::string_view body) {
    auto at = body.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && body[at] == '{';
}

runtime::Task<Relayed> relay_whole(RelayContext& c) {
    int status = c.exchange.head().status;
    bool ok = status >= 200 && status < 300;
    std::string head;
    head.reserve(1024);
    append_provider_fields(head, c.exchange.head(), c.notes);
    std::string storage;
    auto payload = Payload::of(c.exchange.head());
    Result<std::string_view> body = std::string_view{};
    if (payload) {
        body = co_await read_whole(c, *payload, ok ? kAnswerBytesMax : kErrorBytesMax, storage);
    } else {
        body = std::unexpected(payload.error());
    }
    bool governed = c.call.endpoint.fate == provider::Fate::governed;
    if (body && ok && governed && !is_object(*body)) body = fail(ErrorCode::provider_protocol);
    Relayed relayed{.error = std::nullopt, .held = std::nullopt};
    if (!body) {
        Refusal answer = refusal(body.error(), c.notes, true, false);
        if (!c.client_gone) c.outcome.http_status = answer.status;
        settle(c, &body.error());
        if (c.client_gone) co_return relayed;
        relayed.trouble = provider::trouble_of_error(body.error().code());
        if (c.others_follow) {
            relayed.answered = false;
            relayed.error = body.error();
            co_return relayed;
        }
        co_await c.client.write(answer.head, answer.body);
        co_return relayed;
    }
    c.outcome.http_status = status;
    c.outcome.response_bytes = static_cast<std::int64_t>(body->size());
    c.meter.on_body(*body);
    const Error told{ErrorCode::provider_error};  // an error in a body that says all went well
    c.notes.settlement =
        ok ? settle(c, c.meter.failed() ? &told : nullptr) : settle_error(c, *body);
    if (c.client_gone) co_return relayed;
    relayed.trouble = provider::trouble_of_answer(status, *body);
    if (c.others_follow && relayed.trouble != core::Trouble::none) {
        relayed.answered = false;
        relayed.held = HeldAnswer{std::move(head), std::string{*body}};
        co_return relayed;
    }
    relayed.keep_alive = co_await write_whole(c.client, std::move(head), *body, c.notes,
                                              c.client_keep_alive && !c.road.draining);
    co_return relayed;
}

}  // namespace

void client_left(RelayContext& c) {
    if (c.client_gone) return;
    c.client_gone = true;
    c.exchange.unwatch();
    c.exchange.end_within(milliseconds{c.call.policy->limits.drain_ms});
}

runtime::Task<bool> write_whole(http::ServerConnection& client, std::string head,
                                std::string_view body, const CallNotes& notes, bool keep_alive) {
    append_weir_fields(head, notes);
    codec::append_field(head, "content-length", std::uint64_t{body.size()});
    if (!keep_alive) head.append("connection: close\r\n");
    head.append("\r\n");
    bool written = co_await client.write(head, body) == 0;
    co_return written&& keep_alive;
}

runtime::Task<Relayed> relay_answer(RelayContext& c) {
    const auto& head = c.exchange.head();
    bool stream = is_event_stream(head) && head.status >= 200 && head.status < 300;
    co_return stream ? co_await relay_stream(c) : co_await relay_whole(c);
}

runtime::Task<void> drain_answer(RelayContext& c) {
    auto answered = co_await c.exchange.read_head(false);
    if (!answered) {
        settle(c, &answered.error());
        co_return;
    }
    c.outcome.provider_status = c.exchange.head().status;
    co_await relay_answer(c);
}

}  // namespace weir::gateway
