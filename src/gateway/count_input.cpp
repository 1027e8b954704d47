#include "gateway/count_input.h"

#include <algorithm>

#include "gateway/arrival.h"
#include "http/upstream_exchange.h"
#include "provider/count_request.h"
#include "provider/count_text.h"
#include "provider/provider.h"

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A figure that is a little better is not worth a round trip.
constexpr std::int64_t kBytesWorthIt = 4'096;
// No text has more bytes a token for long (wire.md §5.2: 4.8 of English prose).
constexpr std::int64_t kBytesOfTokenMost = 8;
constexpr std::int64_t kMarginPercent = 2;
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 10;
// Counted here at a stretch, and at all: a worker has other calls.
constexpr std::size_t kBytesAStretch = std::size_t{32} << 10;
constexpr std::size_t kBytesCountedMax = std::size_t{2} << 20;
constexpr http::ExchangeTimeouts kPatience{
    .write = seconds{5}, .first_byte = seconds{5}, .idle = seconds{5}, .total = seconds{5}};

std::string_view path_of(const PreparedCall& call, const core::Target& target) {
    return provider::count_path(target.provider->vendor, call.endpoint.endpoint);
}

std::int64_t with_margin(std::int64_t tokens) { return tokens + tokens * kMarginPercent / 100 + 1; }

// What becomes of a message's text is known of chat alone.
const provider::Vocabulary* vocabulary_of(const PreparedCall& call, const core::Target& target) {
    const bool known = target.provider->vendor == core::Vendor::openai &&
                       call.endpoint.endpoint == core::Endpoint::chat_completions &&
                       call.body.size() <= kBytesCountedMax;
    return known ? provider::Vocabulary::of_openai_model(target.model) : nullptr;
}

// Messages by their tokens; tools and the like, which the vendor renders in its own way, and what
// has images by their bytes.
runtime::Task<std::optional<core::KnownInput>> count_by_vocabulary(
    Road& road, const PreparedCall& call, const provider::Vocabulary& vocabulary) {
    // Once more: a call does not keep where its turns lie.
    const auto described = provider::describe(call.endpoint.endpoint, call.body);
    if (!described) co_return std::nullopt;
    const core::CallShape& shape = *described;
    core::KnownInput known = call.known.value_or(core::known_input(shape, {}));
    if (!call.known) {
        known.counted =
            static_cast<std::int64_t>(call.body.size()) - shape.no_text_bytes - known.rest_bytes;
    }
    std::int64_t tokens = 0;
    std::size_t stretch = 0;
    for (std::size_t i = known.turns; i < shape.turns.size(); ++i) {
        const core::Turn& turn = shape.turns[i];
        const std::string_view text =
            std::string_view{call.body}.substr(turn.span.begin, turn.span.end - turn.span.begin);
        if (turn.no_text_bytes > 0) {
            tokens += static_cast<std::int64_t>(text.size()) - turn.no_text_bytes;
            continue;
        }
        tokens += provider::count_json(vocabulary, text);
        stretch += text.size();
        if (stretch < kBytesAStretch) continue;
        stretch = 0;
        co_await road.net.sleep(milliseconds{1});
    }
    known.counted += with_margin(tokens);
    known.rest_bytes = 0;
    known.by_vocabulary = true;
    co_return known;
}

runtime::Task<Result<std::string>> ask(http::UpstreamExchange& exchange, std::string_view head,
                                       std::string_view body) {
    if (auto sent = co_await exchange.send(head, body); !sent) {
        co_return std::unexpected(sent.error());
    }
    if (auto answered = co_await exchange.read_head(false); !answered) {
        co_return std::unexpected(answered.error());
    }
    const int status = exchange.head().status;
    std::string answer;
    std::vector<std::string_view> pieces;
    do {
        if (auto read = co_await exchange.read_payload(pieces); !read) {
            co_return std::unexpected(read.error());
        }
        for (std::string_view piece : pieces) answer.append(piece);
    } while (!pieces.empty() && answer.size() <= kAnswerBytesMax);
    if (status != 200) co_return fail(ErrorCode::provider_error);
    co_return answer;
}

runtime::Task<std::optional<core::KnownInput>> ask_provider(Road& road,
                                                            http::ServerConnection& client,
                                                            const PreparedCall& call,
                                                            const core::Target& target) {
    const core::ProviderRecord& provider = *target.provider;
    const runtime::Address address{provider.host, provider.port, provider.tls, provider.verify_tls,
                                   provider.ca_file};
    auto connection =
        co_await road.pool.acquire(address, milliseconds{call.policy->limits.connect_timeout_ms});
    if (!connection) co_return std::nullopt;
    const std::string body =
        provider::count_request(call.body, call.endpoint.endpoint, target.model);
    std::string head;
    append_upstream_head(head, client.head(),
                         {.method = "POST",
                          .provider = &provider,
                          .key = target.key,
                          .path = path_of(call, target),
                          .query = call.arrival.query,
                          .own_credential = call.arrival.own_credential,
                          .has_body = true,
                          .body_bytes = body.size()});
    http::UpstreamExchange exchange(road.pool, address, std::move(*connection), kPatience);
    exchange.watch(client.stream());
    auto answer = co_await ask(exchange, head, body);
    const auto tokens = answer ? provider::read_count_answer(*answer) : std::nullopt;
    if (!tokens) {
        const bool left = !answer && answer.error().code() == ErrorCode::client_gone;
        if (!left) road.inputs.could_not_count(provider.name, road.clock.mono_now());
        co_return std::nullopt;
    }
    co_return core::KnownInput{.counted = with_margin(*tokens), .whole = true};
}

}  // namespace

bool is_worth_counting(Road& road, const PreparedCall& call, const core::Target& target,
                       const Bound& bound, const core::Verdict& decision) {
    const bool can_ask = !path_of(call, target).empty() &&
                         road.inputs.may_ask(target.provider->name, road.clock.mono_now());
    if (!can_ask && vocabulary_of(call, target) == nullptr) return false;
    if (call.shape.has(core::Unbounded::server_tool)) return false;  // it grows as it runs
    if (call.known && call.known->rest_bytes < kBytesWorthIt) return false;
    if (bound.quote.input_bound < kBytesWorthIt) return false;
    // With the least that its input and its answer can be, would it fit?
    core::KnownInput least{.whole = true};
    least.counted = static_cast<std::int64_t>(call.body.size()) / kBytesOfTokenMost;
    if (call.known) {
        least.counted = call.known->counted + call.known->rest_bytes / kBytesOfTokenMost;
    }
    auto hopeful = bound_attempt(call, target, &least);
    if (!hopeful) return false;
    if (auto room = output_room(call, target, *hopeful)) hopeful->clamp(room->least);
    return std::ranges::all_of(decision.parts, [&hopeful](const core::HoldPart& part) {
        const Int128 left = part.amount - part.settled;
        if (!part.refused || core::counts_events(part.unit)) return !part.refused;
        return part.unit == core::BudgetUnit::usd ? hopeful->quote.bound.pico() <= left
                                                  : hopeful->quote.token_bound <= left;
    });
}

runtime::Task<std::optional<core::KnownInput>> count_input(Road& road,
                                                           http::ServerConnection& client,
                                                           const PreparedCall& call,
                                                           const core::Target& target) {
    if (const auto* vocabulary = vocabulary_of(call, target)) {
        co_return co_await count_by_vocabulary(road, call, *vocabulary);
    }
    co_return co_await ask_provider(road, client, call, target);
}

}  // namespace weir::gateway
