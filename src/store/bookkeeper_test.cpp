#include "store/bookkeeper.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>

#include "ledger/journal.h"
#include "ledger/segment.h"
#include "store/backlog.h"
#include "store/chain_heads.h"
#include "store/recovery.h"
#include "store/schema.h"
#include "store/store_fixture.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

struct Company {
    ScratchDirectory scratch;
    StandingClock clock;
    std::string journal = scratch.file("journal");
    std::unique_ptr<ledger::JournalWriter> writer;

    Company() {
        fs::create_directory(journal);
        writer = open_writer(1, 0);
    }
    std::unique_ptr<ledger::JournalWriter> open_writer(std::uint32_t epoch, std::uint16_t worker) {
        ledger::JournalOptions options;
        options.directory = journal;
        options.segment_bytes = 1u << 20;
        options.clock = &clock;
        return ledger::JournalWriter::open(options, epoch, worker).value();
    }
    void call(std::uint64_t seq) {
        ASSERT_TRUE(writer->append(admit_of(attempt(seq))));
        ASSERT_TRUE(writer->append(dispatched_of(attempt(seq))));
        ASSERT_TRUE(writer->append(end_of(attempt(seq))));
    }
    BookkeeperOptions options(const std::string& name = "weir.db") {
        BookkeeperOptions options;
        options.database_path = scratch.file(name);
        options.journal_directory = journal;
        options.records_a_transaction = 7;
        return options;
    }
    std::string totals(const std::string& name = "weir.db") {
        Database database = open_store(scratch.file(name)).value();
        return database
            .query_text(
                "SELECT (SELECT count(*) FROM entries)||' '||(SELECT sum(attempts)||' '||"
                "sum(cost_pico) FROM rollup_hours)||' '||(SELECT group_concat(budget||'='||"
                "instance||'='||settled) FROM (SELECT * FROM balances ORDER BY 1,2,3))")
            .value()
            .value_or("");
    }
};

TEST(Backlog, IsWhatTheJournalHoldsAndTheBooksDoNot) {
    Company company;
    for (std::uint64_t seq = 1; seq <= 20; ++seq) company.call(seq);
    auto bookkeeper = Bookkeeper::open(company.options()).value();
    ASSERT_EQ(bookkeeper->fold_some(31).value(), 31u);
    Database reader = open_store_reader(company.scratch.file("weir.db")).value();
    EXPECT_EQ(records_folded(reader).value(), 31);
    EXPECT_EQ(records_to_fold(reader, company.journal).value(), 60);
    ASSERT_EQ(bookkeeper->fold_all().value(), 29u);
    EXPECT_EQ(records_folded(reader).value(), 60);
    EXPECT_EQ(records_to_fold(reader, company.journal).value(), 60);
}

TEST(ChainHeads, AreTheNewestOfEachFamilyUntilItsSegmentsGo) {
    Company company;
    auto bookkeeper = Bookkeeper::open(company.options()).value();
    const auto head = [](std::uint32_t epoch, std::uint32_t seq) {
        ledger::ChainHead out{.segment = {epoch, 0, seq}};
        out.digest.fill(static_cast<std::uint8_t>(seq));
        return out;
    };
    for (const auto& [epoch, seq] : {std::pair{1u, 1u}, {2u, 1u}, {1u, 2u}}) {
        ASSERT_TRUE(bookkeeper->keep_chain_head(head(epoch, seq)));
    }
    Database reader = open_store_reader(company.scratch.file("weir.db")).value();
    const auto kept = [&] {
        std::string out;
        for (const ledger::ChainHead& h : read_chain_heads(reader).value()) {
            EXPECT_EQ(h.digest, head(1, h.segment.seq).digest);
            out += h.segment.file_name() + " ";
        }
        return out;
    };
    EXPECT_EQ(kept(), head(1, 2).segment.file_name() + " " + head(2, 1).segment.file_name() + " ");
    ASSERT_TRUE(bookkeeper->forget_chain_heads({{1, 0, 1}, {2, 0, 1}}));
    EXPECT_EQ(kept(), head(1, 2).segment.file_name() + " ");
}

TEST(Bookkeeper, DeathBetweenJournalAndCommitCountsEachRecordOnce) {
    Company company;
    for (std::uint64_t seq = 1; seq <= 20; ++seq) company.call(seq);
    {
        auto bookkeeper = Bookkeeper::open(company.options()).value();
        ASSERT_EQ(bookkeeper->fold_some(31).value(), 31u);
        ASSERT_TRUE(bookkeeper->checkpoint());
        // The database as a crash would leave it here, with 29 records only in the journal.
        fs::copy_file(company.scratch.file("weir.db"), company.scratch.file("crashed.db"));
        ASSERT_EQ(bookkeeper->fold_all().value(), 29u);
    }
    auto revived = Bookkeeper::open(company.options("crashed.db")).value();
    EXPECT_EQ(revived->fold_all().value(), 29u);
    EXPECT_EQ(revived->counters().duplicates, 0);
    EXPECT_EQ(company.totals("crashed.db"), company.totals());
}

TEST(Bookkeeper, RebuildFromTheJournalGivesTheSameBooks) {
    Company company;
    auto first = Bookkeeper::open(company.options()).value();
    for (std::uint64_t seq = 1; seq <= 15; ++seq) {
        company.call(seq);
        ASSERT_TRUE(first->fold_some(2));
    }
    ASSERT_TRUE(first->fold_all());
    auto rebuilt = Bookkeeper::open(company.options("rebuilt.db")).value();
    EXPECT_EQ(rebuilt->fold_all().value(), 45u);
    EXPECT_EQ(company.totals("rebuilt.db"), company.totals());
}

TEST(Bookkeeper, EndInAnotherSegmentFamilyClosesTheHold) {
    Company company;
    ASSERT_TRUE(company.writer->append(admit_of(attempt(1))));
    ASSERT_TRUE(company.writer->append(dispatched_of(attempt(1))));
    auto bookkeeper = Bookkeeper::open(company.options()).value();
    ASSERT_EQ(bookkeeper->fold_all().value(), 2u);
    Database database = open_store(company.scratch.file("weir.db")).value();
    ASSERT_EQ(load_for_start(database, {0}, 2).value().holds.size(), 1u);
    auto next_start = company.open_writer(2, 0);
    ASSERT_TRUE(next_start->append(end_of(attempt(1), ledger::EndState::orphaned)));
    ASSERT_EQ(bookkeeper->fold_all().value(), 1u);
    EXPECT_TRUE(load_for_start(database, {0}, 2).value().holds.empty());
}

TEST(Bookkeeper, NearlyFullDiskStopsItBeforeItTakesTheRoomOfRunningCalls) {
    Company company;
    company.call(1);
    BookkeeperOptions options = company.options();
    options.watermark_bytes = UINT64_MAX;
    auto waiting = Bookkeeper::open(options).value();
    const auto folded = waiting->fold_all();
    ASSERT_FALSE(folded);
    EXPECT_EQ(folded.error().code(), ErrorCode::io);
    auto later = Bookkeeper::open(company.options()).value();
    EXPECT_EQ(later->fold_all().value(), 3u);
}

TEST(Bookkeeper, LockedDatabaseLosesNothing) {
    Company company;
    company.call(1);
    auto bookkeeper = Bookkeeper::open(company.options()).value();
    {
        Database other = open_store(company.scratch.file("weir.db")).value();
        const auto lock = Transaction::begin(other);
        ASSERT_TRUE(lock);
        EXPECT_EQ(bookkeeper->fold_all().error().code(), ErrorCode::io);
    }
    EXPECT_EQ(bookkeeper->fold_all().value(), 3u);
}

// Flips a byte of the first frame's payload.
void damage(const std::string& segment) {
    std::fstream file{segment, std::ios::in | std::ios::out | std::ios::binary};
    const auto at = static_cast<std::streamoff>(ledger::kHeaderBytes + ledger::kFrameHead + 2);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x20);
    file.seekp(at);
    file.put(byte);
}

TEST(Bookkeeper, DamageInOneFamilyDoesNotKeepTheOthersOutOfTheBooks) {
    Company company;
    company.call(1);
    damage(company.journal + "/1.0.1.wj");
    auto other = company.open_writer(1, 1);
    for (std::uint64_t seq = 1; seq <= 20; ++seq) {
        ASSERT_TRUE(other->append(end_of(attempt(seq, 1, 1, 1))));
    }
    auto bookkeeper = Bookkeeper::open(company.options()).value();
    const auto folded = bookkeeper->fold_all();
    ASSERT_FALSE(folded);
    EXPECT_EQ(folded.error().code(), ErrorCode::corrupt);
    EXPECT_EQ(bookkeeper->counters().records, 20);
}

TEST(Bookkeeper, FoldingAllEndsWhileCallsGoOn) {
    Company company;
    std::atomic<bool> stop{false};
    std::atomic<bool> over{false};
    std::thread road([&] {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
        for (std::uint64_t seq = 1; !stop && std::chrono::steady_clock::now() < until; ++seq) {
            EXPECT_TRUE(company.writer->append(end_of(attempt(seq))));
            std::this_thread::sleep_for(std::chrono::microseconds{50});
        }
        over = true;
    });
    BookkeeperOptions options = company.options();
    options.records_a_transaction = 8'192;
    auto bookkeeper = Bookkeeper::open(options).value();
    while (bookkeeper->counters().records == 0) ASSERT_TRUE(bookkeeper->fold_all());
    EXPECT_FALSE(over);
    stop = true;
    road.join();
}

TEST(BookkeeperThread, CheckpointWaitsForOneTransactionAndNotForTheBacklog) {
    Company company;
    constexpr std::int64_t kCalls = 2'000;
    for (std::uint64_t seq = 1; seq <= kCalls; ++seq) {
        ASSERT_TRUE(company.writer->append(end_of(attempt(seq))));
    }
    BookkeeperOptions options = company.options();
    options.records_a_transaction = 1;
    BookkeeperThread thread{Bookkeeper::open(options).value(), nullptr};
    ASSERT_TRUE(thread.checkpoint());
    EXPECT_LT(thread.counters().records, kCalls);
    // Nor does it rest between transactions that were full: that would take 40 s.
    const auto start = std::chrono::steady_clock::now();
    thread.stop();
    EXPECT_EQ(thread.counters().records, kCalls) << "a stop leaves nothing unread";
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{20});
}

TEST(BookkeeperThread, FlushIsABarrierForWhatWasAppendedBefore) {
    Company company;
    BookkeeperThread thread{Bookkeeper::open(company.options()).value(), nullptr};
    for (std::uint64_t seq = 1; seq <= 30; ++seq) {
        company.call(seq);
        ASSERT_TRUE(thread.flush());
        ASSERT_EQ(thread.counters().records, static_cast<std::int64_t>(seq) * 3);
    }
    EXPECT_TRUE(thread.checkpoint());
    thread.stop();
    EXPECT_EQ(thread.flush().error().code(), ErrorCode::shutting_down);
}

TEST(Schema, FileThatIsNoDatabaseIsRefusedWithWhatToDo) {
    ScratchDirectory scratch;
    std::ofstream{scratch.file("weir.db")} << std::string(9'000, 'x');
    const auto opened = open_store(scratch.file("weir.db"));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::corrupt);
    EXPECT_NE(opened.error().message().find("aside"), std::string_view::npos);
}

TEST(Schema, DamagedPageIsFoundWhenTheDatabaseIsOpened) {
    Company company;
    for (std::uint64_t seq = 1; seq <= 50; ++seq) company.call(seq);
    {
        auto bookkeeper = Bookkeeper::open(company.options()).value();
        ASSERT_TRUE(bookkeeper->fold_all());
        ASSERT_TRUE(bookkeeper->checkpoint());
    }
    const std::string path = company.scratch.file("weir.db");
    {
        std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
        for (std::uint64_t page = 40; (page + 1) * 4'096 <= fs::file_size(path); ++page) {
            file.seekp(static_cast<std::streamoff>(page * 4'096));
            file << std::string(600, '\x7f');
        }
    }
    const auto opened = open_store(path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::corrupt);
}

TEST(Schema, DatabaseOfANewerWeirIsLeftAlone) {
    ScratchDirectory scratch;
    ASSERT_TRUE(open_store(scratch.file("weir.db")).value().exec("PRAGMA user_version=99"));
    EXPECT_EQ(open_store(scratch.file("weir.db")).error().code(), ErrorCode::conflict);
}

}  // namespace
}  // namespace weir::store
