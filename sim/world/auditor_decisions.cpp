// I1, I9, I11, I12, I13: each decision, by what the ledger knew when it was taken; and what was
// refused for good, asked for again.
#include <algorithm>
#include <fmt/format.h>
#include <tuple>

#include "sim/world/auditor.h"

namespace weir::world {
namespace {

constexpr std::size_t kRefusedMax = 8;

core::Attribution attribution_of(const core::KeyRecord& key) {
    core::Attribution a;
    a.offer(core::Dimension::team, key.team, core::Source::key);
    a.offer(core::Dimension::key, key.id, core::Source::key);
    return a;
}

bool is_lenient(const core::Policy& company, std::string_view environment) {
    auto at = std::ranges::find(company.environments, environment, &core::EnvironmentRecord::name);
    return at != company.environments.end() && at->lenient;
}

bool is_for_good(ErrorCode code) {
    return code == ErrorCode::budget_exhausted || code == ErrorCode::call_exceeds_budget;
}

const core::HoldPart* part_in(const std::vector<core::HoldPart>& parts, core::BudgetUnit unit) {
    auto at = std::ranges::find(parts, unit, &core::HoldPart::unit);
    return at == parts.end() ? nullptr : &*at;
}

bool same(const core::RateStanding& a, const core::RateStanding& b) {
    return a.limit == b.limit && a.instance == b.instance && a.unit == b.unit &&
           a.amount == b.amount && a.remaining == b.remaining && a.full_in == b.full_in;
}

bool is_same_end(const ledger::EndRecord& a, const ledger::EndRecord& b) {
    return std::tie(a.at, a.state, a.cost, a.charge, a.charge_tokens) ==
           std::tie(b.at, b.state, b.cost, b.charge, b.charge_tokens);
}

}  // namespace

void Auditor::note(const ledger::Record& record, bool live) {
    if (const auto* admit = std::get_if<ledger::AdmitRecord>(&record)) {
        see_admit(*admit, live);
    } else if (const auto* mark = std::get_if<ledger::DispatchedRecord>(&record)) {
        attempts_[mark->id].dispatched = true;
    } else if (const auto* end = std::get_if<ledger::EndRecord>(&record)) {
        see_end(*end);
    } else if (const auto* refusal = std::get_if<ledger::RefusalRecord>(&record)) {
        if (live) see_refusal(*refusal);
    } else {
        const auto& correction = std::get<ledger::CorrectionRecord>(record);
        Attempt& attempt = attempts_[correction.id];
        if (!attempt.corrections.empty()) return;  // one is all that operators make
        attempt.corrections.push_back(correction);
        if (!live || !attempt.end) return;
        for (const core::HoldPart& part : attempt.end->parts) {
            corrected_[key_of(part)] += ledger::corrected_part(correction, part);
        }
        refused_.clear();
    }
}

void Auditor::see_end(const ledger::EndRecord& end) {
    Attempt& attempt = attempts_[end.head.id];
    // One that could not be synced is written again, shorter where the journal has become full.
    if (attempt.end && !is_same_end(*attempt.end, end)) {
        find("I4: " + end.head.id.text() + " ended twice");
    }
    if (attempt.end && end.at >= attempt.end->at) return;  // as Fold takes them
    attempt.end = end;
    // I11: whatever the clock says by now, it ends in the windows that it was admitted in.
    bool same_windows = std::ranges::equal(
        end.parts, attempt.admit.parts, [](const core::HoldPart& a, const core::HoldPart& b) {
            return a.budget_id == b.budget_id && a.window == b.window && a.held == b.held;
        });
    if (attempt.admit.head.id == end.head.id && !same_windows) {
        find("I11: " + end.head.id.text() + " ends in other windows than it was admitted in");
    }
    if (auto ticket = tickets_.find(end.head.id); ticket != tickets_.end()) {
        rates_->leave(ticket->second, end.charge_tokens, end.at);
        tickets_.erase(ticket);
    }
}

void Auditor::see_admit(const ledger::AdmitRecord& admit, bool live) {
    attempts_[admit.head.id].admit = admit;
    by_mark_[admit.head.attribution.of(core::Dimension::goal)].push_back(admit.head.id);
    if (!admitted_.insert(admit.head.id).second) return;
    if (live) {
        ++decisions_;
        check_windows(admit);
        check_figures(admit.parts, false);
        enter_rates(admit);
    }
    Books journal = of_journal();
    for (const core::HoldPart& part : admit.parts) {
        if (part.held == 0) continue;
        Int128& ceiling = ceilings_[key_of(part)];
        if (!part.blocks) {
            ceiling += part.held;
            continue;
        }
        if (part.settled + part.others_held + part.held > part.amount) {
            find(fmt::format("I1: {} was admitted to budget {} '{}' with {} beside {}+{} of {}",
                             admit.head.id.text(), part.budget_id, part.instance,
                             to_string(part.held), to_string(part.settled),
                             to_string(part.others_held), to_string(part.amount)));
        }
        ceiling = part.amount;
        if (auto at = journal.find(key_of(part)); live && at != journal.end()) {
            ceiling -= at->second.overrun;
        }
    }
}

// I11: windows partition time, and those of a budget never go back.
void Auditor::check_windows(const ledger::AdmitRecord& admit) {
    for (const core::HoldPart& part : admit.parts) {
        auto spec = std::ranges::find(specs_, part.budget_id, &core::BudgetSpec::id);
        if (spec == specs_.end()) continue;
        auto at = [&spec](std::int64_t seconds) {
            return core::window_at(spec->window, UnixTime::from_seconds(seconds));
        };
        bool whole = at(part.window.start) == part.window &&
                     (spec->window == core::WindowKind::total ||
                      (at(part.window.end - 1) == part.window &&
                       at(part.window.end).start == part.window.end));
        if (!whole) find("I11: a window that is none of its budget's");
        auto [latest, is_first] = windows_.emplace(part.budget_id, part.window.start);
        if (part.window.start < latest->second) {
            find(fmt::format("I11: budget {} went back from the window of {} to that of {}",
                             spec->name, latest->second, part.window.start));
        }
        latest->second = part.window.start;
    }
}

// I13, and I7 for each decision: it saw what the ledger knew, whatever memory had dropped.
void Auditor::check_figures(const std::vector<core::HoldPart>& parts, bool is_refusal) {
    if (memory_lags_) return;
    const Books journal = of_journal();
    for (const core::HoldPart& part : parts) {
        // A balance that found no room: the call was refused before that came to be known.
        if (is_refusal && !part.refused && part.settled == 0 && part.others_held == 0) continue;
        Figures want;
        for (const Books* books : std::initializer_list<const Books*>{&journal, &base_}) {
            auto at = books->find(key_of(part));
            if (at == books->end()) continue;
            want.settled += at->second.settled;
            want.held += at->second.held;
        }
        if (part.settled == want.settled && part.others_held == want.held) continue;
        find(fmt::format("I13: budget {} '{}' was {} with {}+{} in it, the ledger says {}+{}",
                         part.budget_id, part.instance, is_refusal ? "refused" : "admitted",
                         to_string(part.settled), to_string(part.others_held),
                         to_string(want.settled), to_string(want.held)));
    }
}

// I12: what a refusal says of itself is so.
void Auditor::see_refusal(const ledger::RefusalRecord& refusal) {
    ++decisions_;
    if (refusal.error == ErrorCode::too_many_trajectories) ++overflows_;
    auto unspent = [](const core::HoldPart& part) {
        return part.amount - part.settled;
    };
    if (is_for_good(refusal.error)) {
        check_figures(refusal.parts, true);
        Refused refused{.record = refusal, .refusing = {}};
        bool is_so = false;
        for (const core::HoldPart& part : refusal.parts) {
            if (!part.refused || part.held <= unspent(part)) continue;
            is_so = true;
            // Of repeats only the latest 64 are remembered.
            if (part.unit != core::BudgetUnit::repeats) refused.refusing.push_back(part);
        }
        if (!is_so) find("I12: " + refusal.head.id.text() + " was exhausted, and fits");
        if (refused.refusing.empty()) return;
        if (refused_.size() >= kRefusedMax) refused_.erase(refused_.begin());
        refused_.push_back(std::move(refused));
    }
    if (refusal.error != ErrorCode::budget_busy) return;
    for (const core::HoldPart& part : refusal.parts) {
        auto spec = std::ranges::find(specs_, part.budget_id, &core::BudgetSpec::id);
        if (!part.refused || spec == specs_.end()) continue;
        const bool may_be_less = spec->clamp != core::Clamp::off && !core::counts_events(part.unit);
        if (may_be_less || part.held <= unspent(part)) continue;
        find(fmt::format("I12: {} was told busy by budget {}, and would never fit",
                         refusal.head.id.text(), spec->name));
    }
}

// I12: as long as nobody changed anything, and its window is open.
bool Auditor::still_holds(const Refused& refused, WeirProcess& process) const {
    UnixTime now = process.treasury().now();
    return std::ranges::any_of(refused.refusing, [&](const core::HoldPart& part) {
        auto spec =
            std::ranges::find(process.policy().budgets, part.budget_id, &core::BudgetSpec::id);
        return spec != process.policy().budgets.end() && !spec->observe &&
               now.seconds() < part.window.end &&
               core::amount_for(*spec, part.instance, now) <= part.amount;
    });
}

// I12: what was refused for good is refused whenever it is asked for again. I9: and that changes no
// balance, no rate and no gauge.
void Auditor::ask_again(WeirProcess& process) {
    if (refused_.empty()) return;
    const std::size_t at = next_probe_++ % refused_.size();
    if (!still_holds(refused_[at], process)) {
        refused_.erase(refused_.begin() + static_cast<std::ptrdiff_t>(at));
        return;
    }
    gateway::Treasury& treasury = process.treasury();
    const ledger::RefusalRecord& record = refused_[at].record;
    const core::Attribution& who = record.head.attribution;
    UnixTime now = treasury.now();
    if (process.policy().is_observing(now)) return;
    ++probes_;
    const core::HoldPart* usd = part_in(record.parts, core::BudgetUnit::usd);
    const core::HoldPart* tokens = part_in(record.parts, core::BudgetUnit::tokens);
    core::ReserveRequest request;
    request.attribution = &who;
    request.provider = record.head.provider;
    request.model = record.head.model;
    request.environment_is_lenient = is_lenient(company_, who.of(core::Dimension::environment));
    request.usd_bound = usd != nullptr ? Money::from_pico(usd->held) : record.bound;
    request.token_bound = tokens != nullptr ? static_cast<std::int64_t>(tokens->held)
                                            : record.input_bound + record.max_output;
    request.now = now;
    const auto figures = treasury.figures();
    const auto standings = treasury.standings(who);
    core::Verdict verdict;
    core::RateVerdict rates;
    core::RateTicket ticket;
    auto asked = treasury.reserve(request, verdict, rates, ticket);
    if (!asked || rates.refused) return;
    if (verdict.kind < core::VerdictKind::exhausted) {
        find(fmt::format("I12: {} was refused for good, and is {} now", record.head.id.text(),
                         core::verdict_name(verdict.kind)));
    }
    if (verdict.kind == core::VerdictKind::admitted) return;
    if (figures != treasury.figures()) find("I9: a refused call changed a balance");
    if (!std::ranges::equal(standings, treasury.standings(who), same)) {
        find("I9: a refused call changed a rate limit");
    }
}

void Auditor::enter_rates(const ledger::AdmitRecord& admit) {
    if (rates_->empty()) return;
    const core::HoldPart* calls = part_in(admit.parts, core::BudgetUnit::calls);
    // Tokens are compared when none is in flight: the ledger does not say what was set aside.
    const core::RateRequest request{
        .attribution = &admit.head.attribution,
        .provider = admit.head.provider,
        .model = admit.head.model,
        .token_bound = 0,
        .first_attempt = calls != nullptr ? calls->held == 1 : admit.head.id.ordinal == 1,
        .now = admit.head.admitted_at};
    core::RateVerdict told;
    if (!rates_->check(request, told)) return;
    rates_->enter(request, told, tickets_[admit.head.id]);
}

// I9: rate limits stand where those calls have brought them that were let through, and nobody else.
void Auditor::compare_rates(WeirProcess& process) {
    if (rates_->empty()) return;
    UnixTime now = process.treasury().now();
    for (const auto& [id, key] : company_.keys) {
        const core::Attribution who = attribution_of(key);
        const auto standings = process.treasury().standings(who);
        const auto wanted = rates_->standings(who, now);
        for (std::size_t i = 0; i < std::min(standings.size(), wanted.size()); ++i) {
            if (wanted[i].unit == core::RateUnit::tokens && !tickets_.empty()) continue;
            if (same(standings[i], wanted[i])) continue;
            find(fmt::format("I9: rate limit {} '{}': {} of {} {} are left, the ledger says {}",
                             wanted[i].limit, wanted[i].instance, standings[i].remaining,
                             wanted[i].amount, core::rate_unit_name(wanted[i].unit),
                             wanted[i].remaining));
        }
    }
}

}  // namespace weir::world
