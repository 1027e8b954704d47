#include "store/simulation.h"

#include <gtest/gtest.h>

#include "store/books_fixture.h"
#include "store/budget_rows.h"
#include "store/price_source.h"

namespace weir::store {
namespace {

// Of every settled call of the fixture; each holds $0.002 for four seconds, one begins a second.
constexpr std::int64_t kCost = 900'000'000;

std::shared_ptr<const core::PriceBook> book_of(std::string_view overlay) {
    return core::PriceBook::build(parse_overlay(overlay).value()).value();
}

class SimulationTest : public ::testing::Test, protected Books {
 protected:
    core::BudgetSpec pot(std::int64_t pico) {
        core::BudgetSpec spec;
        spec.name = "pot";
        spec.amount = pico;
        spec.id = budget_id_of(spec);
        return spec;
    }
    Simulation plan(const core::BudgetSpec& spec) {
        return {.from = UnixTime::from_seconds(kNoon),
                .until = UnixTime::from_seconds(kNoon + 86'400),
                .budgets = {spec},
                .policy = std::make_shared<core::Policy>(),
                .prices = nullptr,
                .may_go_on = [] {
                    return Result<>{};
                }};
    }
    SimulationResult run(const Simulation& simulation) {
        Result<SimulationResult> result = simulate_budgets(scratch.file("weir.db"), simulation);
        EXPECT_TRUE(result) << result.error().message() << result.error().detail();
        return result ? std::move(*result) : SimulationResult{};
    }
};

TEST_F(SimulationTest, RefusesWhatWouldNotHaveFitted) {
    settle(1, 20);
    const core::ReplayReport report = run(plan(pot(10 * kCost))).report;
    EXPECT_EQ(report.seen.calls, 20);
    EXPECT_EQ(report.seen.cost.pico(), 20 * kCost);
    EXPECT_LE((report.seen.cost - report.refused.cost).pico(), 10 * kCost);
    EXPECT_EQ(report.refused.calls, 12) << "after eight, $0.0018 are left of what a call holds";
    EXPECT_EQ(run(plan(pot(1'000 * kCost))).report.refused.calls, 0);
}

TEST_F(SimulationTest, ReadsPageAfterPageInTheOrderOfAdmission) {
    settle(1, 10'000);
    take({refusal_of(attempt(10'001)), refusal_of(attempt(3, 2))});
    Simulation simulation = plan(pot(20'000 * kCost));
    int asked = 0;
    simulation.may_go_on = [&asked] {
        ++asked;
        return Result<>{};
    };
    const core::ReplayReport report = run(simulation).report;
    EXPECT_EQ(report.seen.calls, 10'000);
    EXPECT_EQ(report.refused.calls, 0);
    EXPECT_EQ(report.passing_calls, 2);
    EXPECT_EQ(asked, 3);
    simulation.may_go_on = []() -> Result<> {
        return fail(ErrorCode::shutting_down);
    };
    EXPECT_EQ(simulate_budgets(scratch.file("weir.db"), simulation).error().code(),
              ErrorCode::shutting_down);
}

TEST_F(SimulationTest, CountsInTokensCallsAndWithCorrections) {
    settle(1, 10);
    core::BudgetSpec spec = pot(10 * 420);
    spec.unit = core::BudgetUnit::tokens;
    spec.id = budget_id_of(spec);
    // Each holds 1,924 tokens, and uses 420 of 4,200: seven leave 1,260.
    EXPECT_EQ(run(plan(spec)).report.refused.calls, 4);
    spec.unit = core::BudgetUnit::calls;
    spec.amount = 7;
    EXPECT_EQ(run(plan(spec)).report.refused.calls, 3);
    take({correction_of(attempt(1), 5 * kCost)});
    const core::ReplayReport corrected = run(plan(pot(100 * kCost))).report;
    EXPECT_EQ(corrected.seen.cost.pico(), 15 * kCost);
}

TEST_F(SimulationTest, ProductionIsAsItsEnvironmentWas) {
    settle(1, 10);
    auto policy = std::make_shared<core::Policy>();
    policy->environments = {{"staging", {}, true}};
    Simulation simulation = plan(pot(5 * kCost));
    EXPECT_GT(run(simulation).report.refused.calls, 0);
    simulation.policy = policy;
    const core::ReplayReport report = run(simulation).report;
    EXPECT_EQ(report.refused.calls, 0);
    ASSERT_EQ(report.instances.size(), 1u);
    EXPECT_TRUE(report.instances[0].reached_at);
}

TEST_F(SimulationTest, OtherPricesMakeOtherCostsAndBounds) {
    settle(1, 20);
    take({admit_of(attempt(21)), end_of(attempt(21), ledger::EndState::unknown)});
    Simulation simulation = plan(pot(1'000 * kCost));
    // As it was: $1 and $5 a million. The unknown one is charged at its bound.
    simulation.prices =
        book_of("prices:\n  - {provider: openai, model: gpt-6-luna, input: 1, output: 5}\n");
    EXPECT_EQ(run(simulation).report.seen.cost.pico(), 21 * kCost);
    simulation.prices =
        book_of("prices:\n  - {provider: openai, model: gpt-6-luna, input: 2, output: 10}\n");
    const SimulationResult twice = run(simulation);
    EXPECT_EQ(twice.report.seen.cost.pico(), 42 * kCost);
    EXPECT_EQ(twice.unpriced, 0);
    // Twice the price under the same amount: as half the amount.
    simulation.budgets = {pot(20 * kCost)};
    const std::int64_t refused = run(simulation).report.refused.calls;
    simulation.prices = nullptr;
    simulation.budgets = {pot(10 * kCost)};
    EXPECT_EQ(run(simulation).report.refused.calls, refused);
    simulation.prices =
        book_of("prices:\n  - {provider: other, model: gpt-6-luna, input: 2, output: 10}\n");
    EXPECT_EQ(run(simulation).unpriced, 21);
}

}  // namespace
}  // namespace weir::store
