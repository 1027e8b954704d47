// Histories of the second world: whatever a seed does to Weir, the books are right at every instant
// (ledger.md §3, I1–I13).
#include "sim/world/world.h"

#include <gtest/gtest.h>

#include "sim/world/auditor.h"
#include "sim/world/data_image.h"
#include "store/budget_rows.h"

namespace weir::world {
namespace {

TEST(World, ASeedHasOneHistory) {
    WorldOptions options = options_of_seed(3);
    WorldReport first = run_world(options);
    WorldReport again = run_world(options);
    EXPECT_EQ(first.hash, again.hash);
    EXPECT_EQ(first.steps, again.steps);
    EXPECT_EQ(first.text(), again.text());
    EXPECT_NE(first.hash, run_world(options_of_seed(4)).hash);
}

TEST(World, NoSeedBreaksTheBooks) {
    WorldReport sum;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        WorldReport report = run_world(options_of_seed(seed));
        EXPECT_TRUE(report.findings.empty()) << "weir-world --seed " << seed << "\n"
                                             << report.text();
        sum.answered += report.answered;
        sum.refused += report.refused;
        sum.billed += report.billed;
        sum.orphaned += report.orphaned;
        sum.kills += report.kills;
        sum.power_cuts += report.power_cuts;
        sum.restarts += report.restarts;
    }
    // It was no quiet world.
    EXPECT_GT(sum.answered, 500u);
    EXPECT_GT(sum.refused, 50u);
    EXPECT_GT(sum.billed, 500u);
    EXPECT_GT(sum.orphaned, 20u);
    EXPECT_GT(sum.kills, 20);
    EXPECT_GT(sum.power_cuts, 5);
    EXPECT_GT(sum.restarts, 5);
}

// The auditor is no ornament: it finds what is wrong.
class AuditorSees : public ::testing::Test {
 protected:
    AuditorSees() : machine(1), vendor(machine.scheduler, machine.internet, {}, {.percent = 0}) {
        company.policy.budgets = {team_budget(1, "support", 1'000'000'000'000)};
        budget = store::budget_id_of(company.policy.budgets[0]);
        policy = company.snapshot();
        customers = std::make_unique<Customers>(
            machine.scheduler, company, CustomerHabits{.customers = 1, .leave_percent = 0},
            Customers::Door{.dial = [this](const Link& l) { return weir->dial(0, l); },
                            .process =
                                [] {
                                    return std::uint64_t{1};
                                }});
        auditor = std::make_unique<Auditor>(machine.scheduler, *policy, vendor, *customers);
        weir = std::make_unique<WeirProcess>(
            machine, ProcessOptions{.data_dir = scratch.path("data"), .policy = policy});
        EXPECT_TRUE(weir->start());
        auditor->begin(*weir, false);
    }
    ~AuditorSees() override { weir.reset(); }
    void live(int calls) {
        customers->add_calls(calls);
        machine.scheduler.run_until([&] { return customers->done() && weir->open_calls() == 0; },
                                    std::chrono::hours{1});
    }
    std::string found() {
        auditor->changed(*weir);  // something may have
        auditor->look(*weir);
        return auditor->findings().empty() ? "" : auditor->findings().front();
    }
    core::WindowSpan window() { return weir->treasury().figures().front().window; }

    Scratch scratch;
    Machine machine;
    Company company = sample_company();
    std::uint64_t budget = 0;
    std::shared_ptr<const core::Policy> policy;
    Vendor vendor;
    std::unique_ptr<WeirProcess> weir;
    std::unique_ptr<Customers> customers;
    std::unique_ptr<Auditor> auditor;
};

TEST_F(AuditorSees, NothingWhereAllIsRight) {
    live(10);
    EXPECT_EQ(found(), "");
    auditor->close(*weir);
    EXPECT_TRUE(auditor->findings().empty());
    EXPECT_FALSE(vendor.book().empty());
}

TEST_F(AuditorSees, MoneyThatMemoryLost) {
    live(5);
    ASSERT_EQ(found(), "");
    weir->treasury().correct(budget, "", window(), -1);
    EXPECT_NE(found().find("I7"), std::string::npos) << found();
}

TEST_F(AuditorSees, AHoldThatIsInNoJournal) {
    live(5);
    core::Attribution a;
    a.offer(core::Dimension::team, "support", core::Source::key);
    core::ReserveRequest request;
    request.attribution = &a;
    request.usd_bound = Money::from_pico(5);
    request.now = weir->treasury().now();
    core::Verdict verdict;
    core::RateVerdict rates;
    core::RateTicket ticket;
    ASSERT_TRUE(weir->treasury().reserve(request, verdict, rates, ticket));
    EXPECT_NE(found().find("I7"), std::string::npos) << found();
}

TEST_F(AuditorSees, AnEndThatFreesMoreThanWasBilled) {
    live(5);
    ASSERT_EQ(found(), "");
    ledger::EndRecord end;
    ledger::JournalReader reader(weir->journal_path());
    ASSERT_TRUE(reader.poll(1'000, [&](ledger::Record&& r) {
        auto* e = std::get_if<ledger::EndRecord>(&r);
        if (e != nullptr && e->head.attribution.of(core::Dimension::team) == "support") end = *e;
    }));
    // An end with an earlier instant wins, and says that nothing was spent.
    end.at = end.head.admitted_at;
    end.cost = end.charge = {};
    ASSERT_TRUE(weir->journal().append(ledger::Record{end}));
    auditor->look_at_crash();
    bool truth = std::ranges::any_of(auditor->findings(), [](const std::string& f) {
        return f.find("I3") != std::string::npos;
    });
    EXPECT_TRUE(truth);
}

}  // namespace
}  // namespace weir::world
