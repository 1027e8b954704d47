// Admission: one reserve and its settle, across the budgets that match. One core, no lock.
#include <benchmark/benchmark.h>
#include <mutex>

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

// One call's, as the road has it at hand when it reserves.
Attribution caller() {
    Attribution who;
    who.offer(Dimension::team, "team-7", Source::key);
    who.offer(Dimension::environment, "development", Source::key);
    who.offer(Dimension::key, "Ab3dE6gHi912", Source::key);
    who.offer(Dimension::application, "support", Source::header);
    who.offer(Dimension::trajectory, "0198f2a4-7c1e-7bd0-9d9f-000000000000", Source::header);
    return who;
}

// UUIDs, whose ends count.
std::vector<std::string> trajectory_ids(std::size_t count) {
    std::vector<std::string> out(count);
    SeededRng rng{1};
    for (std::string& id : out) {
        id = "0198f2a4-7c1e-7bd0-9d9f-";
        for (int i = 0; i < 12; ++i) id.push_back("0123456789abcdef"[rng.below(16)]);
    }
    return out;
}

// Calls of known trajectories, one after the other: what a new one costs is another figure.
class Calls {
 public:
    explicit Calls(std::size_t trajectories) : ids_(trajectory_ids(trajectories)) {
        who_ = caller();
    }
    void make_known(Budgets& budgets) {
        for (std::size_t known = 0; known < ids_.size(); ++known) {
            reserve(budgets);
            settle(budgets);
        }
    }
    void reserve(Budgets& budgets) {
        who_.values[static_cast<std::size_t>(Dimension::trajectory)] = ids_[next_];
        digit(Dimension::team) = static_cast<char>('0' + next_ % 8);
        digit(Dimension::key) = static_cast<char>('0' + next_ % 10);
        const ReserveRequest request{.attribution = &who_,
                                     .provider = "openai",
                                     .model = "gpt-6-luna",
                                     .usd_bound = Money::from_pico(2'000'000'000),
                                     .token_bound = 20'000,
                                     .now = kNow};
        const Result<> done = budgets.reserve(request, verdict_);
        benchmark::DoNotOptimize(done.has_value());
        if (++next_ == ids_.size()) next_ = 0;
    }
    void settle(Budgets& budgets) {
        budgets.settle(verdict_.parts, {.usd = Money::from_pico(900'000'000), .tokens = 9'000});
    }
    void check() const {
        WEIR_CHECK(verdict_.kind == VerdictKind::admitted && verdict_.parts.size() == 6);
    }

 private:
    char& digit(Dimension d) { return who_.values[static_cast<std::size_t>(d)].back(); }

    std::vector<std::string> ids_;
    Attribution who_;
    Verdict verdict_;
    std::size_t next_ = 0;
};

void reserve_and_settle(benchmark::State& state, std::vector<BudgetSpec> specs) {
    Budgets budgets;
    budgets.define(std::move(specs));
    Calls calls{static_cast<std::size_t>(state.range(0))};
    calls.make_known(budgets);
    for (auto _ : state) {
        calls.reserve(budgets);
        calls.settle(budgets);
    }
    calls.check();
    WEIR_CHECK(budgets.books_balance());
    state.SetItemsProcessed(state.iterations());
}

void six_matching(benchmark::State& state) { reserve_and_settle(state, six_budgets()); }
BENCHMARK(six_matching)->Arg(8)->Arg(10'000)->Arg(100'000)->Arg(300'000);

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

// Workers share the budgets under one lock: a reserve and a settle take it once each.
void six_from_workers(benchmark::State& state) {
    static Budgets* budgets = nullptr;
    static std::mutex mutex;
    if (state.thread_index() == 0) {
        budgets = new Budgets;
        budgets->define(six_budgets());
        Calls{10'000}.make_known(*budgets);
    }
    Calls calls{10'000};
    for (auto _ : state) {
        {
            const std::lock_guard lock{mutex};
            calls.reserve(*budgets);
        }
        const std::lock_guard lock{mutex};
        calls.settle(*budgets);
    }
    calls.check();
    if (state.thread_index() == 0) delete std::exchange(budgets, nullptr);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(six_from_workers)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace weir::core

BENCHMARK_MAIN();
