#include "sim/world/operators.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "sim/world/sample_policy.h"

namespace weir::world {
namespace {

constexpr std::int64_t kCent = 10'000'000'000;

const std::array<std::shared_ptr<const core::PriceBook>, kPriceTimesMax>& books() {
    static const std::array kBooks{price_book(1), price_book(2), price_book(3)};
    return kBooks;
}

Int128 between(Rng& rng, std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(high - low)));
}

core::BudgetSpec by(core::BudgetSpec spec, core::Dimension dimension, std::string name) {
    spec.by = dimension;
    spec.name = std::move(name);
    spec.where.clear();
    return spec;
}

}  // namespace

std::int64_t price_times(const std::string& book_hash) {
    for (std::size_t i = 0; i < books().size(); ++i) {
        if (books()[i]->hash() == book_hash) return static_cast<std::int64_t>(i) + 1;
    }
    return 1;
}

std::vector<core::BudgetSpec> draw_budgets(Rng& rng) {
    using core::BudgetUnit;
    using core::Dimension;
    std::vector<core::BudgetSpec> out{
        team_budget(1, "support", kCent * between(rng, 10, 110)), team_budget(2, "research", kCent),
        key_budget(3, BudgetUnit::tokens, between(rng, 20'000, 220'000)),
        // The only one of its unit: it tells the auditor which attempt is a call's first.
        key_budget(4, BudgetUnit::calls, 10'000)};
    if (rng.below(3) == 0) out[1].blocking = core::Blocking::always;
    if (rng.below(2) == 0) {
        out.push_back(by(team_budget(5, "", kCent * between(rng, 2, 30)), Dimension::trajectory,
                         "each trajectory"));
    }
    if (rng.below(3) == 0) {
        out.push_back(by(key_budget(6, BudgetUnit::repeats, between(rng, 1, 6)),
                         Dimension::trajectory, "repeats of a trajectory"));
    }
    if (rng.below(3) == 0) out.push_back(key_budget(7, BudgetUnit::attempts, between(rng, 10, 80)));
    if (rng.below(3) == 0) {
        out.push_back(
            by(team_budget(8, "", kCent * between(rng, 5, 60)), Dimension::key, "hourly"));
        out.back().window = core::WindowKind::hour;
        out.back().clamp = core::Clamp::off;
    }
    for (core::BudgetSpec& spec : out) {
        if (rng.below(3) == 0) spec.clamp = static_cast<core::Clamp>(rng.below(4));
        if (spec.unit != BudgetUnit::calls && rng.below(12) == 0) spec.observe = true;
    }
    return out;
}

std::vector<core::RateLimitSpec> draw_rate_limits(Rng& rng) {
    std::vector<core::RateLimitSpec> out;
    if (rng.below(2) == 0) return out;
    out.push_back({.name = "keys", .by = core::Dimension::key});
    out.back().requests = static_cast<std::int64_t>(20 + rng.below(200));
    out.back().parallel = static_cast<std::int64_t>(1 + rng.below(6));
    if (rng.below(2) == 0) {
        out.push_back({.name = "tokens",
                       .where = {{core::Dimension::team, {"support"}}},
                       .tokens = static_cast<std::int64_t>(50'000 + rng.below(500'000))});
    }
    return out;
}

bool Operators::change(WeirProcess& weir) {
    std::uint64_t what = scheduler_.rng().below(10);
    Result<> done;
    if (what < 2) {
        done = raise(weir);
    } else if (what < 7) {
        change_budget();
    } else {
        change_rules(weir.treasury().now());
    }
    if (done) done = weir.publish(wanted_);
    scheduler_.note(last_change_);
    if (!done) last_change_ += ": not in force yet";
    return done.has_value();
}

void Operators::change_budget() {
    std::vector<core::BudgetSpec>& budgets = wanted_.budgets;
    Rng& rng = scheduler_.rng();
    std::uint64_t how = rng.below(8);
    if (how == 0 && !removed_.empty()) {
        last_change_ = "brings back budget " + removed_.back().name;
        budgets.push_back(removed_.back());
        removed_.pop_back();
        return;
    }
    std::size_t at = rng.below(budgets.size());
    core::BudgetSpec& budget = budgets[at];
    last_change_ = "budget " + budget.name;
    if (budget.unit == core::BudgetUnit::calls) return;  // nothing but read again
    if (how <= 1) {
        last_change_ += " is removed";
        removed_.push_back(budget);
        budgets.erase(budgets.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (how == 2) {
        reshape(budget);
    } else if (how == 3) {
        budget.observe = !budget.observe && rng.below(2) == 0;
        last_change_ += budget.observe ? " only watches" : " is applied";
    } else if (how == 4) {
        budget.clamp = static_cast<core::Clamp>(rng.below(4));
        last_change_ += fmt::format(" has clamp {}", core::clamp_name(budget.clamp));
    } else {
        budget.amount = how == 5 ? budget.amount / 2 : budget.amount * 3 / 2 + 1;
        last_change_ += fmt::format(" is set to {}", to_string(budget.amount));
    }
}

// What it counts is another thing afterwards: another budget by the same name.
void Operators::reshape(core::BudgetSpec& budget) {
    constexpr std::array kWindows{core::WindowKind::hour, core::WindowKind::day,
                                  core::WindowKind::month, core::WindowKind::total};
    if (budget.by == core::Dimension::key && scheduler_.chance(50)) {
        budget.by = core::Dimension::team;
        last_change_ += " is by team";
    } else {
        budget.window = kWindows[scheduler_.rng().below(kWindows.size())];
        last_change_ += fmt::format(" is for a {}", core::window_name(budget.window));
    }
}

Result<> Operators::raise(WeirProcess& weir) {
    const auto& budgets = weir.policy().budgets;
    if (budgets.empty()) return {};
    const core::BudgetSpec& budget = budgets[scheduler_.rng().below(budgets.size())];
    if (!budget.raises.empty()) {
        last_change_ = "ends the raises of budget " + budget.name;
        return weir.end_raises(budget.name);
    }
    last_change_ = "raises budget " + budget.name;
    core::BudgetRaise more{.by = budget.amount / 2 + 1, .reason = "a busy day"};
    more.until =
        weir.treasury().now() + scheduler_.between(std::chrono::seconds{5}, std::chrono::hours{2});
    return weir.raise(budget.name, std::move(more));
}

void Operators::change_rules(UnixTime now) {
    Rng& rng = scheduler_.rng();
    switch (rng.below(6)) {
        case 0: {
            std::uint64_t times = rng.below(kPriceTimesMax);
            wanted_.prices = books()[times];
            last_change_ = fmt::format("prices are {} times as high", times + 1);
            return;
        }
        case 1:
            wanted_.access.clear();
            last_change_ = "everybody may use everything";
            if (rng.below(2) == 0) return;
            wanted_.access = {{.name = "cheap", .models = {"sim-small", "claude-*", "sim-embed"}}};
            wanted_.access[0].observe = rng.below(2) == 0;
            last_change_ = "not everybody may use everything";
            return;
        case 2:
            wanted_.observing.reset();
            last_change_ = "everything is applied";
            if (rng.below(3) != 0) return;
            wanted_.observing = core::Observing{
                .until = now + scheduler_.between(std::chrono::seconds{1}, std::chrono::seconds{8}),
                .reason = "an incident",
                .actor = "operator",
                .since = now};
            last_change_ = "nothing is applied for a while";
            return;
        case 3:
            wanted_.rate_limits = draw_rate_limits(rng);
            last_change_ = fmt::format("{} rate limits", wanted_.rate_limits.size());
            return;
        case 4:
            wanted_.limits.busy_wait_ms = rng.below(2) == 0 ? 0 : 2'000;
            last_change_ = fmt::format("busy calls wait {} ms", wanted_.limits.busy_wait_ms);
            return;
        default:
            wanted_.stops.clear();
            last_change_ = "nothing is stopped";
            if (rng.below(3) != 0) return;
            wanted_.stops = {{.id = 1, .where = {{core::Dimension::team, {"research"}}}}};
            last_change_ = "research is stopped";
    }
}

}  // namespace weir::world
