#include "gateway/count_input.h"

#include <algorithm>

#include "gateway/arrival.h"
#include "http/upstream_exchange.h"
#include "provider/count_request.h"

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
constexpr http::ExchangeTimeouts kPatience{
    .write = seconds{5}, .first_byte = seconds{5}, .idle = seconds{5}, .total = seconds{5}};

std::string_view path_of(const PreparedCall& call, const core::Target& target) {
    return provider::count_path(target.provider->vendor, call.endpoint.endpoint);
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

}  // namespace

bool is_worth_counting(Road& road, const PreparedCall& call, const core::Target& target,
                       const Bound& bound, const core::Verdict& decision) {
    if (path_of(call, target).empty()) return false;
    if (call.shape.has(core::Unbounded::server_tool)) return false;  // it grows as it runs
    if (call.known && call.known->rest_bytes < kBytesWorthIt) return false;
    if (bound.quote.input_bound < kBytesWorthIt) return false;
    if (!road.inputs.may_ask(target.provider->name, road.clock.mono_now())) return false;
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
    co_return core::KnownInput{.counted = *tokens + *tokens * kMarginPercent / 100 + 1,
                               .whole = true};
}

}  // namespace weir::gateway
