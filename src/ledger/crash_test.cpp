// What must hold when a process, the machine or the disk fails under the journal.
#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/fold.h"
#include "ledger/journal.h"
#include "ledger/recover.h"
#include "ledger/sample_journal.h"
#include "ledger/sample_records.h"
#include "ledger/segment.h"
#include "ledger/verify.h"

namespace weir::ledger {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBootBefore = "11111111111111111111111111111111";

JournalOptions small(const std::string& directory, std::string boot_id = "") {
    JournalOptions options;
    options.directory = directory;
    options.segment_bytes = 64u << 10;
    options.boot_id = std::move(boot_id);
    return options;
}

void flip(const std::string& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    char c = static_cast<char>(file.get() ^ 0x20);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(c);
}

void zero(const std::string& path, std::uint64_t from, std::uint64_t to) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(from));
    std::string zeros(to - from, '\0');
    file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
}

// The memory that the killed process said it had appended in, shared with its parent.
struct Progress {
    std::atomic<std::uint64_t> appended{0};
    std::atomic<std::uint64_t> ready{0};
};

[[noreturn]] void append_until_killed(const std::string& directory, std::uint32_t epoch,
                                      Progress* progress) {
    auto writer = JournalWriter::open(small(directory), epoch, 0);
    if (!writer) ::_exit(3);
    progress->ready = 1;
    for (std::uint64_t i = 1;; ++i) {
        AdmitRecord admit = plain_admit(attempt_id(epoch, 0, i));
        if (!(*writer)->append(admit)) ::_exit(4);
        progress->appended.store(3 * i - 2);
        if (!(*writer)->append(plain_dispatched(admit))) ::_exit(5);
        progress->appended.store(3 * i - 1);
        if (!(*writer)->append(plain_end(admit))) ::_exit(6);
        progress->appended.store(3 * i);
    }
}

bool call_of(JournalWriter& writer, AttemptId id) {
    AdmitRecord admit = plain_admit(id);
    return writer.append(admit) && writer.append(plain_dispatched(admit)) &&
           writer.append(plain_end(admit));
}

TEST(Crash, KillNineLosesNoRecordThatAppendReturnedFor) {
    void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    SeededRng rng(static_cast<std::uint64_t>(::getpid()));
    ScratchDirectory dir;
    JournalReader reader(dir.path());
    std::uint64_t total = 0;
    for (std::uint32_t epoch = 1; epoch <= 50; ++epoch) {
        auto* progress = new (shared) Progress;
        pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) append_until_killed(dir.path(), epoch, progress);
        while (progress->ready == 0) ::usleep(50);
        // A random instant: anywhere in the first few hundred records.
        std::uint64_t after = rng.below(400);
        while (progress->appended < after) {
        }
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);

        std::uint64_t promised = progress->appended;
        std::vector<Record> read = read_on(reader);
        ASSERT_GE(read.size(), promised);
        ASSERT_LE(read.size(), promised + 1);
        Record last = plain_admit(attempt_id(epoch, 0, 1 + (read.size() - 1) / 3));
        if (read.size() % 3 == 2) last = plain_dispatched(std::get<AdmitRecord>(last));
        if (read.size() % 3 == 0) last = plain_end(std::get<AdmitRecord>(last));
        if (!read.empty()) ASSERT_TRUE(same_record(read.back(), last));
        total += read.size();
    }
    EXPECT_TRUE(reader.lost().empty());
    EXPECT_GT(total, 1000u);
    auto report = verify(dir.path());
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->is_sound());
    EXPECT_EQ(report->records, total);
    const auto gone = retirable(dir.path(), reader.cursors(), 51).value();
    EXPECT_GT(gone.size(), 49u);
    ASSERT_TRUE(retire(dir.path(), gone));
    EXPECT_TRUE(list_segments(dir.path())->empty()) << "the spares of killed processes go too";
    ::munmap(shared, 4096);
}

std::uint64_t bytes_in(const std::string& directory) {
    std::uint64_t sum = 0;
    for (const auto& entry : fs::directory_iterator(directory)) sum += entry.file_size();
    return sum;
}

TEST(Crash, WhatKilledProcessesHadPreallocatedIsGivenBackAndNothingElse) {
    void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    ScratchDirectory dir;
    for (std::uint32_t epoch = 1; epoch <= 3; ++epoch) {
        auto* progress = new (shared) Progress;
        pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) append_until_killed(dir.path(), epoch, progress);
        while (progress->appended < 20) {
        }
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    }
    ::munmap(shared, 4096);
    JournalReader before(dir.path());
    auto records = read_on(before);
    std::uint64_t bytes = bytes_in(dir.path());

    auto live = JournalWriter::open(small(dir.path()), 4, 0);
    ASSERT_TRUE(live);
    std::uint64_t of_live = bytes_in(dir.path()) - bytes;
    auto given_back = trim_dead(dir.path(), 4);
    ASSERT_TRUE(given_back);
    EXPECT_GT(*given_back, 0u);
    EXPECT_EQ(bytes_in(dir.path()), bytes - *given_back + of_live) << "the live one keeps its room";
    EXPECT_EQ(*trim_dead(dir.path(), 4), 0u);

    JournalReader after(dir.path());
    auto again = read_on(after);
    ASSERT_EQ(again.size(), records.size());
    for (std::size_t i = 0; i < again.size(); ++i) {
        EXPECT_TRUE(same_record(again[i], records[i]));
    }
    // A reader that had come to the end before goes on from there.
    ASSERT_TRUE(call_of(**live, attempt_id(4, 0, 1)));
    EXPECT_EQ(read_on(before).size(), 3u);
    auto report = verify(dir.path());
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->is_sound());
}

// Runs `body` where /mnt-like `directory` is a file system of `bytes`; false if that is not
// allowed.
bool in_small_file_system(const std::string& directory, const char* size, int (*body)(const char*),
                          int& result) {
    pid_t child = ::fork();
    if (child == 0) {
        bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("none", directory.c_str(), "tmpfs", 0, size) == 0;
        ::_exit(mounted ? body(directory.c_str()) : 77);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result != 77;
}

int fill_the_disk(const char* directory) {
    auto writer = JournalWriter::open(small(directory), 1, 0);
    if (!writer) return 1;
    std::vector<AdmitRecord> open;
    Result<> last;
    for (std::uint64_t i = 1; i < 100'000 && last; ++i) {
        AdmitRecord admit = plain_admit(attempt_id(1, 0, i));
        last = (*writer)->append(admit);
        if (last && i % 5 == 0) {
            open.push_back(admit);
        } else if (last && !(*writer)->append(plain_end(admit))) {
            return 2;
        }
    }
    if (last || last.error().code() != ErrorCode::ledger_unavailable) return 3;
    for (const AdmitRecord& admit : open) {
        if (!(*writer)->append(plain_end(admit))) return 4;
    }
    writer->reset();
    auto report = verify(directory);
    if (!report || !report->is_sound()) return 5;
    return report->counts.admitted == report->counts.ended && !open.empty() ? 0 : 6;
}

TEST(Crash, AReallyFullDiskIsAnErrorAndNoSignal) {
    ScratchDirectory dir;
    int result = 0;
    if (!in_small_file_system(dir.path(), "size=1m", fill_the_disk, result)) {
        GTEST_SKIP() << "mounting a small file system is not allowed here";
    }
    EXPECT_EQ(result, 0);
}

class Damage : public ::testing::Test {
 protected:
    // Three records, the first synced, written under `boot_id` and left as a kill leaves them.
    void write(const std::string& boot_id) {
        pid_t child = ::fork();
        if (child == 0) {
            auto writer = JournalWriter::open(small(dir_.path(), boot_id), 1, 0);
            if (!writer) ::_exit(1);
            AdmitRecord admit = plain_admit(attempt_id(1, 0, 1));
            bool good = (*writer)->append(admit) && (*writer)->sync() &&
                        (*writer)->append(plain_dispatched(admit)) &&
                        (*writer)->append(plain_end(admit));
            ::_exit(good ? 0 : 2);  // without destructors
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_EQ(status, 0);
        auto view = SegmentView::open(dir_.path(), {1, 0, 1});
        ASSERT_TRUE(view && *view);
        std::uint64_t offset = kHeaderBytes;
        for (auto& start : starts_) {
            start = offset;
            offset = (*view)->frame_at(offset).next;
        }
        end_ = offset;
    }
    std::string file() const { return dir_.path() + "/1.0.1.wj"; }

    ScratchDirectory dir_;
    std::array<std::uint64_t, 3> starts_{};
    std::uint64_t end_ = 0;
};

TEST_F(Damage, AFlippedByteInTheMiddleIsLoudAndNamesThePlace) {
    write("");
    flip(file(), starts_[1] + kFrameHead + 2);
    JournalReader reader(dir_.path());
    std::size_t seen = 0;
    for (int again = 0; again < 2; ++again) {
        auto read = reader.poll(100, [&](Record&&) { ++seen; });
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code(), ErrorCode::corrupt);
        EXPECT_NE(read.error().detail().find("1.0.1.wj"), std::string::npos);
        EXPECT_NE(read.error().detail().find(std::to_string(starts_[1])), std::string::npos);
    }
    EXPECT_EQ(seen, 1u);
    auto report = verify(dir_.path());
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->is_sound());
    EXPECT_EQ(report->findings.at(0).file, "1.0.1.wj");
    EXPECT_EQ(report->findings.at(0).offset, starts_[1]);
}

TEST_F(Damage, InOneFamilyDoesNotKeepTheOthersFromBeingRead) {
    write("");
    flip(file(), starts_[1] + kFrameHead + 2);
    auto next = open_writer(small(dir_.path()), 2, 0);
    JournalReader reader(dir_.path());
    std::size_t seen = 0;
    for (std::uint64_t call = 1; call <= 3; ++call) {
        ASSERT_TRUE(call_of(*next, attempt_id(2, 0, call)));
        auto read = reader.poll(100, [&](Record&&) { ++seen; });
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code(), ErrorCode::corrupt);
        EXPECT_EQ(seen, 1 + 3 * call);
    }
    EXPECT_EQ(reader.cursors().at(0).offset, starts_[1]) << "it stands before the damage";
}

TEST_F(Damage, ADamagedFileIsNeverRetired) {
    write("");
    flip(file(), starts_[1] + kFrameHead + 2);
    JournalReader reader(dir_.path());
    EXPECT_FALSE(reader.poll(100, [](Record&&) {}));
    EXPECT_TRUE(retirable(dir_.path(), reader.cursors(), 2)->empty());
}

TEST_F(Damage, NoFlippedByteChangesARecordUnseen) {
    write("");
    std::vector<Record> originals = read_all(dir_.path());
    std::size_t silent = 0;
    for (std::uint64_t at = starts_[0]; at < end_; ++at) {
        flip(file(), at);
        JournalReader reader(dir_.path());
        std::vector<Record> records;
        auto read = reader.poll(100, [&](Record&& r) { records.push_back(std::move(r)); });
        flip(file(), at);
        if (!read || !reader.lost().empty()) continue;
        // The zeros that fill a frame up to eight bytes say nothing.
        ++silent;
        ASSERT_EQ(records.size(), originals.size()) << at;
        for (std::size_t i = 0; i < records.size(); ++i) {
            ASSERT_TRUE(same_record(records[i], originals[i])) << at;
        }
    }
    EXPECT_LE(silent, 21u);
}

TEST_F(Damage, ASyncedRecordThatIsGoneIsLoudEvenAfterAPowerCut) {
    write(kBootBefore);
    zero(file(), starts_[0], end_);
    JournalReader reader(dir_.path());
    auto read = reader.poll(100, [](Record&&) {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), ErrorCode::corrupt);
}

TEST_F(Damage, ATornTailOfTheNewestSegmentIsReportedAndIsTheEnd) {
    for (const char* boot : {"", kBootBefore}) {
        fs::remove_all(dir_.path());
        fs::create_directory(dir_.path());
        write(boot);
        zero(file(), starts_[2] + 100, end_);
        JournalReader reader(dir_.path());
        EXPECT_EQ(read_on(reader).size(), 2u);
        EXPECT_EQ(read_on(reader).size(), 0u);
        ASSERT_EQ(reader.lost().size(), 1u) << "said once";
        EXPECT_EQ(reader.lost()[0].offset, starts_[2]);
        auto report = verify(dir_.path());
        ASSERT_TRUE(report);
        EXPECT_TRUE(report->is_sound());
        EXPECT_EQ(report->findings.at(0).severity, Severity::note);
    }
}

// A disk may keep a later page and lose an earlier one, as long as neither was synced.
TEST_F(Damage, AHoleThatAPowerCutLeftIsReportedAndWhatFollowsIsRead) {
    write(kBootBefore);
    zero(file(), starts_[1], starts_[2]);
    JournalReader reader(dir_.path());
    auto records = read_on(reader);
    ASSERT_EQ(records.size(), 2u);
    EXPECT_TRUE(std::holds_alternative<EndRecord>(records[1]));
    ASSERT_EQ(reader.lost().size(), 1u);
    EXPECT_EQ(reader.lost()[0].offset, starts_[1]);
    EXPECT_EQ(reader.lost()[0].resumed_at, starts_[2]);
}

TEST_F(Damage, AHeaderOfAnotherSegmentOrVersionIsRefused) {
    write("");
    fs::copy(file(), dir_.path() + "/1.0.9.wj");
    EXPECT_EQ(SegmentView::open(dir_.path(), {1, 0, 9}).error().code(), ErrorCode::corrupt);
    flip(file(), 16);
    EXPECT_EQ(SegmentView::open(dir_.path(), {1, 0, 1}).error().code(), ErrorCode::corrupt);
}

// One history with a power cut: a bookkeeper reads ahead of the disk, unsynced pages of each file
// go independently, and a new epoch goes on. Nothing that is on disk may be skipped (ledger.md
// §0.8).
void power_cut_history(std::uint64_t seed) {
    SeededRng rng(seed);
    ScratchDirectory before;
    ScratchDirectory after;
    std::vector<std::unique_ptr<JournalWriter>> workers;
    for (std::uint16_t w = 0; w < 2; ++w) {
        workers.push_back(open_writer(small(before.path(), kBootBefore), 1, w));
    }
    JournalReader bookkeeper(before.path(), kBootBefore);
    std::vector<Cursor> cursors;
    for (std::uint64_t i = 1; i <= 90; ++i) {
        std::uint16_t w = static_cast<std::uint16_t>(rng.below(2));
        AdmitRecord admit = plain_admit(attempt_id(1, w, i));
        ASSERT_TRUE(workers[w]->append(admit));
        if (rng.below(3) > 0) ASSERT_TRUE(workers[w]->append(plain_dispatched(admit)));
        if (rng.below(3) > 0) ASSERT_TRUE(workers[w]->append(plain_end(admit)));
        if (rng.below(25) == 0) ASSERT_TRUE(workers[rng.below(2)]->housekeep());
        if (rng.below(10) == 0) {
            read_on(bookkeeper);
            cursors = bookkeeper.cursors();
        }
    }
    // The cut: every file loses a suffix of what was not synced.
    std::vector<SegmentName> names = *list_segments(before.path());
    for (const SegmentName& name : names) {
        auto view = SegmentView::open(before.path(), name);
        ASSERT_TRUE(view && *view);
        std::string path = after.path() + "/" + name.file_name();
        fs::copy(before.path() + "/" + name.file_name(), path);
        std::uint64_t size = fs::file_size(path);
        std::uint64_t synced = (*view)->synced();
        if (*(*view)->seal() || synced >= size) continue;
        std::uint64_t cut = synced + rng.below(std::min<std::uint64_t>(size - synced, 30'000));
        if (rng.below(2) == 0) {
            zero(path, cut, size);
        } else {
            fs::resize_file(path, cut);
        }
    }
    // What an auditor who starts from nothing finds on the disk of the next start.
    JournalReader fresh(after.path());
    Fold all;
    for (const Record& r : read_on(fresh)) all.add(r);

    auto next = open_writer(small(after.path()), 2, 0);
    std::vector<EndRecord> owed = ends_of_dead(all, 2, UnixTime::from_seconds(1'900'000'000));
    for (const EndRecord& end : owed) ASSERT_TRUE(next->append(end));
    for (std::uint64_t i = 1; i <= 100; ++i) {
        ASSERT_TRUE(next->append(plain_admit(attempt_id(2, 0, i))));
    }
    // The bookkeeper goes on from cursors that may lie beyond what is left.
    JournalReader resumed(after.path());
    resumed.resume(cursors);
    std::size_t of_next = 0;
    auto count = resumed.poll(100'000, [&](Record&& r) {
        if (const auto* admit = std::get_if<AdmitRecord>(&r)) {
            of_next += admit->head.id.call.epoch == 2 ? 1 : 0;
        }
        if (const auto* end = std::get_if<EndRecord>(&r)) {
            of_next += end->at == UnixTime::from_seconds(1'900'000'000) ? 1 : 0;
        }
    });
    ASSERT_TRUE(count) << seed << ": " << count.error().detail();
    ASSERT_EQ(of_next, 100 + owed.size()) << seed;
    ASSERT_TRUE(verify(after.path())->is_sound()) << seed;
    // With the new ends, nothing of the dead epoch stays held.
    for (const Record& r : read_on(fresh)) all.add(r);
    for (const Fold::OpenHold& hold : all.open_holds()) {
        ASSERT_EQ(hold.admit.head.id.call.epoch, 2u) << seed;
    }
}

TEST(Crash, APowerCutUnderAReaderThatWasAheadSkipsNothing) {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        power_cut_history(seed);
        if (::testing::Test::HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace weir::ledger
