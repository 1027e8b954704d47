#include "app/correction.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <gtest/gtest.h>

#include "ledger/disk.h"
#include "store/store_fixture.h"

namespace weir::app {
namespace {

class FailingDisk final : public ledger::Disk {
 public:
    std::atomic<int> syncs_to_fail{0};
    int sync(int fd) override {
        if (syncs_to_fail.load() > 0) {
            --syncs_to_fail;
            return EIO;
        }
        return Disk::sync(fd);
    }
};

class CorrectionTest : public testing::Test {
 protected:
    CorrectionTest() {
        const std::string journal = scratch_.file("journal");
        std::filesystem::create_directory(journal);
        ledger::JournalOptions options;
        options.directory = journal;
        options.segment_bytes = 1u << 20;
        options.clock = &clock_;
        options.disk = disk_;
        writer_ = ledger::JournalWriter::open(options, 1, 0).value();
        store::BookkeeperOptions books;
        books.database_path = scratch_.file("weir.db");
        books.journal_directory = journal;
        books.watermark_bytes = 0;
        books_ = std::make_unique<store::BookkeeperThread>(store::Bookkeeper::open(books).value(),
                                                           nullptr);
        queries_ = store::Queries::open(books.database_path).value();
        EXPECT_TRUE(writer_->append(store::end_of(store::attempt(1))));
        core::BudgetSpec budget;
        budget.id = store::end_of(store::attempt(1)).parts.at(0).budget_id;
        budget.amount = Money::from_usd(500).pico();
        treasury_.define({budget});
    }
    Result<std::string> correct() {
        return apply_correction({*books_, *queries_, *writer_, treasury_},
                                store::correction_of(store::attempt(1), 70));
    }
    Int128 settled() { return treasury_.figures().at(0).settled; }
    std::size_t in_books() {
        EXPECT_TRUE(books_->flush());
        return queries_->call(store::attempt(1).call).value().attempts.at(0).corrections.size();
    }

    store::ScratchDirectory scratch_;
    store::StandingClock clock_{store::kNoon + 60};
    std::shared_ptr<FailingDisk> disk_ = std::make_shared<FailingDisk>();
    std::unique_ptr<ledger::JournalWriter> writer_;
    std::unique_ptr<store::BookkeeperThread> books_;
    std::unique_ptr<store::Queries> queries_;
    gateway::Treasury treasury_{clock_};
};

TEST_F(CorrectionTest, CountsInBooksAndBalances) {
    EXPECT_EQ(correct().value(), "");
    EXPECT_EQ(settled(), Int128{70});
    EXPECT_EQ(in_books(), 1u);
}

TEST_F(CorrectionTest, IsWrittenAgainWhereASyncFailedAndCountsOnce) {
    disk_->syncs_to_fail = 1;
    EXPECT_EQ(correct().value(), "");
    EXPECT_EQ(settled(), Int128{70});
    EXPECT_EQ(in_books(), 1u);
    EXPECT_EQ(books_->counters().duplicates, 1);
}

TEST_F(CorrectionTest, CountsAndIsToldSoWhereTheDiskDoesNotConfirmIt) {
    disk_->syncs_to_fail = 1'000;
    const Result<std::string> note = correct();
    ASSERT_TRUE(note) << "an error would have it said again";
    EXPECT_TRUE(note->contains("the disk has not confirmed it"));
    EXPECT_EQ(settled(), Int128{70});
    EXPECT_EQ(in_books(), 1u);
    disk_->syncs_to_fail = 0;
}

TEST_F(CorrectionTest, OfWhatHasNotEndedChangesNothing) {
    EXPECT_EQ(apply_correction({*books_, *queries_, *writer_, treasury_},
                               store::correction_of(store::attempt(2), 70))
                  .error()
                  .code(),
              ErrorCode::not_found);
    books_->stop();
    EXPECT_FALSE(correct());
    EXPECT_EQ(settled(), Int128{0});
}

}  // namespace
}  // namespace weir::app
