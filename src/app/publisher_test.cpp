#include "app/publisher.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "runtime/sha256.h"
#include "store/store_fixture.h"

namespace weir::app {
namespace {

core::BudgetSpec monthly(std::string name, std::int64_t usd) {
    core::BudgetSpec spec;
    spec.name = std::move(name);
    spec.amount = Money::from_usd(usd).pico();
    return spec;
}

class PublisherTest : public testing::Test {
 protected:
    PublisherTest() {
        const std::string database = scratch_.file("weir.db");
        const std::string journal = scratch_.file("journal");
        std::filesystem::create_directory(journal);
        writer_ = ledger::JournalWriter::open({.directory = journal,
                                               .segment_bytes = 1u << 20,
                                               .clock = &clock_,
                                               .disk = nullptr,
                                               .boot_id = ""},
                                              1, 0)
                      .value();
        store::BookkeeperOptions options;
        options.database_path = database;
        options.journal_directory = journal;
        options.watermark_bytes = 0;
        books_ = std::make_unique<store::BookkeeperThread>(store::Bookkeeper::open(options).value(),
                                                           nullptr);
        directory_ = store::Directory::open(database, runtime::sha256, rng_).value();
        queries_ = store::Queries::open(database).value();
        EXPECT_TRUE(directory_->create_team({"support", {}}, change_));
        publisher_.emplace(Publisher::Sources{*directory_, *queries_, *books_, treasury_},
                           [this](auto policy) { taken_ = std::move(policy); });
        EXPECT_TRUE(publish());
    }
    Result<> publish() { return publisher_->publish(config_, nullptr); }
    // From here on no flush succeeds.
    void lose_the_books() { books_->stop(); }
    std::string mint() {
        store::KeySpec spec;
        spec.name = "bot";
        spec.team = "support";
        return directory_->create_key(spec, change_).value().key.record.id;
    }

    store::ScratchDirectory scratch_;
    store::StandingClock clock_{store::kNoon + 60};
    SeededRng rng_{5};
    store::Change change_{"ada", UnixTime::from_seconds(store::kNoon)};
    std::unique_ptr<ledger::JournalWriter> writer_;
    std::unique_ptr<store::BookkeeperThread> books_;
    std::unique_ptr<store::Directory> directory_;
    std::unique_ptr<store::Queries> queries_;
    gateway::Treasury treasury_{clock_};
    Config config_;
    std::shared_ptr<const core::Policy> taken_;
    std::optional<Publisher> publisher_;
};

TEST_F(PublisherTest, RevokesAKeyWithoutTheBooks) {
    const std::string id = mint();
    ASSERT_TRUE(publish());
    ASSERT_FALSE(taken_->keys.at(id).revoked);
    lose_the_books();
    ASSERT_TRUE(directory_->revoke_key(id, change_));
    EXPECT_TRUE(publish());
    EXPECT_TRUE(taken_->keys.at(id).revoked);
    EXPECT_EQ(taken_, publisher_->policy());
}

TEST_F(PublisherTest, LowersABudgetWithoutTheBooks) {
    ASSERT_TRUE(publisher_->apply_budgets({monthly("all", 500)}));
    ASSERT_TRUE(publish());
    lose_the_books();
    ASSERT_TRUE(publisher_->apply_budgets({monthly("all", 3)}));
    EXPECT_TRUE(publish());
    ASSERT_EQ(treasury_.figures().size(), 1u);
    EXPECT_EQ(treasury_.figures()[0].amount, Money::from_usd(3).pico());
}

TEST_F(PublisherTest, NewBudgetStartsWithWhatWasSpent) {
    ASSERT_TRUE(writer_->append(store::end_of(store::attempt(1))));
    ASSERT_TRUE(publisher_->apply_budgets({monthly("late", 500)}));
    ASSERT_TRUE(publish());
    ASSERT_EQ(treasury_.figures().size(), 1u);
    EXPECT_EQ(treasury_.figures()[0].settled, store::end_of(store::attempt(1)).charge.pico());
}

TEST_F(PublisherTest, NewBudgetTakesWhatWasAdmittedBeforeItWasInForce) {
    ASSERT_TRUE(publish());
    ASSERT_TRUE(directory_->put_budget(monthly("late", 500), "api", change_));
    // Nothing of the budget is held by it.
    ASSERT_TRUE(writer_->append(store::end_of(store::attempt(1))));
    ASSERT_TRUE(publish());
    const Int128 charge = store::end_of(store::attempt(1)).charge.pico();
    EXPECT_EQ(treasury_.figures().at(0).settled, charge);
    ASSERT_TRUE(publish());
    EXPECT_EQ(treasury_.figures().at(0).settled, charge) << "once";
}

TEST_F(PublisherTest, NewBudgetThatTheBooksCannotSeedHoldsUpNothingElse) {
    ASSERT_TRUE(publisher_->apply_budgets({monthly("all", 500)}));
    ASSERT_TRUE(publish());
    const std::string id = mint();
    lose_the_books();
    // Refused before anything of it is stored.
    EXPECT_FALSE(publisher_->apply_budgets({monthly("other", 1)}));
    EXPECT_EQ(directory_->budgets().value().at(0).name, "all");
    // Stored, and then the books were lost.
    ASSERT_TRUE(directory_->put_budget(monthly("late", 1), "api", change_));
    const Result<> published = publish();
    ASSERT_FALSE(published);
    EXPECT_TRUE(published.error().message().contains("keys, teams and prices are in force"));
    EXPECT_TRUE(taken_->keys.contains(id));
    ASSERT_EQ(treasury_.figures().size(), 1u) << "the budget that was there goes on";
    EXPECT_EQ(treasury_.figures()[0].amount, Money::from_usd(500).pico());
}

}  // namespace
}  // namespace weir::app
