#include <gtest/gtest.h>

#include "store/books_fixture.h"
#include "store/queries.h"

namespace weir::store {
namespace {

// Of every settled call of the fixture.
const Int128 kCost = Money::from_pico(900'000'000).pico();

class BudgetSpendTest : public ::testing::Test, protected Books {
 protected:
    Queries::InstanceSpend ask(const core::BudgetSpec& spec, std::vector<std::string> instances,
                               std::int64_t since = kNoon) {
        return queries->budget_spend({{&spec, UnixTime::from_seconds(since), std::move(instances)}})
            .value()
            .front();
    }

    std::unique_ptr<Queries> queries = Queries::open(scratch.file("weir.db")).value();
};

TEST_F(BudgetSpendTest, IsOfTheInstancesThatAreAskedFor) {
    settle(1, 12);  // 3, 6, 9, 12 are of the team support
    core::BudgetSpec spec{.name = "teams", .by = core::Dimension::team};
    const auto spent = ask(spec, {"support", "nobody", "research"});
    EXPECT_EQ(spent[0], 4 * kCost);
    EXPECT_EQ(spent[1], 0);
    EXPECT_EQ(spent[2], 8 * kCost);
    spec.unit = core::BudgetUnit::calls;
    EXPECT_EQ(ask(spec, {"support"})[0], 4);
    spec.unit = core::BudgetUnit::tokens;
    EXPECT_EQ(ask(spec, {"support"})[0], 4 * 420);
    spec.unit = core::BudgetUnit::repeats;
    EXPECT_EQ(ask(spec, {"support"})[0], std::nullopt);
}

TEST_F(BudgetSpendTest, CountsFromTheHourThatIsAskedForAndWithCorrections) {
    settle(1, 2);
    settle(7'300, 7'301);  // two hours later
    const core::BudgetSpec spec{.name = "all"};
    EXPECT_EQ(ask(spec, {""})[0], 4 * kCost);
    EXPECT_EQ(ask(spec, {""}, kNoon + 7'200)[0], 2 * kCost);
    take({correction_of(attempt(7'300), -100'000'000)});
    EXPECT_EQ(ask(spec, {""}, kNoon + 7'200)[0], 2 * kCost - 100'000'000);
}

TEST_F(BudgetSpendTest, ByGlobsAndByWhatOnlyEntriesTell) {
    settle(1, 10);
    const core::BudgetSpec glob{.name = "g", .where = {{core::Dimension::model, {"gpt-*"}}}};
    EXPECT_EQ(ask(glob, {""})[0], 10 * kCost);
    const core::BudgetSpec other{.name = "o", .where = {{core::Dimension::model, {"claude-*"}}}};
    EXPECT_EQ(ask(other, {""})[0], 0);
    const core::BudgetSpec spiral{.name = "t", .by = core::Dimension::trajectory};
    // 1 and 6 are of "ticket 1"; 6 is of another team.
    const auto spent = ask(spiral, {"research/ticket 1", "support/ticket 1", "support/(none)"});
    EXPECT_EQ(spent[0], kCost);
    EXPECT_EQ(spent[1], kCost);
    EXPECT_EQ(spent[2], 0);
    const core::BudgetSpec customers{.name = "c", .by = core::Dimension::customer};
    EXPECT_EQ(ask(customers, {"(none)"})[0], 10 * kCost);
}

}  // namespace
}  // namespace weir::store
