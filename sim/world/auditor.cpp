#include "sim/world/auditor.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/budget_judge.h"
#include "ledger/recover.h"
#include "store/queries.h"

namespace weir::world {
namespace {

constexpr std::size_t kFindingsMax = 20;

core::Attribution attribution_of(const CallSeen& call, const core::Policy& policy) {
    core::Attribution a;
    a.offer(core::Dimension::team, call.team, core::Source::key);
    a.offer(core::Dimension::key, call.key_id, core::Source::key);
    a.offer(core::Dimension::environment, policy.keys.at(call.key_id).environment,
            core::Source::key);
    return a;
}

bool is_lenient(const core::Policy& policy, std::string_view environment) {
    auto at = std::ranges::find(policy.environments, environment, &core::EnvironmentRecord::name);
    return at != policy.environments.end() && at->lenient;
}

}  // namespace

void Auditor::find(std::string what) {
    if (findings_.size() < kFindingsMax) {
        findings_.push_back(fmt::format("event {} at {} ms: {}", scheduler_.turn(),
                                        scheduler_.now().ns / 1'000'000, what));
    }
}

void Auditor::read_on() {
    auto read = reader_->poll(1'000'000, [this](const ledger::Record& record) {
        if (const auto* admit = std::get_if<ledger::AdmitRecord>(&record)) {
            marks_[admit->head.id] = admit->head.attribution.of(core::Dimension::goal);
        }
        if (const auto* mark = std::get_if<ledger::DispatchedRecord>(&record)) {
            ++dispatched_[marks_[mark->id]];
        }
        const auto* end = std::get_if<ledger::EndRecord>(&record);
        if (end != nullptr && ended_.insert(end->head.id).second) ends_.push_back(*end);
        fold_.add(record);
    });
    if (!read) return find("the journal cannot be read: " + read.error().detail());
    news_ = news_ || *read > 0;
}

Auditor::Books Auditor::of_fold(const ledger::Fold& fold) {
    Books books;
    for (const auto& [key, b] : fold.balances()) {
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

void Auditor::begin(WeirProcess& process, bool lossy) {
    Scheduler::LookingOn quiet(scheduler_);
    journal_ = process.journal_path();
    reader_ = std::make_unique<ledger::JournalReader>(journal_);
    fold_ = {};
    ends_.clear();
    ended_.clear();
    dispatched_.clear();
    marks_.clear();
    last_.clear();
    read_on();
    // What a power cut took from the journal stays in the store that had read it, for good.
    has_lost_ = has_lost_ || lossy;
    if (lossy) lost_before_ = vendor_.book().size();
    if (lossy) base_.clear();
    Books journal = of_fold(fold_);
    Books memory = of_memory(process);
    if (lossy) {
        for (const auto& [key, m] : memory) {
            const Figures& j = journal[key];
            base_[key] = {m.settled - j.settled, m.held - j.held, m.overrun - j.overrun};
        }
    }
    for (const auto& hold : fold_.open_holds()) {
        // Where a tail was lost, the end that the store had read may have been in it.
        if (!has_lost_ && hold.admit.head.id.call.epoch < process.epoch()) {
            find("I8: a hold of a dead start is open: " + hold.admit.head.id.text());
        }
    }
    compare(memory, journal, "at a start");
    check_amounts(process, "at a start");
    check_truth(fold_, "at a start");
}

void Auditor::look(WeirProcess& process) {
    Scheduler::LookingOn quiet(scheduler_);
    // Balances in the journal change together with those in memory, within one event.
    Books memory = of_memory(process);
    std::size_t settled_truths =
        static_cast<std::size_t>(std::ranges::count(vendor_.book(), true, &Truth::final));
    std::pair truths{vendor_.book().size(), settled_truths};
    if (memory == last_ && truths == last_truths_) return;
    last_truths_ = truths;
    ++looks_;
    read_on();
    if (process.unsynced() == 0) compare(memory, of_fold(fold_), "between two events");
    check_amounts(process, "between two events");
    check_truth(fold_, "between two events");
    if (!process.treasury().books_balance()) find("I1: the two books of holds differ");
    for (const auto& [key, now] : memory) {
        auto before = last_.find(key);
        if (before == last_.end()) continue;
        if (now.settled < before->second.settled) find("I2: settled fell");
        if (now.overrun < before->second.overrun) find("I2: overrun fell");
    }
    last_ = std::move(memory);
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

bool Auditor::blocks(std::uint64_t budget, std::string_view instance) const {
    auto spec = std::ranges::find(policy_.budgets, budget, &core::BudgetSpec::id);
    if (spec == policy_.budgets.end()) return false;
    for (const auto& [id, key] : policy_.keys) {
        CallSeen call{.team = key.team, .key_id = id};
        core::Attribution a = attribution_of(call, policy_);
        if (!core::budget_matches(*spec, a)) continue;
        if (core::budget_instance(*spec, a) != instance) continue;
        if (!core::blocks(*spec, is_lenient(policy_, key.environment))) return false;
    }
    return true;
}

void Auditor::check_amounts(WeirProcess& process, const char* when) {
    for (const auto& f : process.treasury().figures()) {
        if (!blocks(f.budget_id, f.instance)) continue;
        if (f.settled + f.held <= f.amount + f.overrun) continue;
        find(fmt::format("I1/I8 {}: budget {} '{}': {} settled + {} held > {} + {} overrun", when,
                         f.budget_id, f.instance, to_string(f.settled), to_string(f.held),
                         to_string(f.amount), to_string(f.overrun)));
    }
}

// I3: what providers have billed, and may still bill for what they were sent, is in the books.
void Auditor::check_truth(const ledger::Fold& fold, const char* when) {
    if (vendor_.billed_above()) return;
    std::map<std::pair<std::uint64_t, std::string>, Int128> due;
    for (std::size_t i = lost_before_; i < vendor_.book().size(); ++i) {
        const Truth& truth = vendor_.book()[i];
        const CallSeen& call = customers_.calls().at(truth.call);
        core::Attribution a = attribution_of(call, policy_);
        for (const core::BudgetSpec& spec : policy_.budgets) {
            if (core::counts_events(spec.unit) || !core::budget_matches(spec, a)) continue;
            due[{spec.id, core::budget_instance(spec, a)}] +=
                spec.unit == core::BudgetUnit::usd ? truth.due() : Int128{truth.due_tokens()};
        }
    }
    std::map<std::pair<std::uint64_t, std::string>, Int128> booked;
    for (const auto& [key, f] : of_fold(fold)) {
        booked[{key.budget, key.instance}] += f.settled + f.held;
    }
    for (const auto& [key, f] : base_) booked[{key.budget, key.instance}] += f.settled + f.held;
    for (const auto& [key, sum] : due) {
        if (!blocks(key.first, key.second) || sum <= booked[key]) continue;
        find(fmt::format("I3 {}: budget {} '{}': providers may bill {}, the books hold {}", when,
                         key.first, key.second, to_string(sum), to_string(booked[key])));
    }
}

void Auditor::look_at_crash() {
    if (!reader_) return;
    Scheduler::LookingOn quiet(scheduler_);
    read_on();
    if (!news_ && truths_ == vendor_.book().size()) return;
    news_ = false;
    truths_ = vendor_.book().size();
    ++looks_;
    ledger::Fold after = fold_;
    for (const auto& end : ledger::ends_of_dead(fold_, UINT32_MAX, fold_.last_time())) {
        after.add(end);
    }
    check_truth(after, "after a crash here");
    for (const auto& [key, f] : of_fold(after)) {
        if (f.held != 0) find("I8 after a crash here: something stays held");
        auto spec = std::ranges::find(policy_.budgets, key.budget, &core::BudgetSpec::id);
        Int128 base = 0;
        // A hold whose end only the store has read is ended once more by this fold.
        if (auto at = base_.find(key); at != base_.end()) {
            base = at->second.settled + at->second.held;
        }
        if (!blocks(key.budget, key.instance) || base + f.settled <= spec->amount + f.overrun) {
            continue;
        }
        find(fmt::format("I8 after a crash here: budget {} '{}': {} settled > {} + {} overrun",
                         key.budget, key.instance, to_string(f.settled), to_string(spec->amount),
                         to_string(f.overrun)));
    }
}

void Auditor::close(WeirProcess& process) {
    Scheduler::LookingOn quiet(scheduler_);
    last_.clear();
    look(process);
    for (const auto& f : process.treasury().figures()) {
        if (f.held != 0) {
            find(fmt::format("I6: budget {} '{}' still holds {}", f.budget_id, f.instance,
                             to_string(f.held)));
        }
    }
    check_entries();
    check_store(process);
}

// I4 and I10, and that what was told was metered to the pico.
void Auditor::check_entries() {
    ledger::Fold::Counts counts = fold_.counts();
    if (counts.duplicate_ends != 0) find("I4: an attempt ended twice");
    if (!has_lost_ && counts.ends_without_admit != 0) find("I4: an end without an admit");
    if (!has_lost_ && !fold_.open_holds().empty()) find("I4: a hold has no end");
    std::map<std::string, std::vector<const Truth*>> truths;
    for (std::size_t i = lost_before_; i < vendor_.book().size(); ++i) {
        truths[vendor_.book()[i].call].push_back(&vendor_.book()[i]);
    }
    std::map<std::string, std::vector<const ledger::EndRecord*>> ends;
    for (const auto& end : ends_) {
        ends[end.head.attribution.of(core::Dimension::goal)].push_back(&end);
    }
    for (const auto& [mark, billed] : truths) {
        if (static_cast<std::size_t>(dispatched_[mark]) < billed.size()) {
            find(fmt::format("I4: {}: {} requests at providers, {} dispatched in the ledger", mark,
                             billed.size(), dispatched_[mark]));
        }
        const auto& of_call = ends[mark];
        if (billed.size() != 1 || of_call.size() != 1) continue;
        const ledger::EndRecord& end = *of_call[0];
        if (end.state == ledger::EndState::settled && end.usage.is_exact() &&
            end.cost.pico() != billed[0]->billed) {
            find(fmt::format("{}: billed {}, settled at {}", mark, to_string(billed[0]->billed),
                             to_string(end.cost.pico())));
        }
        bool held = std::ranges::any_of(end.parts, [](const core::HoldPart& part) {
            return part.blocks && part.unit == core::BudgetUnit::usd;
        });
        if (held && end.bound.pico() < billed[0]->worst) {
            find(fmt::format("I10: {}: bound {}, may bill {}", mark, to_string(end.bound.pico()),
                             to_string(billed[0]->worst)));
        }
    }
}

void Auditor::check_store(WeirProcess& process) {
    if (auto folded = process.fold(); !folded) {
        return find("the store cannot fold: " + folded.error().detail());
    }
    auto queries = store::Queries::open(process.database_path());
    if (!queries) return find("the store cannot be asked");
    auto balances = (*queries)->balances(process.treasury().now());
    if (!balances) return find("the store has no balances");
    Books memory = of_memory(process);
    for (const store::Balance& b : *balances) {
        auto at = memory.find({b.budget_id, b.instance, b.window.start});
        if (at == memory.end()
                ? b.settled != 0
                : at->second.settled != b.settled || at->second.overrun != b.overrun) {
            find(fmt::format("I7: budget {} '{}': the store says {}, memory does not", b.budget_id,
                             b.instance, to_string(b.settled)));
        }
        if (at != memory.end()) memory.erase(at);
    }
    for (const auto& [key, f] : memory) {
        if (f.settled != 0) find("I7: memory has a balance that the store has not");
    }
    if (!has_lost_) check_sums(**queries);
}

// I5: whatever one groups by, it is the same money.
void Auditor::check_sums(store::Queries& queries) {
    Int128 cost = 0;
    Int128 charge = 0;
    for (const auto& end : ends_) {
        cost += end.cost.pico();
        charge += end.charge.pico();
    }
    using core::Dimension;
    for (Dimension d : {Dimension::team, Dimension::key, Dimension::model, Dimension::goal}) {
        store::SpendQuery query;
        query.by = {d};
        query.from = UnixTime::from_seconds(0);
        query.until = UnixTime::from_seconds(4'000'000'000);
        auto rows = queries.spend(query);
        if (!rows) return find("the store cannot sum spend");
        Int128 cost_by = 0;
        Int128 charge_by = 0;
        for (const auto& row : *rows) {
            cost_by += row.sums.cost.pico();
            charge_by += row.sums.charge.pico();
        }
        if (cost_by != cost || charge_by != charge) {
            find(fmt::format("I5: by {}: cost {} and charge {}, entries say {} and {}",
                             core::dimension_name(d), to_string(cost_by), to_string(charge_by),
                             to_string(cost), to_string(charge)));
        }
    }
}

}  // namespace weir::world
