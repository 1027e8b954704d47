#include "core/budget_replay.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <unordered_map>

#include "core/budget_judge.h"
#include "core/budget_match.h"
#include "core/budget_outlook.h"

namespace weir::core {
namespace {

// An attempt in flight, as far as its end needs it.
struct Flight {
    UnixTime ends;
    std::uint64_t order = 0;
    bool released = false;
    SettleAmounts charge;
    std::vector<HoldPart> parts;
    bool operator>(const Flight& o) const {
        return ends != o.ends ? ends > o.ends : order > o.order;
    }
};

struct Waiting {
    PastAttempt attempt;
    std::size_t told_by = 0;  // Tally that it waits for
};

// What one instance has spent in its window, beside what there is to tell of it.
struct Tally {
    std::size_t spec = 0;
    std::int64_t window_start = 0;
    Int128 settled = 0;
    ReplayInstance outcome;
    bool is_told() const {
        return outcome.alerted_at || outcome.reached_at || outcome.refused_at ||
               outcome.after.calls > 0;
    }
};

std::string trajectory_of(const PastAttempt& attempt) {
    const std::string& name = attempt.attribution.of(Dimension::trajectory);
    return name.empty() ? name : attempt.attribution.of(Dimension::team) + "/" + name;
}

std::vector<BudgetSpec> without_raises(std::vector<BudgetSpec> specs) {
    for (BudgetSpec& spec : specs) spec.raises.clear();
    return specs;
}

}  // namespace

struct BudgetReplay::Impl {
    Impl(std::vector<BudgetSpec> given, UnixTime start, Options o)
        : options(o),
          specs(without_raises(std::move(given))),
          from(start),
          budgets({.instances_max = o.instances_max}) {
        for (std::size_t i = 0; i < specs.size(); ++i) {
            by_id.emplace(specs[i].id, i);
            matches.emplace_back(specs[i]);
            windows.push_back(window_at(specs[i], from));
        }
        budgets.define(specs);
        index.resize(specs.size());
    }

    Options options;
    std::vector<BudgetSpec> specs;
    UnixTime from;
    Budgets budgets;
    std::vector<BudgetMatch> matches;
    std::vector<WindowSpan> windows;  // that were open at `from`
    std::unordered_map<std::uint64_t, std::size_t> by_id;
    std::vector<std::unordered_map<std::string, std::size_t>> index;  // by spec: instance → tally
    std::vector<Tally> tallies;
    bool begun = false;
    std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights;
    std::map<std::uint64_t, Waiting> waiting;  // by ticket
    std::uint64_t order = 0;
    std::unordered_map<CallId, std::size_t> refused_calls;        // → tally
    std::unordered_map<std::string, std::size_t> refused_agents;  // trajectory → tally
    Verdict verdict;
    ReplayReport report;

    Tally& tally_of(std::size_t spec, const std::string& instance);
    std::size_t place_of(const HoldPart& part) {
        Tally& tally = tally_of(by_id.at(part.budget_id), part.instance);
        return static_cast<std::size_t>(&tally - tallies.data());
    }
    void count_before(const PastAttempt& attempt);
    void begin();
    void spend(Tally& tally, Int128 amount, Int128 charge, UnixTime now);
    Result<> ask(const PastAttempt& attempt, UnixTime now, std::uint64_t ticket);
    void start(const PastAttempt& attempt, UnixTime now);
    void refuse(const PastAttempt& attempt, std::size_t place, UnixTime now);
    void end(const Flight& flight);
    Result<> let_in(UnixTime now);
    Result<> go_on(UnixTime until);
    Result<> decide_again(const PastAttempt& attempt);
};

Tally& BudgetReplay::Impl::tally_of(std::size_t spec, const std::string& instance) {
    const auto [at, is_new] = index[spec].try_emplace(instance, tallies.size());
    if (is_new) {
        Tally& tally = tallies.emplace_back();
        tally.spec = spec;
        tally.window_start = windows[spec].start;
        tally.outcome.budget_id = specs[spec].id;
        tally.outcome.instance = instance;
    }
    return tallies[at->second];
}

void BudgetReplay::Impl::count_before(const PastAttempt& attempt) {
    if (attempt.released || attempt.refused) return;
    const BudgetSubject subject{&attempt.attribution, attempt.provider, attempt.model};
    std::string instance;
    for (std::size_t i = 0; i < specs.size(); ++i) {
        if (attempt.admitted_at.seconds() < windows[i].start) continue;
        if (!matches[i].matches(subject)) continue;
        matches[i].instance(subject, instance);
        HoldPart part;
        part.unit = specs[i].unit;
        if (part.unit == BudgetUnit::calls) part.held = attempt.counts_call ? 1 : 0;
        if (part.unit == BudgetUnit::attempts) part.held = 1;
        tally_of(i, instance).settled += charged(part, attempt.charge);
    }
}

void BudgetReplay::Impl::begin() {
    begun = true;
    for (Tally& tally : tallies) {
        const BudgetSpec& spec = specs[tally.spec];
        const Int128 before = std::exchange(tally.settled, 0);
        budgets.seed(spec.id, tally.outcome.instance, windows[tally.spec], before, 0);
        spend(tally, amount_for(spec, tally.outcome.instance, from), before, from);
    }
}

void BudgetReplay::Impl::spend(Tally& tally, Int128 amount, Int128 charge, UnixTime now) {
    tally.settled += charge;
    ReplayInstance& outcome = tally.outcome;
    const Int128 alert = alert_amount(amount, specs[tally.spec].alert_percent);
    if (!outcome.alerted_at && tally.settled > 0 && tally.settled >= alert) {
        outcome.alerted_at = now;
    }
    if (!outcome.reached_at && tally.settled > 0 && tally.settled >= amount) {
        outcome.reached_at = now;
    }
}

Result<> BudgetReplay::Impl::ask(const PastAttempt& attempt, UnixTime now, std::uint64_t ticket) {
    const ReserveRequest request{.attribution = &attempt.attribution,
                                 .provider = attempt.provider,
                                 .model = attempt.model,
                                 .environment_is_lenient = attempt.environment_is_lenient,
                                 .usd_bound = attempt.bound,
                                 .token_bound = attempt.token_bound,
                                 .ticket = ticket,
                                 .first_attempt = attempt.counts_call,
                                 .now = now};
    Result<> asked = budgets.reserve(request, verdict);
    if (asked && tallies.size() < options.instances_max) return {};
    return fail(ErrorCode::invalid_parameter,
                "These budgets have more than " + std::to_string(options.instances_max) +
                    " instances in that time: replay a shorter one, or fewer budgets.");
}

// What was admitted in `verdict`.
void BudgetReplay::Impl::start(const PastAttempt& attempt, UnixTime now) {
    const std::string trajectory = trajectory_of(attempt);
    const auto stopped =
        trajectory.empty() ? refused_agents.end() : refused_agents.find(trajectory);
    if (stopped != refused_agents.end()) {
        const bool is_first = attempt.id.ordinal <= 1;
        tallies[stopped->second].outcome.after.add(is_first, attempt.cost);
        report.after.add(is_first, attempt.cost);
    }
    if (!attempt.ended_at) return;  // holds to the end
    // As long as it took, from when it went.
    const UnixTime ends = now + (*attempt.ended_at - attempt.admitted_at);
    flights.push({ends, ++order, attempt.released, attempt.charge, verdict.parts});
}

void BudgetReplay::Impl::refuse(const PastAttempt& attempt, std::size_t place, UnixTime now) {
    ReplayInstance& outcome = tallies[place].outcome;
    if (!outcome.refused_at) outcome.refused_at = now;
    // A call counts once, at its first attempt that is refused.
    const bool is_call = refused_calls.emplace(attempt.id.call, place).second;
    outcome.refused.add(is_call, attempt.cost);
    outcome.by_team[attempt.attribution.of(Dimension::team)].add(is_call, attempt.cost);
    report.refused.add(is_call, attempt.cost);
    if (std::string trajectory = trajectory_of(attempt); !trajectory.empty()) {
        refused_agents.emplace(std::move(trajectory), place);
    }
}

void BudgetReplay::Impl::end(const Flight& flight) {
    if (flight.released) return budgets.release(flight.parts);
    budgets.settle(flight.parts, flight.charge);
    for (const HoldPart& part : flight.parts) {
        Tally& tally = tally_of(by_id.at(part.budget_id), part.instance);
        if (part.window.start < tally.window_start) continue;  // of a window that is over
        if (part.window.start > tally.window_start) {
            tally.window_start = part.window.start;
            tally.settled = 0;
        }
        spend(tally, part.amount, charged(part, flight.charge), flight.ends);
    }
}

// Who waits is asked again, in the order of the line.
Result<> BudgetReplay::Impl::let_in(UnixTime now) {
    for (auto next = waiting.begin(); next != waiting.end();) {
        auto& [ticket, call] = *next;
        const bool is_late = now - call.attempt.admitted_at > options.patience;
        if (is_late) {
            budgets.give_up(ticket);
            refuse(call.attempt, call.told_by, now);
            next = waiting.erase(next);
            continue;
        }
        if (!budgets.is_next(ticket)) {
            ++next;
            continue;
        }
        if (Result<> asked = ask(call.attempt, now, ticket); !asked) return asked;
        if (verdict.kind == VerdictKind::busy) {
            ++next;
            continue;
        }
        if (verdict.kind == VerdictKind::admitted) {
            ++report.waited;
            start(call.attempt, now);
        } else {
            refuse(call.attempt, place_of(verdict.parts[*verdict.telling]), now);
        }
        next = waiting.erase(next);
    }
    return {};
}

Result<> BudgetReplay::Impl::go_on(UnixTime until) {
    while (!flights.empty() && flights.top().ends <= until) {
        const Flight flight = flights.top();
        flights.pop();
        end(flight);
        if (waiting.empty()) continue;
        if (Result<> done = let_in(flight.ends); !done) return done;
    }
    return {};
}

Result<> BudgetReplay::Impl::decide_again(const PastAttempt& attempt) {
    const UnixTime now = attempt.admitted_at;
    if (attempt.refused) {
        if (Result<> asked = ask(attempt, now, 0); !asked) return asked;
        if (verdict.kind != VerdictKind::admitted) return {};
        budgets.release(verdict.parts);
        ++report.passing_calls;
        report.passing_bound += attempt.bound;
        return {};
    }
    report.seen.add(attempt.id.ordinal <= 1, attempt.cost);
    // A further try of a call that was refused is not made.
    if (const auto gone = refused_calls.find(attempt.id.call); gone != refused_calls.end()) {
        refuse(attempt, gone->second, now);
        return {};
    }
    const std::uint64_t ticket = ++order;
    if (Result<> asked = ask(attempt, now, ticket); !asked) return asked;
    if (verdict.kind == VerdictKind::admitted) {
        start(attempt, now);
        return {};
    }
    const std::size_t place = place_of(verdict.parts[*verdict.telling]);
    if (verdict.kind == VerdictKind::busy) {
        waiting.emplace(ticket, Waiting{attempt, place});
    } else {
        refuse(attempt, place, now);
    }
    return {};
}

BudgetReplay::BudgetReplay(std::vector<BudgetSpec> specs, UnixTime from, Options options)
    : impl_(std::make_unique<Impl>(std::move(specs), from, options)) {}
BudgetReplay::BudgetReplay(std::vector<BudgetSpec> specs, UnixTime from)
    : BudgetReplay(std::move(specs), from, Options{}) {}
BudgetReplay::~BudgetReplay() = default;

UnixTime BudgetReplay::needs_from() const {
    std::int64_t first = impl_->from.seconds();
    for (const WindowSpan& window : impl_->windows) first = std::min(first, window.start);
    return UnixTime::from_seconds(first);
}

Result<> BudgetReplay::add(PastAttempt attempt) {
    if (attempt.admitted_at < impl_->from) {
        impl_->count_before(attempt);
        return {};
    }
    if (!impl_->begun) impl_->begin();
    if (Result<> done = impl_->go_on(attempt.admitted_at); !done) return done;
    return impl_->decide_again(attempt);
}

Result<ReplayReport> BudgetReplay::finish() {
    Impl& impl = *impl_;
    if (!impl.begun) impl.begin();
    constexpr UnixTime kEver{std::numeric_limits<std::int64_t>::max()};
    if (Result<> done = impl.go_on(kEver); !done) return std::unexpected(std::move(done).error());
    // Behind what never ended.
    for (const auto& [ticket, call] : impl.waiting) {
        impl.refuse(call.attempt, call.told_by, call.attempt.admitted_at + impl.options.patience);
    }
    for (Tally& tally : impl.tallies) {
        if (tally.is_told()) impl.report.instances.push_back(std::move(tally.outcome));
    }
    return std::move(impl.report);
}

}  // namespace weir::core
