#include "gateway/serve_call.h"

#include <algorithm>
#include <charconv>

#include "gateway/attempt.h"
#include "gateway/desk_answer.h"
#include "gateway/target_choice.h"

namespace weir::gateway {
namespace {

// Answers an error and says whether the connection can go on.
runtime::Task<bool> refuse(http::ServerConnection& client, const CallNotes& notes,
                           const Error& error) {
    if (error.code() == ErrorCode::client_gone) co_return false;
    bool head_only = client.head().method == "HEAD";
    bool keep_alive = client.head().keep_alive;
    bool whole = co_await client.discard_body();
    Refusal answer = refusal(error, notes, !whole || !keep_alive, head_only);
    bool written = co_await client.write(answer.head, answer.body) == 0;
    co_return written&& whole&& keep_alive;
}

runtime::Task<bool> answer_plain(http::ServerConnection& client, std::string_view type,
                                 std::string_view body) {
    bool keep_alive = client.head().keep_alive && co_await client.discard_body();
    std::string head;
    codec::append_status_line(head, 200);
    codec::append_field(head, "content-type", type);
    codec::append_field(head, "content-length", std::uint64_t{body.size()});
    if (!keep_alive) head.append("connection: close\r\n");
    head.append("\r\n");
    bool head_only = client.head().method == "HEAD";
    bool written = co_await client.write(head, head_only ? std::string_view{} : body) == 0;
    co_return written&& keep_alive;
}

// Coding agents look whether anybody is there before their first call (wire.md §1.4).
bool is_probe(const codec::RequestHead& head, const Arrival& arrival) {
    bool known = arrival.path == "/" || arrival.path.empty() || arrival.path == "/api/hello";
    return known && (head.method == "HEAD" || head.method == "GET");
}

runtime::Task<bool> serve_desk(Road& road, http::ServerConnection& client, Caller& caller,
                               PreparedCall& call, const CallNotes& notes) {
    auto identified = identify_caller(road, caller, call);
    if (!identified) co_return co_await refuse(client, notes, identified.error());
    auto attributed = attribute_call(client.head(), call);
    if (!attributed) co_return co_await refuse(client, notes, attributed.error());
    auto answer = co_await ask_desk(road, call, client.head().method);
    if (!answer) co_return co_await refuse(client, notes, answer.error());
    co_return co_await answer_plain(client, "application/json", *answer);
}

// How long it is worth waiting for a first byte: as the limits say, or until the SDK gives up,
// which then makes a new call of it (clients.md: x-stainless-timeout, in seconds).
Duration patience(const codec::RequestHead& head, const core::Limits& limits) {
    const Duration most = std::chrono::milliseconds{limits.total_timeout_ms};
    for (std::string_view name : {"x-stainless-timeout", "x-stainless-read-timeout"}) {
        const std::string_view text = head.find(name);
        std::int64_t seconds = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (error != std::errc{} || seconds <= 0 || seconds > 86'400) continue;
        return std::min<Duration>(most, std::chrono::seconds{seconds});
    }
    return most;
}

// What a call's attempts have in common.
struct Tries {
    std::uint16_t made = 0;
    bool counted = false;  // one of them, as the call
};

// One target. A reused connection that failed before the provider's first byte is tried once more
// on a fresh one. Every try is an attempt of its own.
runtime::Task<AttemptOutcome> try_target(Road& road, http::ServerConnection& client,
                                         const PreparedCall& call, const core::Target& target,
                                         bool others_follow, Tries& tries, CallNotes& notes) {
    AttemptOutcome outcome;
    for (bool fresh : {false, true}) {
        AttemptInput input{.target = &target,
                           .ordinal = static_cast<std::uint16_t>(++tries.made),
                           .counts_call = !tries.counted,
                           .fresh_connection = fresh,
                           .others_follow = others_follow};
        core::Verdict before = fresh ? notes.decision : core::Verdict{};
        AttemptOutcome next = co_await attempt(road, client, call, input, notes);
        if (fresh && !next.admitted) {
            // Not admitted again: the call ends with what the try before met (ledger.md §0.5).
            notes.decision = std::move(before);
            break;
        }
        outcome = std::move(next);
        tries.counted = tries.counted || outcome.counted;
        if (outcome.answered || !outcome.stale) break;
    }
    co_return outcome;
}

// The plan's targets, each with an admission of its own, until one answers or none is left that may
// do better. What the call has met by then is its end.
runtime::Task<AttemptOutcome> try_targets(Road& road, http::ServerConnection& client,
                                          const PreparedCall& call, CallNotes& notes) {
    TargetChoice choice{road, call, notes};
    Tries tries;
    AttemptOutcome outcome;
    const core::Target* target = &choice.first();
    while (target != nullptr) {
        CallNotes before = outcome.admitted ? notes : CallNotes{};
        AttemptOutcome next =
            co_await try_target(road, client, call, *target, choice.others_follow(), tries, notes);
        if (!next.admitted) {
            // What the attempt before has met is told, with what was decided of it.
            if (outcome.admitted) notes = std::move(before);
            if (!outcome.admitted) outcome = std::move(next);
            break;
        }
        outcome = std::move(next);
        if (!outcome.sighting) break;
        const MonoTime now = road.clock.mono_now();
        // A caller's wrong login says nothing of the provider, and a list of models is of no model.
        const bool tells = !call.arrival.own_credential && !target->model.empty();
        if (tells) road.targets.saw(*target, *outcome.sighting, now);
        if (outcome.answered) {
            if (call.plan.targets.size() > 1) road.targets.pin(*target, call.attribution, now);
            break;
        }
        target = choice.next(*target, outcome.sighting->trouble);
    }
    co_return outcome;
}

}  // namespace

runtime::Task<bool> serve_call(Road& road, http::ServerConnection& client, Caller& caller) {
    PreparedCall call;
    call.policy = road.policy;
    call.started = road.clock.mono_now();
    call.client_address = caller.address;
    call.arrival = read_arrival(client.head());
    CallNotes notes;
    notes.dialect = dialect_of(call.arrival, client.head());
    notes.client = provider::client_of(client.head().find("user-agent"));
    notes.policy = call.policy.get();
    if (is_probe(client.head(), call.arrival))
        co_return co_await answer_plain(client, "text/plain", "");
    if (client.head().websocket) {
        co_return co_await refuse(client, notes, Error{ErrorCode::upgrade_required});
    }
    if (call.arrival.path.starts_with("/weir/")) {
        co_return co_await serve_desk(road, client, caller, call, notes);
    }

    call.id = road.next_call_id();
    notes.id = call.id;
    ++road.counters.calls;
    auto prepared = co_await prepare(road, client, caller, call);
    if (call.key != nullptr) notes.attribution = &call.attribution;
    if (!prepared) {
        ++road.counters.refused;
        if (call.key != nullptr) {
            record_refusal(road, call, client.head(), prepared.error(),
                           prepared.error().info().http_status, nullptr);
        }
        co_return co_await refuse(client, notes, prepared.error());
    }
    notes.dialect = core::dialect_of(call.endpoint.endpoint);

    if (call.plan.targets.size() > 1) {
        call.give_up = call.started + patience(client.head(), call.policy->limits);
    }
    road.retries.earn(call.policy->limits.retry_percent);
    AttemptOutcome outcome = co_await try_targets(road, client, call, notes);
    if (outcome.answered) co_return outcome.keep_alive;
    if (outcome.held) {
        bool keep_alive = client.head().keep_alive && !road.draining;
        co_return co_await write_whole(client, std::move(outcome.held->head), outcome.held->body,
                                       notes, keep_alive);
    }
    const Error& error = *outcome.error;
    if (notes.attempts == 0) {
        ++road.counters.refused;
        record_refusal(road, call, client.head(), error, error.info().http_status, &notes);
    } else {
        ++road.counters.errors;
    }
    co_return co_await refuse(client, notes, error);
}

runtime::Task<void> answer_malformed(http::ServerConnection& client, const Error& error) {
    CallNotes notes;
    Refusal answer = refusal(error, notes, true, false);
    co_await client.write(answer.head, answer.body);
}

}  // namespace weir::gateway
