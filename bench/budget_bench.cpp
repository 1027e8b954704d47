// Admission: one reserve and its settle, across the budgets that match. One core, no lock.
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/random.h"
#include "core/budget.h"

namespace weir::core {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'478'400);

BudgetSpec spec_of(std::uint64_t id, std::optional<Dimension> by, BudgetUnit unit) {
    BudgetSpec spec{.id = id, .name = "b", .by = by, .unit = unit};
    spec.amount = Money::from_usd(1'000'000'000).pico();
    return spec;
}

// Organisation, team × environment, application, key, trajectory in USD and in calls.
std::vector<BudgetSpec> six_budgets() {
    std::vector<BudgetSpec> out{
        spec_of(1, {}, BudgetUnit::usd),
        spec_of(2, Dimension::team, BudgetUnit::usd),
        spec_of(3, Dimension::application, BudgetUnit::tokens),
        spec_of(4, Dimension::key, BudgetUnit::usd),
        spec_of(5, Dimension::trajectory, BudgetUnit::usd),
        spec_of(6, Dimension::trajectory, BudgetUnit::calls),
    };
    out[1].where = {{Dimension::environment, {"development"}}};
    out[4].where = {{Dimension::application, {"support"}}};
    return out;
}

std::vector<Attribution> callers(std::size_t trajectories) {
    std::vector<Attribution> out(trajectories);
    SeededRng rng{1};
    for (Attribution& who : out) {
        who.offer(Dimension::team, "team-" + std::to_string(rng.below(8)), Source::key);
        who.offer(Dimension::environment, "development", Source::key);
        who.offer(Dimension::key, "Ab3dE6gHi9" + std::to_string(10 + rng.below(50)), Source::key);
        who.offer(Dimension::application, "support", Source::header);
        std::string id = "0198f2a4-7c1e-7bd0-9d9f-";
        for (int i = 0; i < 12; ++i) id.push_back("0123456789abcdef"[rng.below(16)]);
        who.offer(Dimension::trajectory, id, Source::header);
    }
    return out;
}

void reserve_and_settle(benchmark::State& state, std::vector<BudgetSpec> specs) {
    Budgets budgets;
    budgets.define(std::move(specs));
    const std::vector<Attribution> who = callers(static_cast<std::size_t>(state.range(0)));
    Verdict verdict;
    std::size_t i = 0;
    for (auto _ : state) {
        const ReserveRequest request{.attribution = &who[i],
                                     .provider = "openai",
                                     .model = "gpt-6-luna",
                                     .usd_bound = Money::from_pico(2'000'000'000),
                                     .token_bound = 20'000,
                                     .now = kNow};
        const Result<> done = budgets.reserve(request, verdict);
        benchmark::DoNotOptimize(done.has_value());
        budgets.settle(verdict.parts, {.usd = Money::from_pico(900'000'000), .tokens = 9'000});
        if (++i == who.size()) i = 0;
    }
    WEIR_CHECK(verdict.kind == VerdictKind::admitted && verdict.parts.size() == 6);
    WEIR_CHECK(budgets.books_balance());
    state.SetItemsProcessed(state.iterations());
}

void six_matching(benchmark::State& state) { reserve_and_settle(state, six_budgets()); }
BENCHMARK(six_matching)->Arg(8)->Arg(10'000)->Arg(300'000);

// The same among 200 budgets of other teams, and 50 that have to be looked at.
void six_of_256(benchmark::State& state) {
    std::vector<BudgetSpec> specs = six_budgets();
    for (std::uint64_t id = 10; id < 210; ++id) {
        specs.push_back(spec_of(id, {}, BudgetUnit::usd));
        specs.back().where = {{Dimension::team, {"other-" + std::to_string(id)}}};
    }
    for (std::uint64_t id = 300; id < 350; ++id) {
        specs.push_back(spec_of(id, {}, BudgetUnit::usd));
        specs.back().where = {{Dimension::application, {"app-" + std::to_string(id)}}};
    }
    reserve_and_settle(state, std::move(specs));
}
BENCHMARK(six_of_256)->Arg(10'000);

}  // namespace
}  // namespace weir::core

BENCHMARK_MAIN();
