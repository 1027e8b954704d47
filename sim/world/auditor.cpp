#include "sim/world/auditor.h"

#include <algorithm>
#include <fmt/format.h>

#include "ledger/recover.h"
#include "store/schema.h"

namespace weir::world {
namespace {

constexpr std::size_t kFindingsMax = 20;
constexpr std::uint64_t kQuietMax = 500;  // events after which it looks all the same

}  // namespace

void Auditor::find(std::string what) {
    if (findings_.size() < kFindingsMax) {
        findings_.push_back(fmt::format("step {}, event {}, {} ms: {}", scheduler_.steps(),
                                        scheduler_.turn(), scheduler_.now().ns / 1'000'000, what));
    }
}

// `live`: the process that writes is there, and its memory is what the records come to.
void Auditor::read_on(bool live) {
    auto read = reader_->poll(1'000'000, [this, live](const ledger::Record& record) {
        note(record, live);
        fold_.add(record);
        if (live && on_record) on_record(record);
    });
    if (!read) return find("the journal cannot be read: " + read.error().detail());
    news_ = news_ || *read > 0;
}

Auditor::Books Auditor::of_journal() const {
    Books books;
    for (const auto& [key, b] : fold_.balances()) {
        books[{key.budget_id, key.instance, key.window_start}] = {b.settled, b.held, b.overrun};
    }
    return books;
}

Auditor::Books Auditor::of_memory(WeirProcess& process) {
    Books books;
    for (const auto& f : process.treasury().figures()) {
        books[{f.budget_id, f.instance, f.window.start}] = {f.settled, f.held, f.overrun};
    }
    return books;
}

void Auditor::begin(WeirProcess& process, bool lossy, bool after_power) {
    Scheduler::LookingOn quiet(scheduler_);
    journal_ = process.journal_path();
    reader_ = std::make_unique<ledger::JournalReader>(journal_);
    fold_ = {};
    attempts_.clear();
    by_mark_.clear();
    last_.clear();
    tickets_.clear();
    refused_.clear();
    last_pulse_.reset();
    memory_lags_ = false;
    epoch_ = process.epoch();
    specs_ = process.policy().budgets;
    read_on(false);
    // What a power cut took from the journal stays in the store that had read it, for good.
    has_lost_ = has_lost_ || lossy;
    was_dark_ = was_dark_ || after_power;
    if (lossy) {
        lost_before_ = vendor_.book().size();
        base_.clear();
        windows_.clear();
        in_force_.clear();
    }
    take_what_is_new(process);
    take_seeds(process);
    rates_ = std::make_unique<core::RateLimits>();
    rates_->define(process.policy().rate_limits);
    check_dead_holds(process, after_power && !lossy);
    Books memory = of_memory(process);
    compare(memory, of_journal(), "at a start");
    check_ceilings(memory, "I8 at a start");
    check_calls(false, "at a start");
}

// I8: every hold of a dead start has its end.
void Auditor::check_dead_holds(WeirProcess& process, bool after_power) {
    if (has_lost_) return;  // the end that the store had read may have been in the tail
    const Books memory = of_memory(process);
    Books journal = of_journal();
    for (const auto& hold : fold_.open_holds()) {
        const AttemptId& id = hold.admit.head.id;
        if (id.call.epoch >= process.epoch()) continue;
        // An end that could not be synced: its hold stood until the power was cut.
        if (after_power) ended_ahead_.insert(id);
        if (!ended_ahead_.contains(id)) find("I8: a hold of a dead start is open: " + id.text());
        if (!after_power) continue;
        for (const core::HoldPart& part : hold.admit.parts) {
            auto m = memory.find(key_of(part));
            if (m == memory.end()) continue;
            const Figures& j = journal[key_of(part)];
            base_[key_of(part)] = {m->second.settled - j.settled, m->second.held - j.held,
                                   m->second.overrun - j.overrun};
        }
    }
}

// What the store knows of budgets from before they were made, also of windows that memory had left
// behind: a start that finds an earlier one open again takes it up.
void Auditor::take_seeds(const WeirProcess& process) {
    auto store = store::open_store_reader(process.database_path());
    if (!store) return find("the store cannot be read at a start");
    auto rows = store->prepare("SELECT budget,instance,window_start,settled FROM budget_seeds");
    if (!rows) return find("the store's seeds cannot be read at a start");
    for (auto row = rows->step(); row.value_or(false); row = rows->step()) {
        const Key key{static_cast<std::uint64_t>(rows->integer(0)), rows->string(1),
                      rows->integer(2)};
        if (base_.contains(key)) continue;
        base_[key].settled = rows->int128(3);
        Int128& ceiling = ceilings_[key];
        ceiling = std::max(ceiling, base_[key].settled);
    }
}

void Auditor::changed(WeirProcess& process) {
    Scheduler::LookingOn quiet(scheduler_);
    last_pulse_.reset();
    read_on(true);
    specs_ = process.policy().budgets;
    take_what_is_new(process);
    rates_->define(process.policy().rate_limits);
}

// Of a budget that was not in force until now, memory has what the ledger knew of such calls, and
// no record of its own says so.
void Auditor::take_what_is_new(WeirProcess& process) {
    std::set<std::uint64_t> ids;
    std::set<std::uint64_t> fresh;
    for (const core::BudgetSpec& spec : specs_) {
        ids.insert(spec.id);
        if (!in_force_.contains(spec.id)) fresh.insert(spec.id);
    }
    in_force_ = std::move(ids);
    late_.insert(fresh.begin(), fresh.end());
    if (process.unsynced() == 0) take_late_bases(process);
    if (fresh.empty()) return;
    for (const auto& [key, m] : of_memory(process)) {
        if (!fresh.contains(key.budget)) continue;
        Int128& ceiling = ceilings_[key];
        ceiling = std::max(ceiling, m.settled + m.held - m.overrun);
    }
    if (!has_lost_) check_new_budgets(process, fresh);
}

// While ends wait for a sync, the journal may have what memory has not: the difference would last.
void Auditor::take_late_bases(WeirProcess& process) {
    if (late_.empty()) return;
    Books journal = of_journal();
    for (const auto& [key, m] : of_memory(process)) {
        if (!late_.contains(key.budget)) continue;
        const Figures& j = journal[key];
        base_[key] = {m.settled - j.settled, m.held - j.held, m.overrun - j.overrun};
    }
    late_.clear();
}

// W3: what matching calls were charged in its window is in it from the start.
void Auditor::check_new_budgets(WeirProcess& process, const std::set<std::uint64_t>& fresh) {
    UnixTime now = process.treasury().now();
    Books memory = of_memory(process);
    for (const core::BudgetSpec& spec : specs_) {
        if (!fresh.contains(spec.id) || spec.unit != core::BudgetUnit::usd) continue;
        core::WindowSpan window = core::window_at(spec, now);
        std::map<std::string, Int128> spent;
        std::map<std::string, const ledger::AttemptHead*> heads;
        for (const auto& [id, attempt] : attempts_) {
            const ledger::AttemptHead& head = attempt.admit.head;
            std::int64_t at = head.admitted_at.seconds();
            if (at < window.start || at >= window.end || head.id != id) continue;
            if (ended_ahead_.contains(id)) continue;  // for what, the store alone knows
            if (!core::budget_matches(spec, head.attribution, head.provider, head.model)) continue;
            Int128& sum =
                spent[core::budget_instance(spec, head.attribution, head.provider, head.model)];
            heads[core::budget_instance(spec, head.attribution, head.provider, head.model)] = &head;
            if (!attempt.end) sum += attempt.admit.bound.pico();
            if (!attempt.end || attempt.end->state == ledger::EndState::released) continue;
            sum += attempt.end->charge.pico();
            for (const auto& c : attempt.corrections) sum += c.charge_delta.pico();
        }
        for (const auto& [instance, sum] : spent) {
            const Figures& f = memory[{spec.id, instance, window.start}];
            if (f.settled + f.held >= sum || is_refused(process, *heads[instance])) continue;
            find(fmt::format("W3: budget {} '{}' came with {}+{} of {} spent in its window",
                             spec.name, instance, to_string(f.settled), to_string(f.held),
                             to_string(sum)));
        }
    }
}

// Memory had no room for what the ledger knew: then no such call may pass.
bool Auditor::is_refused(WeirProcess& process, const ledger::AttemptHead& head) {
    core::ReserveRequest request;
    request.attribution = &head.attribution;
    request.provider = head.provider;
    request.model = head.model;
    request.usd_bound = Money::from_pico(1);
    request.token_bound = 1;
    request.now = process.treasury().now();
    core::Verdict verdict;
    core::RateVerdict rates;
    core::RateTicket ticket;
    auto asked = process.treasury().reserve(request, verdict, rates, ticket);
    if (!asked || rates.refused || verdict.kind != core::VerdictKind::admitted) return true;
    process.treasury().undo(verdict.parts, ticket);
    return false;
}

void Auditor::look(WeirProcess& process) {
    const gateway::RoadCounters counters = process.counters();
    const Pulse pulse{.attempts = counters.attempts,
                      .refused = counters.refused,
                      .open = process.open_calls(),
                      .unsynced = process.unsynced(),
                      .truths = vendor_.book().size()};
    if (pulse == last_pulse_ && ++quiet_ % kQuietMax != 0) return;
    last_pulse_ = pulse;
    Scheduler::LookingOn quiet(scheduler_);
    // Balances in the journal change together with those in memory, within one event.
    Books memory = of_memory(process);
    const bool lags = pulse.unsynced != 0;
    memory_lags_ = memory_lags_ || lags;
    ++looks_;
    read_on(true);
    memory_lags_ = lags;
    if (!lags) {
        take_late_bases(process);
        compare(memory, of_journal(), "between two events");
    }
    check_ceilings(memory, "I2 between two events");
    check_falling(memory);
    check_calls(false, "between two events");
    if (!process.treasury().books_balance()) find("I1: the two books of holds differ");
    if (counters.unledgered_ends == 0) compare_rates(process);
    ask_again(process);
    last_ = std::move(memory);
}

void Auditor::check_falling(const Books& memory) {
    for (const auto& [key, now] : memory) {
        auto before = last_.find(key);
        if (before == last_.end()) continue;
        Int128 corrected = 0;
        if (auto at = corrected_.find(key); at != corrected_.end()) corrected = at->second;
        if (now.settled < before->second.settled + corrected) {
            find(fmt::format("I2: budget {} '{}': settled fell from {} to {}", key.budget,
                             key.instance, to_string(before->second.settled),
                             to_string(now.settled)));
        }
        if (now.overrun < before->second.overrun) find("I2: overrun fell");
    }
    corrected_.clear();
}

// I7. Memory keeps open windows; of others it need not know.
void Auditor::compare(const Books& memory, const Books& journal, const char* when) {
    for (const auto& [key, m] : memory) {
        Figures want;
        if (auto at = journal.find(key); at != journal.end()) want = at->second;
        if (auto at = base_.find(key); at != base_.end()) {
            want.settled += at->second.settled;
            want.held += at->second.held;
            want.overrun += at->second.overrun;
        }
        if (m == want) continue;
        find(fmt::format("I7 {}: budget {} '{}': memory {}+{} over {}, journal {}+{} over {}", when,
                         key.budget, key.instance, to_string(m.settled), to_string(m.held),
                         to_string(m.overrun), to_string(want.settled), to_string(want.held),
                         to_string(want.overrun)));
    }
}

void Auditor::check_ceilings(const Books& sums, const char* when) {
    for (const auto& [key, f] : sums) {
        Int128 ceiling = 0;
        if (auto at = ceilings_.find(key); at != ceilings_.end()) ceiling = at->second;
        if (f.settled + f.held - f.overrun <= ceiling) continue;
        find(fmt::format("{}: budget {} '{}': {} settled + {} held - {} overrun > {}", when,
                         key.budget, key.instance, to_string(f.settled), to_string(f.held),
                         to_string(f.overrun), to_string(ceiling)));
    }
}

void Auditor::look_at_crash() {
    if (!reader_) return;
    Scheduler::LookingOn quiet(scheduler_);
    read_on(true);
    if (!news_ && truths_ == vendor_.book().size()) return;
    news_ = false;
    truths_ = vendor_.book().size();
    ++looks_;
    check_calls(true, "after a crash here");
    ledger::Fold after = fold_;
    for (const auto& end : ledger::ends_of_dead(fold_, UINT32_MAX, fold_.last_time())) {
        after.add(end);
    }
    Books sums;
    for (const auto& [key, b] : after.balances()) {
        if (b.held != 0) find("I8 after a crash here: something stays held");
        sums[{key.budget_id, key.instance, key.window_start}] = {b.settled, b.held, b.overrun};
    }
    for (const auto& [key, f] : base_) {
        // A hold whose end only the store has read is ended once more by this fold.
        Figures& sum = sums[key];
        sum.settled += f.settled + f.held;
        sum.overrun += f.overrun;
    }
    check_ceilings(sums, "I8 after a crash here");
}

void Auditor::close(WeirProcess& process) {
    Scheduler::LookingOn quiet(scheduler_);
    last_.clear();
    last_pulse_.reset();
    look(process);
    for (const auto& f : process.treasury().figures()) {
        if (f.held != 0) {
            find(fmt::format("I6: budget {} '{}' still holds {}", f.budget_id, f.instance,
                             to_string(f.held)));
        }
    }
    if (!tickets_.empty() && process.counters().unledgered_ends == 0) {
        find("I6: something still stands at a rate limit");
    }
    check_entries();
    check_store(process);
}

}  // namespace weir::world
