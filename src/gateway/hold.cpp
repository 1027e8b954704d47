#include "gateway/hold.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace weir::gateway {
namespace {

ErrorCode refusal_code(core::VerdictKind kind) {
    switch (kind) {
        case core::VerdictKind::busy:
            return ErrorCode::budget_busy;
        case core::VerdictKind::exhausted:
            return ErrorCode::budget_exhausted;
        case core::VerdictKind::too_large:
            return ErrorCode::call_exceeds_budget;
        case core::VerdictKind::admitted:
            break;
    }
    return ErrorCode::internal;
}

// The bill of a caller's own login is another's to pay: at list value, and no cost of ours.
Money our_cost(const ledger::AttemptHead& head, const core::Bill& bill) {
    return head.own_credential ? Money{} : bill.total;
}

// "Rate limit interns (research): 60 requests a minute. Try again in 3.2 s."
std::string rate_text(const core::RateVerdict& rates) {
    const core::RateStanding& limit = *rates.refused;
    std::string scope = limit.instance.empty() ? "" : fmt::format(" ({})", limit.instance);
    if (limit.unit == core::RateUnit::parallel) {
        return fmt::format("Rate limit {}{}: {} calls at once. Try again when one has ended.",
                           limit.limit, scope, limit.amount);
    }
    double seconds = std::chrono::duration<double>(rates.retry_after).count();
    return fmt::format("Rate limit {}{}: {} {} a minute. Try again in {:.1f} s.", limit.limit,
                       scope, limit.amount, core::rate_unit_name(limit.unit),
                       std::max(std::ceil(seconds * 10) / 10, 0.1));
}

// The output of a call of one answer; nullopt where a length would teach nothing.
std::optional<std::int64_t> answer_length(const core::Usage& usage) {
    if (!usage.is_exact() || usage.lines.size() != 1) return std::nullopt;
    std::int64_t output = usage.lines.front().output_total();
    return output > 0 ? std::optional{output} : std::nullopt;
}

std::int64_t tokens_of(const core::Usage& usage) {
    std::int64_t sum = 0;
    for (const auto& line : usage.lines) sum += line.input_total() + line.output_total();
    return sum;
}

}  // namespace

Result<Hold> Hold::admit(Road& road, ledger::AdmitRecord draft, Bound& bound,
                         const core::ReserveRequest& request,
                         std::shared_ptr<const core::PriceBook> book, core::Verdict& verdict,
                         core::RateVerdict& rates) {
    road.unsynced.retry();
    core::RateTicket ticket;
    if (auto reserved = road.treasury.reserve(request, verdict, rates, ticket); !reserved) {
        return std::unexpected(reserved.error());
    }
    if (rates.refused) return fail(ErrorCode::rate_limited, rate_text(rates));
    if (verdict.kind != core::VerdictKind::admitted) return fail(refusal_code(verdict.kind));
    if (const Error* why = unbounded_under(verdict.parts, bound)) {
        road.treasury.undo(verdict.parts, ticket);
        return std::unexpected(*why);
    }
    if (verdict.clamped_to) bound.clamp(*verdict.clamped_to);
    draft.sequence = verdict.sequence;
    draft.bound = bound.quote.bound;
    draft.input_bound = bound.quote.input_bound;
    draft.max_output = bound.quote.max_output;
    draft.parts = verdict.parts;
    return write_admit(road, std::move(draft), std::move(book), std::move(ticket),
                       bound.quote.token_bound);
}

Result<Hold> Hold::admit_free(Road& road, ledger::AdmitRecord draft,
                              std::shared_ptr<const core::PriceBook> book) {
    return write_admit(road, std::move(draft), std::move(book), {}, 0);
}

Result<Hold> Hold::write_admit(Road& road, ledger::AdmitRecord admit,
                               std::shared_ptr<const core::PriceBook> book, core::RateTicket ticket,
                               std::int64_t token_bound) {
    auto record = std::make_unique<ledger::Record>(std::move(admit));
    auto written = road.journal.append(*record);
    if (!written) {
        road.treasury.undo(std::get<ledger::AdmitRecord>(*record).parts, ticket);
        return fail(ErrorCode::ledger_unavailable, {}, written.error().detail());
    }
    Hold hold{road, std::move(record), std::move(book), std::move(ticket), token_bound};
    if (road.durability == Durability::sync) written = road.journal.sync();
    if (!written) {
        // It stands in the journal, so it must end there too.
        Error error{ErrorCode::ledger_unavailable, {}, written.error().detail()};
        ledger::Outcome outcome;
        outcome.has_error = true;
        outcome.error = error.code();
        outcome.error_text = error.message();
        hold.release(std::move(outcome));
        return std::unexpected(std::move(error));
    }
    ++road.counters.attempts;
    return hold;
}

Hold::~Hold() {
    if (road_ == nullptr) return;
    ledger::Outcome outcome;
    outcome.has_error = true;
    outcome.error = dispatched_ ? ErrorCode::internal : ErrorCode::shutting_down;
    outcome.error_text = "the attempt was dropped before its end";
    end(dispatched_ ? ledger::EndState::unknown : ledger::EndState::released, {},
        std::move(outcome));
}

Result<> Hold::mark_dispatched() {
    auto written =
        road_->journal.append(ledger::DispatchedRecord{admitted().head.id, road_->treasury.now()});
    marked_ = written.has_value();
    if (written && road_->durability == Durability::sync) written = road_->journal.sync();
    if (!written) return fail(ErrorCode::ledger_unavailable, {}, written.error().detail());
    dispatched_ = true;
    return {};
}

core::Bill Hold::bill_of(const core::Usage& usage) const {
    const ledger::AttemptHead& head = admitted().head;
    if (head.local_free) return {};
    return core::rate(*book_, head.price_vendor, head.model, usage, head.admitted_at);
}

std::optional<Money> Hold::cost_of(const core::Usage& usage) const {
    core::Bill bill = bill_of(usage);
    if (bill.unpriced) return std::nullopt;
    return our_cost(head(), bill);
}

void Hold::release(ledger::Outcome outcome) {
    end(ledger::EndState::released, {}, std::move(outcome));
}

Settlement Hold::settle(core::Usage usage, ledger::Outcome outcome) {
    return end(ledger::EndState::settled, std::move(usage), std::move(outcome));
}

Settlement Hold::unknown(core::Usage usage, ledger::Outcome outcome) {
    return end(ledger::EndState::unknown, std::move(usage), std::move(outcome));
}

Settlement Hold::end(ledger::EndState state, core::Usage usage, ledger::Outcome outcome) {
    Road& road = *std::exchange(road_, nullptr);
    auto& admit = std::get<ledger::AdmitRecord>(*record_);
    ledger::Record record{std::in_place_type<ledger::EndRecord>};
    auto& end = std::get<ledger::EndRecord>(record);
    end.state = state;
    end.at = road.treasury.now();
    end.bound = admit.bound;
    bool counts = state != ledger::EndState::released;
    if (counts) end.bill = bill_of(usage);
    bool proven = state == ledger::EndState::settled && usage.is_exact() && !end.bill.unpriced;
    if (usage.completeness == core::Completeness::none && state == ledger::EndState::settled) {
        proven = true;  // a free endpoint, or an answer that is known to bill nothing
    }
    end.cost = our_cost(admit.head, end.bill);
    end.charge = proven || !counts ? end.cost : std::max(end.cost, admit.bound);
    end.charge_tokens = tokens_of(usage);
    // Tokens that were counted are proven, priced or not.
    if (state == ledger::EndState::unknown && !usage.is_exact()) {
        end.charge_tokens = std::max(end.charge_tokens, token_bound_);
    }
    if (end.charge > admit.bound) end.overrun = end.charge - admit.bound;
    end.usage = std::move(usage);
    end.outcome = std::move(outcome);
    end.head = std::move(admit.head);
    end.parts = std::move(admit.parts);
    if (state == ledger::EndState::unknown) ++road.counters.unknown;

    road.treasury.leave(ticket_, end.charge_tokens);
    if (auto length =
            state == ledger::EndState::settled ? answer_length(end.usage) : std::nullopt) {
        bool cut = *length >= admit.max_output;
        road.treasury.learn(end.head.model, end.head.attribution, *length, cut);
    }

    Settlement settlement{end.cost, end.charge, end.bill.unpriced};
    const bool delivered = !end.outcome.has_error || end.outcome.client_gone;
    core::SettleAmounts amounts{end.charge, end.charge_tokens, delivered};
    auto written = road.journal.append(record);
    // What no mark stands for is released by any recovery, with its end or without.
    bool must_last = marked_ && road.durability == Durability::sync;
    if (written && must_last) {
        written = road.journal.sync();
        if (!written) {
            spdlog::error(
                "ledger: the end of {} could not be synced, its hold stays until it is: {}",
                end.head.id.text(), written.error().detail());
            road.unsynced.add(std::move(record), amounts, counts);
            return settlement;
        }
    }
    if (!written) {
        // Money is freed only by what is written: the hold stays until a restart ends it.
        ++road.counters.unledgered_ends;
        spdlog::error("ledger: the end of {} could not be written, its hold stays: {}",
                      end.head.id.text(), written.error().detail());
        return settlement;
    }
    if (counts) {
        road.treasury.settle(end.parts, amounts);
    } else {
        road.treasury.release(end.parts);
    }
    if (!end.overrun.is_zero()) {
        spdlog::warn("ledger: {} was billed ${} above its bound", end.head.id.text(),
                     end.overrun.to_usd());
    }
    return settlement;
}

}  // namespace weir::gateway
