#include "ledger/fold.h"

#include <algorithm>
#include <tuple>
#include <type_traits>
#include <xxhash.h>

namespace weir::ledger {
namespace {

std::pair<std::uint64_t, std::uint64_t> digest_of(const Record& record) {
    std::string bytes;
    encode(record, bytes);
    XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
    return {hash.high64, hash.low64};
}

Int128 part_of(EndState state, Money charge, std::int64_t tokens, const core::HoldPart& part) {
    if (state == EndState::released) return 0;
    switch (part.unit) {
        case core::BudgetUnit::usd:
            return charge.pico();
        case core::BudgetUnit::tokens:
            return tokens;
        default:
            return part.held;
    }
}

}  // namespace

Int128 settled_part(const EndRecord& end, const core::HoldPart& part) {
    return part_of(end.state, end.charge, end.charge_tokens, part);
}

Int128 corrected_part(const CorrectionRecord& correction, const core::HoldPart& part) {
    switch (part.unit) {
        case core::BudgetUnit::usd:
            return correction.charge_delta.pico();
        case core::BudgetUnit::tokens:
            return correction.token_delta;
        default:
            return 0;
    }
}

Balance& Fold::balance_of(const core::HoldPart& part) {
    return balances_[{part.budget_id, part.instance, part.window.start, part.window.end}];
}

void Fold::apply(const Attempt& attempt, int sign) {
    if (!attempt.end) {
        if (!attempt.admit) return;
        for (const core::HoldPart& part : attempt.admit->parts) {
            balance_of(part).held += sign * part.held;
        }
        return;
    }
    const Ended& end = *attempt.end;
    for (const core::HoldPart& part : end.parts) {
        Balance& balance = balance_of(part);
        Int128 charge = part_of(end.state, end.charge, end.charge_tokens, part);
        balance.settled += sign * charge;
        balance.overrun += sign * std::max<Int128>(charge - part.held, 0);
        for (const auto& [digest, correction] : attempt.corrections) {
            balance.settled += sign * corrected_part(correction, part);
        }
    }
}

void Fold::add_admit(const AdmitRecord& r) {
    see(r.head.admitted_at);
    last_sequence_ = std::max(last_sequence_, r.sequence);
    Attempt& attempt = attempts_[r.head.id];
    if (attempt.admitted) return;
    attempt.admitted = true;
    if (attempt.end) return;
    attempt.admit = r;
    apply(attempt, +1);
}

void Fold::add_end(const EndRecord& r, const Record& whole) {
    see(r.at);
    see(r.head.admitted_at);
    Ended end{r.state, r.at, r.charge, r.charge_tokens, r.parts, digest_of(whole)};
    auto order = [](const Ended& e) {
        return std::tuple(e.at, e.state, e.charge, e.charge_tokens, e.digest);
    };
    Attempt& attempt = attempts_[r.head.id];
    Digest loser = end.digest;
    if (attempt.end) {
        if (attempt.end->digest == end.digest) return;
        if (order(end) < order(*attempt.end)) loser = attempt.end->digest;
        if (std::ranges::find(attempt.other_ends, loser) == attempt.other_ends.end()) {
            attempt.other_ends.push_back(loser);
        }
        if (loser == end.digest) return;
    }
    apply(attempt, -1);
    attempt.end = std::move(end);
    attempt.admit.reset();
    apply(attempt, +1);
}

void Fold::add_correction(const CorrectionRecord& r, const Record& whole) {
    see(r.at);
    Digest digest = digest_of(whole);
    Attempt& attempt = attempts_[r.id];
    for (const auto& [known, correction] : attempt.corrections) {
        if (known == digest) return;
    }
    apply(attempt, -1);
    attempt.corrections.emplace_back(digest, r);
    apply(attempt, +1);
}

void Fold::add(const Record& record) {
    if (const auto* admit = std::get_if<AdmitRecord>(&record)) return add_admit(*admit);
    if (const auto* end = std::get_if<EndRecord>(&record)) return add_end(*end, record);
    if (const auto* change = std::get_if<CorrectionRecord>(&record)) {
        return add_correction(*change, record);
    }
    if (const auto* mark = std::get_if<DispatchedRecord>(&record)) {
        see(mark->at);
        attempts_[mark->id].dispatched = true;
        return;
    }
    const auto& refusal = std::get<RefusalRecord>(record);
    see(refusal.at);
    see(refusal.head.admitted_at);
    last_sequence_ = std::max(last_sequence_, refusal.sequence);
    auto& known = refusals_[refusal.head.id.call];
    Digest digest = digest_of(record);
    if (std::ranges::find(known, digest) == known.end()) known.push_back(digest);
}

std::vector<Fold::OpenHold> Fold::open_holds() const {
    std::vector<OpenHold> open;
    for (const auto& [id, attempt] : attempts_) {
        if (attempt.admit && !attempt.end) open.push_back({*attempt.admit, attempt.dispatched});
    }
    std::ranges::sort(open, {}, [](const OpenHold& hold) { return hold.admit.head.id; });
    return open;
}

Fold::Counts Fold::counts() const {
    Counts counts;
    for (const auto& [id, attempt] : attempts_) {
        counts.admitted += attempt.admitted ? 1 : 0;
        counts.dispatched += attempt.dispatched ? 1 : 0;
        counts.ended += attempt.end ? 1 : 0;
        counts.duplicate_ends += attempt.other_ends.size();
        counts.ends_without_admit += attempt.end && !attempt.admitted ? 1 : 0;
        counts.dispatched_only += attempt.dispatched && !attempt.admitted && !attempt.end ? 1 : 0;
        counts.corrections += attempt.corrections.size();
        if (!attempt.end) counts.corrections_without_end += attempt.corrections.size();
    }
    for (const auto& [call, known] : refusals_) counts.refusals += known.size();
    return counts;
}

bool Fold::has_ended(const AttemptId& id) const {
    auto it = attempts_.find(id);
    return it != attempts_.end() && it->second.end.has_value();
}

}  // namespace weir::ledger
