// A directory of its own for each test, disks that fail on request, and a journal read whole.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "ledger/disk.h"
#include "ledger/journal.h"

namespace weir::ledger {

class ScratchDirectory {
 public:
    ScratchDirectory() {
        std::string pattern = ::testing::TempDir() + "weir_ledger_XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~ScratchDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    const std::string& path() const { return path_; }

 private:
    std::string path_;
};

// Refuses what the test wants refused; all else goes to the real disk.
class FaultyDisk final : public Disk {
 public:
    std::atomic<int> segments_left{1'000'000};
    std::atomic<int> sync_errno{0};
    std::atomic<int> syncs{0};

    int preallocate(int fd, std::uint64_t bytes) override {
        if (segments_left.load() <= 0) return ENOSPC;
        --segments_left;
        return Disk::preallocate(fd, bytes);
    }
    int sync(int fd) override {
        ++syncs;
        if (sync_errno.load() != 0) return sync_errno.load();
        return Disk::sync(fd);
    }
};

inline std::unique_ptr<JournalWriter> open_writer(const JournalOptions& options,
                                                  std::uint32_t epoch = 1,
                                                  std::uint16_t worker = 0) {
    auto writer = JournalWriter::open(options, epoch, worker);
    EXPECT_TRUE(writer) << writer.error().detail();
    return writer ? std::move(*writer) : nullptr;
}

inline std::vector<Record> read_on(JournalReader& reader, std::size_t limit = 1'000'000) {
    std::vector<Record> records;
    auto count = reader.poll(limit, [&](Record&& r) { records.push_back(std::move(r)); });
    EXPECT_TRUE(count) << count.error().detail();
    if (count) EXPECT_EQ(*count, records.size());
    return records;
}

inline std::vector<Record> read_all(const std::string& directory) {
    JournalReader reader(directory);
    return read_on(reader);
}

}  // namespace weir::ledger
