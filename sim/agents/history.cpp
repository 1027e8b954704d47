#include "sim/agents/history.h"

#include <algorithm>
#include <coroutine>
#include <queue>

#include "core/attribute.h"
#include "core/identify.h"
#include "core/route.h"
#include "ledger/fold.h"
#include "sim/agents/office.h"
#include "sim/agents/past_provider.h"

namespace weir::agents {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

std::int64_t micros(Duration d) { return d.count() / 1'000; }

std::int64_t tokens_of(const core::Usage& usage) {
    std::int64_t sum = 0;
    for (const auto& line : usage.lines) sum += line.input_total() + line.output_total();
    return sum;
}

core::CallShape shape_of(const Ask& ask) {
    core::CallShape shape;
    shape.endpoint = ask.endpoint;
    shape.model = ask.model;
    shape.stream = ask.stream;
    if (ask.conversation != nullptr) shape.max_output = ask.max_output;
    shape.wants_cache = ask.endpoint == core::Endpoint::messages;
    shape.structured_output = ask.structured;
    shape.inputs = std::max<std::int64_t>(1, static_cast<std::int64_t>(ask.inputs.size()));
    return shape;
}

// A call on its way: what the road calls PreparedCall, without a connection.
struct PastCall {
    const Ask& ask;
    core::CallShape shape;
    core::Plan plan{};
    core::Quote quote{};
    core::Verdict verdict{};
    ledger::AttemptHead head{};
};

class History final : public Wire {
 public:
    explicit History(const HistoryOptions& options)
        : options_(options),
          policy_(*options.policy),
          provider_(options.seed ^ 0x5eed),
          dice_(options.seed ^ 0xd1ce) {
        for (const auto& [id, key] : policy_.keys) keys_[key.name] = &key;
        budgets_.define(policy_.budgets);
        clock_now(options.from);
    }

    Result<HistoryCounts> run();

    runtime::Task<Reply> send(const Ask& ask) override;
    runtime::Task<void> pause(Duration d) override { co_await at(now_ + d); }
    UnixTime now() const override { return now_; }

 private:
    // What happens at one instant, in the order in which it was asked for.
    struct Event {
        UnixTime at;
        std::uint64_t order;
        std::coroutine_handle<> resumes;
        bool operator>(const Event& o) const {
            return std::tie(at, order) > std::tie(o.at, o.order);
        }
    };
    struct At {
        History& history;
        UnixTime instant;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> handle) const {
            history.events_.push({instant, ++history.orders_, handle});
        }
        void await_resume() const noexcept {}
    };
    At at(UnixTime instant) { return {*this, instant}; }
    At never() { return at({options_.until.ns + 1}); }

    void clock_now(UnixTime t) {
        now_ = t;
        options_.clock->set(t);
    }
    void write(const ledger::Record& record);

    Result<> decide(PastCall& call);
    Reply refuse(PastCall& call, const Error& error);
    void admit(const PastCall& call);
    ledger::EndRecord end_of(const PastCall& call, const PastAnswer& answer) const;
    void settle(const ledger::EndRecord& end);
    runtime::Task<void> prove_later(ledger::EndRecord end, core::Usage billed);

    const HistoryOptions& options_;
    const core::Policy& policy_;
    core::Budgets budgets_;
    PastProvider provider_;
    SeededRng dice_;
    std::map<std::string, const core::KeyRecord*, std::less<>> keys_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::uint64_t orders_ = 0;
    UnixTime now_;
    std::uint64_t calls_ = 0;
    HistoryCounts counts_;
    Result<> written_;
    runtime::TaskGroup proofs_;
};

void History::write(const ledger::Record& record) {
    if (written_) written_ = options_.journal->append(record);
}

// attribute → route → bound → reserve, as on the road. On error `call` holds what was known so far.
Result<> History::decide(PastCall& call) {
    const core::KeyRecord& key = *keys_.at(call.ask.key);
    Fields fields = label_fields(call.ask.labels);
    std::vector<core::HeaderView> headers(fields.begin(), fields.end());
    auto attributed = core::attribute({.policy = &policy_,
                                       .key = &key,
                                       .headers = headers,
                                       .url_tags = {},
                                       .shape = &call.shape});
    if (!attributed) return std::unexpected(attributed.error());
    call.head.attribution = std::move(*attributed);
    auto plan = core::route(policy_, call.shape, now_);
    if (!plan) return std::unexpected(plan.error());
    call.plan = std::move(*plan);
    const core::Target& target = call.plan.targets.front();
    call.head.provider = target.provider->name;
    call.head.model = target.model;
    call.head.price_id = target.price_id;
    call.head.price_vendor = target.provider->price_vendor;
    call.head.provisional_price = target.provisional;
    if (!core::name_allowed(key.models, call.shape.model) &&
        !core::name_allowed(key.models, target.model)) {
        return fail(ErrorCode::model_not_allowed);
    }
    constexpr std::int64_t kOverheadTokens = 1'024;
    auto quoted =
        core::quote(*target.price, {.shape = &call.shape,
                                    .input_tokens_bound = call.ask.bytes(),
                                    .images = call.shape.images,
                                    .default_max_output = policy_.limits.default_max_output,
                                    .overhead_tokens = kOverheadTokens});
    if (!quoted) return std::unexpected(quoted.error());
    call.quote = std::move(*quoted);
    core::ReserveRequest request;
    request.attribution = &call.head.attribution;
    request.provider = call.head.provider;
    request.model = call.head.model;
    request.environment_is_lenient = core::environment_is_lenient(policy_, call.head.attribution);
    request.usd_bound = call.quote.bound;
    request.token_bound = call.quote.token_bound;
    request.now = now_;
    if (auto reserved = budgets_.reserve(request, call.verdict); !reserved) return reserved;
    switch (call.verdict.kind) {
        case core::VerdictKind::admitted:
            return {};
        case core::VerdictKind::busy:
            return fail(ErrorCode::budget_busy);
        case core::VerdictKind::exhausted:
            return fail(ErrorCode::budget_exhausted);
        case core::VerdictKind::too_large:
            return fail(ErrorCode::call_exceeds_budget);
    }
    return fail(ErrorCode::internal);
}

Reply History::refuse(PastCall& call, const Error& error) {
    ++counts_.refusals;
    ledger::RefusalRecord refusal;
    refusal.head = call.head;
    refusal.head.id.ordinal = 0;
    refusal.sequence = call.verdict.sequence;
    refusal.at = now_;
    refusal.error = error.code();
    refusal.message = error.message();
    refusal.bound = call.quote.bound;
    refusal.input_bound = call.quote.input_bound;
    refusal.max_output = call.quote.max_output;
    refusal.parts = call.verdict.parts;
    refusal.http_status = error.info().http_status;
    refusal.client_address = "127.0.0.1";
    refusal.user_agent = call.ask.user_agent;
    Reply reply{.status = refusal.http_status, .error = std::string{error.info().name}};
    bool anthropic = call.ask.endpoint == core::Endpoint::messages;
    if (anthropic && error.code() == ErrorCode::budget_exhausted) {
        reply.status = refusal.http_status = 429;
        reply.error = "billing_error";
    }
    write(ledger::Record{std::move(refusal)});
    return reply;
}

void History::admit(const PastCall& call) {
    ledger::AdmitRecord admit;
    admit.head = call.head;
    admit.sequence = call.verdict.sequence;
    admit.bound = call.quote.bound;
    admit.input_bound = call.quote.input_bound;
    admit.max_output = call.quote.max_output;
    admit.parts = call.verdict.parts;
    admit.client_address = "127.0.0.1";
    admit.user_agent = call.ask.user_agent;
    write(ledger::Record{std::move(admit)});
    write(ledger::DispatchedRecord{call.head.id, now_ + microseconds{120 + dice_.below(400)}});
}

ledger::EndRecord History::end_of(const PastCall& call, const PastAnswer& answer) const {
    using Fate = PastAnswer::Fate;
    ledger::EndRecord end;
    end.head = call.head;
    end.at = now_;
    end.bound = call.quote.bound;
    end.parts = call.verdict.parts;
    end.usage = answer.seen;
    ledger::Outcome& outcome = end.outcome;
    outcome.http_status = outcome.provider_status = answer.status;
    outcome.connect_us = 40;
    outcome.first_byte_us = micros(answer.first_byte);
    outcome.total_us = micros(answer.total);
    outcome.request_bytes = call.ask.bytes();
    outcome.response_bytes = answer.bytes;
    outcome.chunks = answer.chunks;
    outcome.provider_request_id = answer.request_id;
    outcome.client_gone = answer.fate == Fate::client_left;
    if (call.ask.stream && call.ask.endpoint == core::Endpoint::chat_completions) {
        outcome.notes.emplace_back("injected include_usage");
    }
    bool failed = answer.fate == Fate::overloaded || answer.fate == Fate::cut_off;
    if (failed) {
        Error error{answer.fate == Fate::overloaded ? ErrorCode::provider_error
                                                    : ErrorCode::provider_reset};
        outcome.has_error = true;
        outcome.error = error.code();
        outcome.error_text = error.message();
    }
    if (answer.fate == Fate::overloaded) {
        end.state = ledger::EndState::released;
        return end;
    }
    end.bill = core::rate(*policy_.prices, end.head.price_vendor, end.head.model, end.usage,
                          end.head.admitted_at);
    end.cost = end.charge = end.bill.total;
    end.charge_tokens = tokens_of(end.usage);
    if (answer.fate == Fate::cut_off) {  // kept at its bound until proof
        end.state = ledger::EndState::unknown;
        end.charge = std::max(end.cost, end.bound);
        end.charge_tokens = std::max(end.charge_tokens, call.quote.token_bound);
    }
    if (end.charge > end.bound) end.overrun = end.charge - end.bound;
    return end;
}

void History::settle(const ledger::EndRecord& end) {
    if (end.state == ledger::EndState::released) {
        ++counts_.released;
        return budgets_.release(end.parts);
    }
    if (end.state == ledger::EndState::unknown) ++counts_.unknown;
    counts_.cost += end.cost;
    budgets_.settle(end.parts, {end.charge, end.charge_tokens});
}

// The provider's own list of requests says some days later what an unknown end really cost.
runtime::Task<void> History::prove_later(ledger::EndRecord end, core::Usage billed) {
    co_await at(now_ + hours{20 + dice_.below(60)});
    core::Bill bill = core::rate(*policy_.prices, end.head.price_vendor, end.head.model, billed,
                                 end.head.admitted_at);
    ledger::CorrectionRecord correction;
    correction.id = end.head.id;
    correction.at = now_;
    correction.cost_delta = bill.total - end.cost;
    correction.charge_delta = bill.total - end.charge;
    correction.token_delta = tokens_of(billed) - end.charge_tokens;
    correction.reason = "the provider's list of requests shows what it billed";
    correction.actor = "finance";
    for (const core::HoldPart& part : end.parts) {
        budgets_.correct(part.budget_id, part.instance, part.window,
                         ledger::corrected_part(correction, part));
    }
    ++counts_.corrections;
    counts_.cost += correction.cost_delta;
    write(ledger::Record{std::move(correction)});
}

runtime::Task<Reply> History::send(const Ask& ask) {
    PastCall call{.ask = ask, .shape = shape_of(ask)};
    call.head.id = {{options_.epoch, options_.worker, ++calls_}, 1};
    call.head.admitted_at = now_;
    call.head.endpoint = ask.endpoint;
    call.head.stream = ask.stream;
    call.head.asked_model = ask.model;
    call.head.book_hash = policy_.prices->hash();
    ++counts_.calls;
    auto decided = decide(call);
    if (!decided) {
        Reply reply = refuse(call, decided.error());
        co_await at(now_ + microseconds{300});
        co_return reply;
    }
    PastAnswer answer = provider_.answer(ask, call.head.model, now_);
    if (now_ + answer.total > options_.until) {
        // It would end after the past does: it was not begun.
        budgets_.release(call.verdict.parts);
        co_await never();
    }
    admit(call);
    co_await at(now_ + answer.total);
    ledger::EndRecord end = end_of(call, answer);
    settle(end);
    bool provable = end.state == ledger::EndState::unknown && dice_.below(2) == 0;
    if (provable) proofs_.spawn(prove_later(end, answer.usage));
    write(ledger::Record{std::move(end)});
    if (answer.fate == PastAnswer::Fate::whole) {
        co_return Reply{.status = 200, .messages = std::move(answer.messages)};
    }
    bool overloaded = answer.fate == PastAnswer::Fate::overloaded;
    co_return Reply{.status = overloaded ? answer.status : 0, .error = "overloaded"};
}

Result<HistoryCounts> History::run() {
    Office office{*this,
                  {.seed = options_.seed,
                   .ratchet_from = options_.from + (options_.until - options_.from) * 3 / 5}};
    office.open();
    // Synced at the end only: who loses power meanwhile begins anew.
    while (written_ && !events_.empty() && events_.top().at <= options_.until) {
        Event event = events_.top();
        events_.pop();
        clock_now(event.at);
        event.resumes.resume();
    }
    if (written_) written_ = options_.journal->housekeep();
    if (!written_) return std::unexpected(written_.error());
    counts_.figures = budgets_.figures(options_.until);
    return std::move(counts_);
}

}  // namespace

Result<HistoryCounts> write_history(const HistoryOptions& options) {
    History history{options};
    return history.run();
}

}  // namespace weir::agents
