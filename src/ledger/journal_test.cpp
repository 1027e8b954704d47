#include "ledger/journal.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

#include "ledger/sample_journal.h"
#include "ledger/sample_records.h"
#include "ledger/segment.h"
#include "ledger/verify.h"

namespace weir::ledger {
namespace {

constexpr std::uint64_t kSmall = 64u << 10;

JournalOptions small(const std::string& directory, std::shared_ptr<Disk> disk = nullptr) {
    JournalOptions options;
    options.directory = directory;
    options.segment_bytes = kSmall;
    options.disk = std::move(disk);
    return options;
}

// One whole call; true if all of it was taken.
bool call(JournalWriter& writer, AttemptId id) {
    AdmitRecord admit = plain_admit(id);
    if (!writer.append(admit)) return false;
    EXPECT_TRUE(writer.append(plain_dispatched(admit)));
    EXPECT_TRUE(writer.append(plain_end(admit)));
    return true;
}

TEST(SegmentName, GoesThereAndBackAndTakesNothingElse) {
    SegmentName name{7, 2, 31};
    EXPECT_EQ(name.file_name(), "7.2.31.wj");
    EXPECT_EQ(SegmentName::parse("7.2.31.wj"), name);
    for (const char* text : {"", "7.2.wj", "7.2.31", "07.2.31.wj", "7.2.0.wj", "7.65536.1.wj",
                             "4294967296.0.1.wj", "7.2.31.wj.new", "-1.0.1.wj", "7.2.+3.wj"}) {
        EXPECT_FALSE(SegmentName::parse(text)) << text;
    }
}

TEST(Journal, ALiveReaderSeesWhatWasAppendedInOrder) {
    ScratchDirectory dir;
    auto writer = open_writer(small(dir.path()));
    JournalReader reader(dir.path());
    EXPECT_TRUE(read_on(reader).empty());
    SeededRng rng(5);
    for (int round = 0; round < 300; ++round) {
        std::vector<Record> written;
        for (auto n = rng.below(5); n > 0; --n) {
            Record record = random_record(rng);
            if (std::holds_alternative<AdmitRecord>(record)) continue;  // would hold a reserve
            if (writer->append(record)) written.push_back(std::move(record));
        }
        std::vector<Record> read = read_on(reader);
        ASSERT_EQ(read.size(), written.size());
        for (std::size_t i = 0; i < read.size(); ++i) EXPECT_TRUE(same_record(read[i], written[i]));
    }
    EXPECT_GT(reader.cursors().at(0).segment.seq, 3u) << "the test is to cross segments";
}

TEST(Journal, AWriterMayEndWhileItsReaderIsAtWork) {
    ScratchDirectory dir;
    auto writer = open_writer(small(dir.path()));
    ASSERT_TRUE(call(*writer, attempt_id(1, 0, 1)));
    JournalReader reader(dir.path());
    std::size_t records = 0;
    // The reader has listed the spare by now; the writer takes it away.
    auto read = reader.poll(SIZE_MAX, [&](Record&&) {
        if (++records == 3) writer.reset();
    });
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(records, 3u);
    EXPECT_TRUE(read_on(reader).empty()) << "nothing is read twice";
}

TEST(Journal, CursorsResumeAtEveryRecordAndSkipNone) {
    ScratchDirectory dir;
    {
        auto one = open_writer(small(dir.path()), 1, 0);
        auto two = open_writer(small(dir.path()), 1, 1);
        for (std::uint64_t i = 1; i <= 60; ++i) {
            ASSERT_TRUE(call(*one, attempt_id(1, 0, i)));
            ASSERT_TRUE(call(*two, attempt_id(1, 1, i)));
        }
    }
    std::map<std::string, int> seen;
    std::vector<Cursor> cursors;
    std::size_t total = 0;
    for (;;) {
        JournalReader reader(dir.path());
        reader.resume(cursors);
        auto records = read_on(reader, 7);
        for (const Record& r : records) {
            std::string bytes;
            encode(r, bytes);
            ++seen[bytes];
        }
        cursors = reader.cursors();
        total += records.size();
        if (records.empty()) break;
    }
    EXPECT_EQ(total, 360u);
    EXPECT_EQ(seen.size(), 360u);
}

TEST(Journal, SealedSegmentsAreCutToSizeAndChained) {
    ScratchDirectory dir;
    auto writer = open_writer(small(dir.path()));
    for (std::uint64_t i = 1; i <= 200; ++i) {
        ASSERT_TRUE(call(*writer, attempt_id(1, 0, i)));
        if (i % 10 == 0) ASSERT_TRUE(writer->housekeep());
    }
    ChainHead head = writer->chain_head();
    EXPECT_GT(head.segment.seq, 3u);
    ChainHead last;
    writer->on_seal([&last](const ChainHead& sealed) { last = sealed; });
    writer.reset();
    EXPECT_GT(last.segment.seq, head.segment.seq) << "the last segment is sealed at the stop";
    auto report = verify(dir.path(), {last});
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->is_sound());
    EXPECT_TRUE(report->findings.empty());
    EXPECT_EQ(report->sealed, report->segments) << "a clean stop leaves no open segment, no spare";
    EXPECT_EQ(report->records, 600u);
    EXPECT_EQ(report->counts.ended, 200u);
}

TEST(Journal, AFullDiskStopsAdmitsAndEveryOpenCallCanStillEnd) {
    ScratchDirectory dir;
    auto disk = std::make_shared<FaultyDisk>();
    disk->segments_left = 3;
    auto writer = open_writer(small(dir.path(), disk));
    std::vector<AdmitRecord> open;
    Result<> last;
    for (std::uint64_t i = 1; i < 10'000 && last; ++i) {
        AdmitRecord admit = plain_admit(attempt_id(1, 0, i));
        last = writer->append(admit);
        if (last) open.push_back(admit);
    }
    ASSERT_FALSE(last) << "the disk never filled";
    EXPECT_EQ(last.error().code(), ErrorCode::ledger_unavailable);
    EXPECT_GT(open.size(), 20u);
    EXPECT_EQ(writer->open_holds(), open.size());
    // Other records may take what is left over, but not the reserve.
    int refusals = 0;
    while (refusals < 10'000 && writer->append(RefusalRecord{})) ++refusals;
    EXPECT_LT(refusals, 1000);
    for (const AdmitRecord& admit : open) {
        EXPECT_TRUE(writer->append(plain_dispatched(admit)));
        // As large as an end may be: its reserve, and then some that has to go.
        EndRecord end = plain_end(admit);
        end.outcome.notes = {std::string(4000, 'n'), std::string(4000, 'n')};
        ASSERT_TRUE(writer->append(end));
    }
    EXPECT_EQ(writer->open_holds(), 0u);
    writer.reset();
    auto report = verify(dir.path());
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->is_sound()) << report->findings.at(0).what;
    EXPECT_EQ(report->counts.ended, open.size());
    EXPECT_EQ(report->settled_pico,
              plain_end(open[0]).charge.pico() * static_cast<Int128>(open.size()));
}

TEST(Journal, AdmitsComeBackWhenTheDiskHasSpaceAgain) {
    ScratchDirectory dir;
    auto disk = std::make_shared<FaultyDisk>();
    disk->segments_left = 2;
    auto writer = open_writer(small(dir.path(), disk));
    std::uint64_t i = 1;
    while (call(*writer, attempt_id(1, 0, i))) ASSERT_LT(++i, 10'000u);
    EXPECT_FALSE(writer->prepare_spare());
    EXPECT_FALSE(call(*writer, attempt_id(1, 0, i)));
    disk->segments_left = 1;
    EXPECT_TRUE(writer->prepare_spare());
    EXPECT_TRUE(call(*writer, attempt_id(1, 0, i)));
    EXPECT_EQ(read_all(dir.path()).size(), 3 * i);
}

TEST(Journal, ManyOpenCallsGetAsManySpareSegmentsAsTheirEndsNeed) {
    ScratchDirectory dir;
    auto writer = open_writer(small(dir.path()));
    std::vector<AdmitRecord> open;
    for (std::uint64_t i = 1; i <= 100; ++i) {
        open.push_back(plain_admit(attempt_id(1, 0, i)));
        ASSERT_TRUE(writer->append(open.back()));
    }
    for (const AdmitRecord& admit : open) ASSERT_TRUE(writer->append(plain_end(admit)));
    EXPECT_EQ(read_all(dir.path()).size(), 200u);
}

TEST(Journal, NoSpaceAtTheStartIsAnErrorThatSaysSo) {
    ScratchDirectory dir;
    auto disk = std::make_shared<FaultyDisk>();
    JournalOptions options = small(dir.path(), disk);
    for (int segments : {0, 1}) {
        disk->segments_left = segments;
        auto writer = JournalWriter::open(options, 1, 0);
        ASSERT_FALSE(writer);
        EXPECT_EQ(writer.error().code(), ErrorCode::io);
        EXPECT_NE(writer.error().detail().find("No space left"), std::string::npos);
        EXPECT_TRUE(list_segments(dir.path())->empty());
    }
}

TEST(Journal, AFailedSyncGivesTheSegmentUpAndStopsAdmitsUntilTheNextIsSynced) {
    ScratchDirectory dir;
    auto disk = std::make_shared<FaultyDisk>();
    auto writer = open_writer(small(dir.path(), disk));
    AdmitRecord open = plain_admit(attempt_id(1, 0, 1));
    ASSERT_TRUE(writer->append(open));
    disk->sync_errno = EIO;
    EXPECT_FALSE(writer->sync());
    disk->sync_errno = 0;
    EXPECT_FALSE(writer->sync()) << "a retry that succeeds does not bring dropped pages back";
    EXPECT_FALSE(call(*writer, attempt_id(1, 0, 2)));
    EXPECT_TRUE(writer->append(plain_end(open))) << "a running call ends in the next segment";
    EXPECT_TRUE(writer->sync());
    EXPECT_TRUE(call(*writer, attempt_id(1, 0, 3)));
    EXPECT_TRUE(writer->housekeep());
    writer.reset();
    EXPECT_EQ(list_segments(dir.path())->size(), 2u);
    EXPECT_EQ(read_all(dir.path()).size(), 5u);
    auto report = verify(dir.path());
    ASSERT_TRUE(report);
    EXPECT_EQ(report->sealed, 1u);
}

// As Linux does: the write-back error goes to the first that syncs, and the second is told that all
// is well.
class OneErrorDisk final : public Disk {
 public:
    std::atomic<bool> failing{false};
    std::atomic<int> entered{0};
    std::atomic<bool> go_on{false};

    int sync(int fd) override {
        if (!failing) return Disk::sync(fd);
        if (++entered > 1) return 0;
        while (!go_on) std::this_thread::yield();
        return EIO;
    }
};

TEST(Journal, OfTwoThreadsThatSyncAtOnceNeitherIsToldThatAFailedSyncSucceeded) {
    ScratchDirectory dir;
    auto disk = std::make_shared<OneErrorDisk>();
    auto writer = open_writer(small(dir.path(), disk));
    ASSERT_TRUE(writer->append(plain_admit(attempt_id(1, 0, 1))));
    disk->failing = true;
    std::atomic<int> succeeded{0};
    auto sync = [&] {
        succeeded += writer->sync() ? 1 : 0;
    };
    std::thread keeper(sync);
    while (disk->entered == 0) std::this_thread::yield();
    std::thread worker(sync);
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    disk->go_on = true;
    keeper.join();
    worker.join();
    EXPECT_EQ(succeeded, 0);
    disk->failing = false;
    writer.reset();
    auto view = SegmentView::open(dir.path(), {1, 0, 1});
    ASSERT_TRUE(view && *view);
    EXPECT_EQ((*view)->synced(), kHeaderBytes) << "nothing is promised that may be lost";
}

TEST(Journal, AnIdleJournalIsNotSynced) {
    ScratchDirectory dir;
    auto disk = std::make_shared<FaultyDisk>();
    auto writer = open_writer(small(dir.path(), disk));
    ASSERT_TRUE(call(*writer, attempt_id(1, 0, 1)));
    ASSERT_TRUE(writer->sync());
    int before = disk->syncs;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer->sync());
    EXPECT_EQ(disk->syncs, before);
}

TEST(Journal, AppendAndHousekeepingAndReadingRunAtOnce) {
    ScratchDirectory dir;
    auto writer = open_writer(small(dir.path()));
    constexpr std::uint64_t kCalls = 2000;
    std::atomic<bool> done{false};
    std::thread helper([&] {
        while (!done.load()) EXPECT_TRUE(writer->housekeep());
    });
    std::size_t read = 0;
    std::thread bookkeeper([&] {
        JournalReader reader(dir.path());
        while (read < 3 * kCalls) {
            auto n = reader.poll(100, [](Record&&) {});
            ASSERT_TRUE(n) << n.error().detail();
            read += *n;
        }
        EXPECT_TRUE(reader.lost().empty());
    });
    for (std::uint64_t i = 1; i <= kCalls; ++i) EXPECT_TRUE(call(*writer, attempt_id(1, 0, i)));
    bookkeeper.join();
    done = true;
    helper.join();
    writer.reset();
    auto report = verify(dir.path());
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->findings.empty());
    EXPECT_EQ(report->counts.ended, kCalls);
}

TEST(Retire, OnlyWhatAllReadersHavePassedGoes) {
    ScratchDirectory dir;
    {
        auto old = open_writer(small(dir.path()), 1, 0);
        for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_TRUE(call(*old, attempt_id(1, 0, i)));
    }
    auto live = open_writer(small(dir.path()), 2, 0);
    for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_TRUE(call(*live, attempt_id(2, 0, i)));
    JournalReader slow(dir.path());
    JournalReader fast(dir.path());
    read_on(slow, 400);
    read_on(fast);
    const auto passed_by_both = [&] {
        return retirable(dir.path(), lowest({slow.cursors(), fast.cursors()}), 2).value();
    };
    EXPECT_GT(passed_by_both().size(), 0u);
    ASSERT_TRUE(retire(dir.path(), passed_by_both()));
    EXPECT_EQ(read_on(slow).size(), 200u) << "the slow reader loses nothing";

    ASSERT_TRUE(retire(dir.path(), passed_by_both()));
    for (const SegmentName& name : *list_segments(dir.path())) {
        EXPECT_EQ(name.epoch, 2u) << "a dead family that was read to its end goes whole";
    }
    ASSERT_TRUE(call(*live, attempt_id(2, 0, 101)));
    EXPECT_EQ(read_on(fast).size(), 3u);
    EXPECT_EQ(fast.cursors().size(), 1u);
}

// A dead family with earlier segments, and the spare that its killed process had preallocated.
TEST(Retire, AKillBetweenTwoRemovalsLeavesWhatTheNextStartCanRead) {
    ScratchDirectory dir;
    {
        auto old = open_writer(small(dir.path()), 1, 0);
        for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_TRUE(call(*old, attempt_id(1, 0, i)));
    }
    JournalReader reader(dir.path());
    read_on(reader);
    const std::vector<Cursor> cursors = reader.cursors();
    for (std::uint32_t later : {1u, 2u}) {
        Segment::Making making{.directory = dir.path(),
                               .name = cursors.at(0).segment,
                               .bytes = kSmall,
                               .boot_id = current_boot_id(),
                               .created = {},
                               .disk = std::make_shared<Disk>()};
        making.name.seq += later;
        ASSERT_TRUE(Segment::make(making));
    }
    const auto order = retirable(dir.path(), cursors, 2).value();
    ASSERT_EQ(order.size(), list_segments(dir.path())->size());
    ASSERT_GT(order.size(), 4u);
    for (const SegmentName& name : order) {
        std::filesystem::remove(dir.path() + "/" + name.file_name());
        JournalReader next_start(dir.path());
        next_start.resume(cursors);
        EXPECT_TRUE(read_on(next_start).empty());
        EXPECT_TRUE(verify(dir.path())->is_sound());
    }
}

TEST(Retire, AFamilyThatOneReaderHasNotReachedStays) {
    EXPECT_TRUE(lowest({{{{1, 0, 3}, 256}}, {}}).empty());
    std::vector<Cursor> least{{{1, 0, 2}, 900}};
    EXPECT_EQ(lowest({{{{1, 0, 3}, 256}}, {{{1, 0, 2}, 900}}}), least);
}

}  // namespace
}  // namespace weir::ledger
