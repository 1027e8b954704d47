// I3, I4, I5, I10: what providers billed, call by call, and what the store makes of it.
#include <algorithm>
#include <fmt/format.h>

#include "sim/world/auditor.h"
#include "sim/world/operators.h"

namespace weir::world {
namespace {

// What the provider has billed, or may still bill for what it was sent, if it keeps to the maximum
// that it was told. What one bills above it is overrun, and in no hold.
Int128 due_of(const Truth& truth, core::BudgetUnit unit, std::int64_t times) {
    if (unit == core::BudgetUnit::usd) {
        return (truth.final ? std::min(truth.billed, truth.worst) : truth.worst) * times;
    }
    return truth.final ? std::min(truth.tokens, truth.worst_tokens) : truth.worst_tokens;
}

bool is_bounded(const core::HoldPart& part) {
    return part.blocks && !core::counts_events(part.unit);
}

const core::HoldPart* same_part(const std::vector<core::HoldPart>& parts,
                                const core::HoldPart& wanted) {
    auto at = std::ranges::find_if(parts, [&wanted](const core::HoldPart& part) {
        return part.budget_id == wanted.budget_id && part.instance == wanted.instance &&
               part.window == wanted.window && is_bounded(part);
    });
    return at == parts.end() ? nullptr : &*at;
}

}  // namespace

void Auditor::check_calls(bool after_crash, const char* when) {
    std::map<std::string, std::vector<const Truth*>> truths;
    for (std::size_t i = lost_before_; i < vendor_.book().size(); ++i) {
        truths[vendor_.book()[i].call].push_back(&vendor_.book()[i]);
    }
    for (const auto& [mark, billed] : truths) check_call(mark, billed, after_crash, when);
}

// I3, for each call, and so for each budget: what providers may bill for it, its attempts hold or
// have settled. A budget that was not in force for all of them is asked about none.
void Auditor::check_call(const std::string& mark, const std::vector<const Truth*>& truths,
                         bool after_crash, const char* when) {
    auto found = by_mark_.find(mark);
    if (found == by_mark_.end()) {
        return find(fmt::format("I3/I4 {}: {} is at a provider and in no ledger", when, mark));
    }
    std::vector<const Attempt*> attempts;
    std::int64_t times = kPriceTimesMax;
    for (const AttemptId& id : found->second) {
        attempts.push_back(&attempts_.at(id));
        times = std::min(times, price_times(attempts.back()->admit.head.book_hash));
    }
    for (const core::HoldPart& part : attempts.front()->admit.parts) {
        if (!is_bounded(part)) continue;
        Int128 booked = 0;
        bool of_all = true;
        for (const Attempt* attempt : attempts) {
            const core::HoldPart* its = same_part(attempt->admit.parts, part);
            of_all = of_all && its != nullptr;
            if (its == nullptr) break;
            if (!attempt->end) {
                booked += after_crash && !attempt->dispatched ? Int128{0} : its->held;
                continue;
            }
            booked += ledger::settled_part(*attempt->end, *its);
            for (const auto& c : attempt->corrections) booked += ledger::corrected_part(c, *its);
        }
        Int128 due = 0;
        for (const Truth* truth : truths) due += due_of(*truth, part.unit, times);
        if (!of_all || due <= booked) continue;
        find(fmt::format("I3 {}: {}: providers may bill {}, budget {} '{}' has {} for it", when,
                         mark, to_string(due), part.budget_id, part.instance, to_string(booked)));
    }
}

std::optional<Auditor::Overcharge> Auditor::overcharge() const {
    for (const auto& [mark, ids] : by_mark_) {
        if (ids.size() != 1) continue;
        const Attempt& attempt = attempts_.at(ids.front());
        if (!attempt.end || !attempt.corrections.empty()) continue;
        const ledger::EndRecord& end = *attempt.end;
        if (end.state != ledger::EndState::unknown && end.state != ledger::EndState::orphaned) {
            continue;
        }
        // Of one that was tried before what a power cut took, nobody could tell which bill is its.
        if (std::ranges::count(vendor_.book(), mark, &Truth::call) != 1) continue;
        auto billed = std::ranges::find(vendor_.book(), mark, &Truth::call);
        if (!billed->final) continue;
        Int128 cost = billed->billed * price_times(end.head.book_hash);
        if (cost < end.charge.pico() && billed->tokens <= end.charge_tokens) {
            return Overcharge{.end = &end, .billed = cost, .tokens = billed->tokens};
        }
    }
    return std::nullopt;
}

// I4 and I10, and that what was told was metered to the pico.
void Auditor::check_entries() {
    for (const auto& [id, attempt] : attempts_) {
        if (has_lost_ || !attempt.end || attempt.admit.head.id == id) continue;
        // One whose sync had failed was released again, and nothing was sent.
        if (was_dark_ && attempt.end->state == ledger::EndState::released) continue;
        find("I4: " + id.text() + " ends without an admit");
    }
    for (const auto& hold : fold_.open_holds()) {
        if (has_lost_ || ended_ahead_.contains(hold.admit.head.id)) continue;
        find("I4: " + hold.admit.head.id.text() + " has no end");
    }
    std::map<std::string, std::vector<const Truth*>> truths;
    for (std::size_t i = lost_before_; i < vendor_.book().size(); ++i) {
        truths[vendor_.book()[i].call].push_back(&vendor_.book()[i]);
    }
    for (const auto& [mark, billed] : truths) {
        const std::vector<AttemptId>& ids = by_mark_[mark];
        auto dispatched = static_cast<std::size_t>(std::ranges::count_if(
            ids, [this](const AttemptId& id) { return attempts_.at(id).dispatched; }));
        if (dispatched < billed.size()) {
            find(fmt::format("I4: {}: {} requests at providers, {} dispatched in the ledger", mark,
                             billed.size(), dispatched));
        }
        if (billed.size() != 1 || ids.size() != 1) continue;
        const Attempt& attempt = attempts_.at(ids.front());
        if (attempt.end) check_entry(attempt, *billed[0]);
    }
}

void Auditor::check_entry(const Attempt& attempt, const Truth& truth) {
    const ledger::EndRecord& end = *attempt.end;
    const std::int64_t times = price_times(end.head.book_hash);
    if (end.state == ledger::EndState::settled && end.usage.is_exact() &&
        end.cost.pico() != truth.billed * times) {
        find(fmt::format("I5: {}: billed {}, settled at {}", truth.call,
                         to_string(truth.billed * times), to_string(end.cost.pico())));
    }
    for (const core::HoldPart& part : attempt.admit.parts) {
        if (!is_bounded(part)) continue;
        Int128 worst =
            part.unit == core::BudgetUnit::usd ? truth.worst * times : Int128{truth.worst_tokens};
        if (part.held < worst) {
            find(fmt::format("I10: {}: {} held of budget {}, may bill {}", truth.call,
                             to_string(part.held), part.budget_id, to_string(worst)));
        }
    }
}

// Memory had no room for that balance, and lets nobody spend of it.
bool Auditor::is_shut(WeirProcess& process, const store::Balance& balance) {
    auto spec = std::ranges::find(specs_, balance.budget_id, &core::BudgetSpec::id);
    return std::ranges::any_of(attempts_, [&](const auto& entry) {
        const ledger::AttemptHead& head = entry.second.admit.head;
        return core::budget_matches(*spec, head.attribution, head.provider, head.model) &&
               core::budget_instance(*spec, head.attribution, head.provider, head.model) ==
                   balance.instance &&
               is_refused(process, head);
    });
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
        if (!in_force_.contains(b.budget_id)) continue;
        auto at = memory.find({b.budget_id, b.instance, b.window.start});
        const bool is_same = at != memory.end() && at->second.settled == b.settled &&
                             at->second.overrun == b.overrun;
        // A budget without `by` is told of where it has no balance, too.
        const bool is_absent = at == memory.end() || at->second == Figures{};
        if (!is_same && (!is_absent || (b.settled != 0 && !is_shut(process, b)))) {
            find(fmt::format("I7: budget {} '{}': the store says {} over {}, memory {}",
                             b.budget_id, b.instance, to_string(b.settled), to_string(b.overrun),
                             at == memory.end() ? "nothing" : to_string(at->second.settled)));
        }
        if (at != memory.end()) memory.erase(at);
    }
    for (const auto& [key, f] : memory) {
        if (f.settled != 0) find("I7: memory has a balance that the store has not");
    }
    if (!has_lost_ && ended_ahead_.empty()) check_sums(**queries);
}

// I5: whatever one groups by, it is the same money.
void Auditor::check_sums(store::Queries& queries) {
    Int128 cost = 0;
    Int128 charge = 0;
    for (const auto& [id, attempt] : attempts_) {
        if (!attempt.end) continue;
        cost += attempt.end->cost.pico();
        charge += attempt.end->charge.pico();
        for (const auto& correction : attempt.corrections) {
            cost += correction.cost_delta.pico();
            charge += correction.charge_delta.pico();
        }
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
