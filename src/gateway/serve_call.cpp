#include "gateway/serve_call.h"

#include <algorithm>

#include "gateway/attempt.h"
#include "gateway/desk_answer.h"

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

// Tries the plan's targets in order; a reused connection that failed before the provider's first
// byte is tried once more on a fresh one. Every try is an attempt of its own.
runtime::Task<AttemptOutcome> try_targets(Road& road, http::ServerConnection& client,
                                          const PreparedCall& call, CallNotes& notes) {
    AttemptOutcome outcome;
    std::uint16_t ordinal = 0;
    bool counted = false;
    for (const core::Target& target : call.plan.targets) {
        for (bool fresh : {false, true}) {
            AttemptInput input{.target = &target,
                               .ordinal = static_cast<std::uint16_t>(ordinal + 1),
                               .counts_call = !counted,
                               .fresh_connection = fresh};
            ++ordinal;
            core::Verdict before = fresh ? notes.decision : core::Verdict{};
            AttemptOutcome next = co_await attempt(road, client, call, input, notes);
            if (fresh && !next.admitted) {
                // Not admitted again: the call ends with what the try before met (ledger.md §0.5).
                notes.decision = std::move(before);
                break;
            }
            outcome = std::move(next);
            counted = counted || outcome.counted;
            if (outcome.answered || !outcome.stale) break;
        }
        // Falling back to the next target is a decision that belongs to routes with more than one;
        // until those come, the first target's word is the call's.
        break;
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

    AttemptOutcome outcome = co_await try_targets(road, client, call, notes);
    if (outcome.answered) co_return outcome.keep_alive;
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
