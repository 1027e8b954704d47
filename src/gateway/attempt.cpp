#include "gateway/attempt.h"

#include "core/attribute.h"
#include "gateway/bound.h"
#include "gateway/count_input.h"

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;

bool is_free(const PreparedCall& call) { return call.endpoint.fate == provider::Fate::free; }

std::int64_t microseconds(Duration d) { return d.count() / 1000; }

ledger::AdmitRecord draft_admit(Road& road, const PreparedCall& call,
                                const codec::RequestHead& head, const core::Target& target,
                                const Bound& bound, std::uint16_t ordinal) {
    ledger::AdmitRecord admit;
    admit.head.id = {call.id, ordinal};
    admit.head.admitted_at = road.treasury.now();
    admit.head.endpoint = call.endpoint.endpoint;
    admit.head.stream = call.shape.stream;
    admit.head.attribution = call.attribution;
    admit.head.asked_model = call.shape.model;
    admit.head.provider = target.provider->name;
    admit.head.model = target.model;
    admit.head.price_id = target.price_id;
    admit.head.book_hash = call.policy->prices->hash();
    admit.head.price_vendor = target.provider->price_vendor;
    admit.head.provisional_price = target.provisional;
    admit.head.local_free = target.provider->free;
    admit.head.own_credential = bound.own_credential;
    admit.client_address = call.client_address;
    admit.user_agent = head.find("user-agent").substr(0, 200);
    return admit;
}

// What earlier attempts took is not there any more.
http::ExchangeTimeouts timeouts(const PreparedCall& call, bool others_follow, MonoTime now) {
    const core::Limits& limits = call.policy->limits;
    const std::int64_t first_byte = others_follow && call.plan.first_byte_timeout_ms != 0
                                        ? call.plan.first_byte_timeout_ms
                                        : limits.first_byte_timeout_ms;
    const Duration left = call.started + milliseconds{limits.total_timeout_ms} - now;
    return {.write = milliseconds{limits.idle_timeout_ms},
            .first_byte = milliseconds{first_byte},
            .idle = milliseconds{limits.idle_timeout_ms},
            .total = std::max<Duration>(left, milliseconds{1})};
}

AttemptOutcome failed(Error error, bool stale = false) {
    AttemptOutcome outcome;
    outcome.admitted = true;
    const core::Trouble trouble = provider::trouble_of_error(error.code());
    if (trouble != core::Trouble::none) outcome.sighting = core::Sighting{.trouble = trouble};
    outcome.error = std::move(error);
    outcome.stale = stale;
    return outcome;
}

AttemptOutcome refused(Error error) {
    AttemptOutcome outcome;
    outcome.error = std::move(error);
    return outcome;
}

AttemptOutcome answered_call(bool keep_alive) {
    AttemptOutcome outcome;
    outcome.admitted = true;
    outcome.answered = true;
    outcome.keep_alive = keep_alive;
    return outcome;
}

ledger::Outcome failure(ledger::Outcome outcome, const Error& error) {
    outcome.has_error = true;
    outcome.error = error.code();
    outcome.error_text = error.message();
    outcome.http_status = error.info().http_status;
    return outcome;
}

// The name under which the provider can be asked about this answer.
void note_answer(ledger::Outcome& outcome, const codec::ResponseHead& head) {
    outcome.provider_status = head.status;
    for (std::string_view name : {"x-request-id", "request-id"}) {
        if (auto id = head.find(name); !id.empty()) outcome.provider_request_id = id.substr(0, 128);
    }
}

void note_maximum(ledger::Outcome& outcome, CallNotes& notes, const OutgoingBody& body) {
    notes.max_output.clear();
    if (!body.told_maximum()) return;
    std::string tokens = std::to_string(body.told_maximum()->tokens);
    bool lowered = body.told_maximum()->lowered;
    outcome.notes.push_back((lowered ? "max output lowered to " : "max output set to ") + tokens);
    notes.max_output = tokens + (lowered ? "; clamped" : "; default");
}

void note_input(ledger::Outcome& outcome, InputBasis basis) {
    if (basis == InputBasis::earlier_call) {
        outcome.notes.emplace_back("input bounded by what an earlier call was billed");
    } else if (basis == InputBasis::count) {
        outcome.notes.emplace_back("input counted by the provider beforehand");
    } else if (basis == InputBasis::vocabulary) {
        outcome.notes.emplace_back("input counted by the model's vocabulary");
    }
}

// What an attempt needs once it was admitted; kept together so that the road reads in one piece.
struct Dispatch {
    Road& road;
    http::ServerConnection& client;
    const PreparedCall& call;
    const core::Target& target;
    Hold& hold;
    CallNotes& notes;
    const Bound& bound;
    bool fresh = false;
    bool others_follow = false;
};

std::string upstream_head(const Dispatch& d, std::size_t body_bytes) {
    std::string head;
    head.reserve(1024);
    const auto& client_head = d.client.head();
    append_upstream_head(head, client_head,
                         {.method = client_head.method,
                          .provider = d.target.provider,
                          .key = d.target.key,
                          .path = d.call.endpoint.upstream_path,
                          .query = d.call.arrival.query,
                          .own_credential = d.call.arrival.own_credential,
                          .has_body = client_head.method == "POST",
                          .body_bytes = body_bytes});
    return head;
}

// No head came, or none was waited for. What the provider may have worked on may be billed.
AttemptOutcome end_without_answer(const http::UpstreamExchange& exchange, Hold& hold,
                                  ledger::Outcome outcome, const Error& error) {
    bool stale =
        exchange.reused() && !exchange.answer_begun() && error.code() == ErrorCode::provider_reset;
    AttemptOutcome lost = failed(error, stale);
    lost.counted = exchange.may_have_worked();
    outcome.client_gone = error.code() == ErrorCode::client_gone;
    auto ended = failure(std::move(outcome), error);
    if (lost.counted) {
        hold.unknown({}, std::move(ended));
    } else {
        hold.release(std::move(ended));
    }
    return lost;
}

// An operator's word against such a call, as it stands now.
std::optional<Error> stopped(const Road& road, const PreparedCall& call,
                             const core::Target& target) {
    const core::StopRule* stop =
        core::stopped_by(road.policy->stops, call.attribution, target.provider->name, target.model);
    if (stop == nullptr) return std::nullopt;
    return Error{ErrorCode::stopped, core::stop_message(*stop)};
}

runtime::Task<AttemptOutcome> dispatch(Dispatch d) {
    const core::Limits& limits = d.call.policy->limits;
    const auto& provider = *d.target.provider;
    runtime::Address address{provider.host, provider.port, provider.tls, provider.verify_tls,
                             provider.ca_file};
    ledger::Outcome outcome;
    outcome.request_bytes = static_cast<std::int64_t>(d.call.body.size());
    MonoTime begun = d.road.clock.mono_now();
    milliseconds connect_timeout{limits.connect_timeout_ms};
    auto connection = d.fresh ? co_await d.road.pool.dial(address, connect_timeout)
                              : co_await d.road.pool.acquire(address, connect_timeout);
    if (!connection) {
        d.hold.release(failure(std::move(outcome), connection.error()));
        co_return failed(connection.error());
    }
    if (d.client.stream().peer_gone()) {
        // It left before its call cost anything.
        d.road.pool.give_back(address, std::move(*connection));
        outcome.client_gone = true;
        d.hold.release(failure(std::move(outcome), Error{ErrorCode::client_gone}));
        co_return answered_call(false);
    }
    if (auto stop = stopped(d.road, d.call, d.target)) {  // while the connection was made
        d.road.pool.give_back(address, std::move(*connection));
        d.hold.release(failure(std::move(outcome), *stop));
        co_return failed(*stop);
    }
    http::UpstreamExchange exchange(d.road.pool, address, std::move(*connection),
                                    timeouts(d.call, d.others_follow, d.road.clock.mono_now()));
    LiveCalls::Entry live{d.road.live,    d.call.attribution, provider.name,
                          d.target.model, exchange,           d.client.stream()};
    OutgoingBody body(d.call, d.target, d.bound, is_held_by_cost(d.hold.parts(), d.bound));
    note_maximum(outcome, d.notes, body);
    note_input(outcome, d.bound.input_basis);
    for (std::string& choice : d.notes.choices) outcome.notes.push_back(std::move(choice));
    d.notes.choices.clear();
    for (const std::string& rule : d.notes.observed) {
        outcome.notes.push_back("access rule " + rule + " would have refused it, were it applied");
    }
    std::string head = upstream_head(d, body.bytes().size());
    if (auto marked = d.hold.mark_dispatched(); !marked) {
        d.hold.release(failure(std::move(outcome), marked.error()));
        co_return failed(marked.error());
    }
    MonoTime sent = d.road.clock.mono_now();
    outcome.connect_us = microseconds(sent - begun);
    exchange.watch(d.client.stream());
    auto written = co_await exchange.send(head, body.bytes());
    if (!written) {
        co_return end_without_answer(exchange, d.hold, std::move(outcome), written.error());
    }
    body.forget();
    std::string{}.swap(head);
    auto meter = provider::make_meter(d.call.endpoint.endpoint, provider.quirks, d.call.shape);
    RelayContext context{
        .road = d.road,
        .client = d.client,
        .call = d.call,
        .target = d.target,
        .exchange = exchange,
        .meter = *meter,
        .hold = d.hold,
        .notes = d.notes,
        .outcome = outcome,
        .strip_injected_usage = body.injected_usage() && !d.call.arrival.include_cost,
        .client_minor_1 = d.client.head().minor == 1,
        .client_keep_alive = d.client.head().keep_alive,
        .others_follow = d.others_follow};
    auto answered = co_await exchange.read_head(false);
    if (!answered && answered.error().code() == ErrorCode::client_gone) {
        client_left(context);
        co_await drain_answer(context);
        co_return answered_call(false);
    }
    outcome.first_byte_us = microseconds(d.road.clock.mono_now() - sent);
    if (!answered) {
        co_return end_without_answer(exchange, d.hold, std::move(outcome), answered.error());
    }
    note_answer(outcome, exchange.head());
    core::Sighting sighting{.first_byte = d.road.clock.mono_now() - sent,
                            .quota = provider::quota(exchange.head())};
    if (exchange.head().status >= 400) {
        sighting.retry_after = provider::retry_after(exchange.head(), d.road.clock.unix_now());
    }
    Relayed relayed = co_await relay_answer(context);
    sighting.trouble = relayed.trouble;
    AttemptOutcome done = answered_call(relayed.keep_alive);
    done.answered = relayed.answered;
    done.counted = !context.released;
    done.error = std::move(relayed.error);
    done.held = std::move(relayed.held);
    done.sighting = std::move(sighting);
    co_return done;
}

}  // namespace

void record_refusal(Road& road, const PreparedCall& call, const codec::RequestHead& head,
                    const Error& error, int http_status, const CallNotes* notes) {
    ledger::RefusalRecord refusal;
    refusal.head.id = {call.id, 0};
    refusal.head.admitted_at = road.treasury.now();
    refusal.head.endpoint = call.endpoint.endpoint;
    refusal.head.stream = call.shape.stream;
    refusal.head.attribution = call.attribution;
    refusal.head.asked_model = call.shape.model;
    const bool was_asked = notes != nullptr && notes->target != nullptr;
    if (was_asked || !call.plan.targets.empty()) {
        const core::Target& target = was_asked ? *notes->target : call.plan.targets.front();
        refusal.head.provider = target.provider->name;
        refusal.head.model = target.model;
        refusal.head.price_id = target.price_id;
    }
    refusal.at = refusal.head.admitted_at;
    refusal.error = error.code();
    refusal.message = error.message();
    refusal.http_status = http_status;
    refusal.client_address = call.client_address;
    refusal.user_agent = head.find("user-agent").substr(0, 200);
    if (notes != nullptr) {
        refusal.sequence = notes->decision.sequence;
        refusal.parts = notes->decision.parts;
    }
    if (notes != nullptr && notes->bound) {
        const core::Quote& quote = notes->bound->quote;
        refusal.bound = quote.bound;
        refusal.input_bound = quote.input_bound;
        refusal.max_output = quote.max_output;
    }
    // A refusal that cannot be written costs nobody money; the caller's answer stands.
    (void)road.journal.append(ledger::Record{std::move(refusal)});
}

namespace {

// Apart from the coroutine, so that what an admission needs does not stay in the frame of a stream.
Result<> bound_call(const PreparedCall& call, const core::Target& target,
                    const std::optional<core::KnownInput>& known, CallNotes& notes) {
    auto bound = bound_attempt(call, target, known ? &*known : nullptr);
    if (!bound) return std::unexpected(bound.error());
    notes.bound = std::move(*bound);
    return {};
}

enum class Output : std::uint8_t { whole, may_be_less };

Result<Hold> admit(Road& road, const codec::RequestHead& head, const PreparedCall& call,
                   const AttemptInput& input, CallNotes& notes, Output output = Output::may_be_less,
                   std::uint64_t ticket = 0) {
    const core::Target& target = *input.target;
    Bound& bound = *notes.bound;
    auto draft = draft_admit(road, call, head, target, bound, input.ordinal);
    notes.decision = {};
    if (is_free(call)) return Hold::admit_free(road, std::move(draft), call.policy->prices);
    const auto room =
        output == Output::may_be_less ? output_room(call, target, bound) : std::nullopt;
    const core::ReserveRequest request{
        .attribution = &call.attribution,
        .provider = target.provider->name,
        .model = target.model,
        .environment_is_lenient = core::environment_is_lenient(*call.policy, call.attribution),
        .usd_bound = bound.quote.bound,
        .token_bound = bound.quote.token_bound,
        .room = room ? &*room : nullptr,
        .ticket = ticket,
        .first_attempt = input.counts_call,
        .observe = call.policy->is_observing(draft.head.admitted_at),
        .fingerprint = call.fingerprint,
        .now = draft.head.admitted_at};
    return Hold::admit(road, std::move(draft), bound, request, call.policy->prices, notes.decision,
                       notes.rates);
}

// Its place in line is given up with it.
class Ticket {
 public:
    explicit Ticket(Treasury& treasury) : treasury_(treasury), number_(treasury.next_ticket()) {}
    Ticket(const Ticket&) = delete;
    ~Ticket() { treasury_.give_up(number_); }
    std::uint64_t number() const { return number_; }
    bool may_try() { return treasury_.may_try(number_, seen_); }

 private:
    Treasury& treasury_;
    std::uint64_t number_;
    std::uint64_t seen_ = 0;
};

bool is_busy(const Result<Hold>& hold) {
    return !hold && hold.error().code() == ErrorCode::budget_busy;
}

// What fits as soon as others give back what they hold is worth waiting for, where the operator
// says so.
runtime::Task<Result<Hold>> admit_or_wait(Road& road, http::ServerConnection& client,
                                          const PreparedCall& call, const AttemptInput& input,
                                          CallNotes& notes) {
    constexpr Duration kLookEvery = milliseconds{10};
    auto at_once = admit(road, client.head(), call, input, notes);
    if (!is_busy(at_once) || call.policy->limits.busy_wait_ms == 0) co_return at_once;
    Ticket ticket{road.treasury};
    const MonoTime until = road.clock.mono_now() + milliseconds{call.policy->limits.busy_wait_ms};
    for (;;) {
        if (ticket.may_try()) {
            auto hold = admit(road, client.head(), call, input, notes, Output::may_be_less,
                              ticket.number());
            if (!is_busy(hold)) co_return hold;
        }
        if (client.stream().peer_gone()) co_return fail(ErrorCode::client_gone);
        if (road.draining || road.clock.mono_now() >= until) co_return fail(ErrorCode::budget_busy);
        co_await road.net.sleep(kLookEvery);
        if (auto stop = stopped(road, call, *input.target)) co_return std::unexpected(*stop);
    }
}

// Before a call is refused or shortened for its size, its provider is asked how large it is.
runtime::Task<Result<Hold>> admit_by_count(Road& road, http::ServerConnection& client,
                                           const PreparedCall& call, const AttemptInput& input,
                                           CallNotes& notes) {
    auto whole = admit(road, client.head(), call, input, notes, Output::whole);
    const ErrorCode why = whole ? ErrorCode::internal : whole.error().code();
    const bool too_much =
        why == ErrorCode::budget_exhausted || why == ErrorCode::call_exceeds_budget;
    if (!too_much && why != ErrorCode::budget_busy) co_return whole;
    if (too_much && is_worth_counting(road, call, *input.target, *notes.bound, notes.decision)) {
        auto counted = co_await count_input(road, client, call, *input.target);
        if (client.stream().peer_gone()) co_return fail(ErrorCode::client_gone);
        if (auto stop = stopped(road, call, *input.target)) co_return std::unexpected(*stop);
        if (counted) {
            auto bound = bound_call(call, *input.target, counted, notes);
            if (!bound) co_return std::unexpected(bound.error());
        }
    }
    co_return co_await admit_or_wait(road, client, call, input, notes);
}

}  // namespace

runtime::Task<AttemptOutcome> attempt(Road& road, http::ServerConnection& client,
                                      const PreparedCall& call, AttemptInput input,
                                      CallNotes& notes) {
    const core::Target& target = *input.target;
    notes.target = &target;
    notes.observed.clear();
    if (auto may = check_access(road, call, &target, notes.observed); !may) {
        co_return refused(may.error());
    }
    if (auto stop = stopped(road, call, target)) co_return refused(*stop);
    // What was counted before was counted by the first target.
    const bool is_first = &target == call.plan.targets.data();
    if (auto bound = bound_call(call, target, is_first ? call.known : std::nullopt, notes);
        !bound) {
        co_return refused(bound.error());
    }
    auto hold = co_await admit_by_count(road, client, call, input, notes);
    if (!hold) co_return refused(hold.error());
    ++notes.attempts;
    co_return co_await dispatch({.road = road,
                                 .client = client,
                                 .call = call,
                                 .target = target,
                                 .hold = *hold,
                                 .notes = notes,
                                 .bound = *notes.bound,
                                 .fresh = input.fresh_connection,
                                 .others_follow = input.others_follow});
}

}  // namespace weir::gateway
