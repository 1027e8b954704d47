// The journal (design.md §7): append-only, preallocated, memory-mapped segments, one file family for
// each worker of each start, named <epoch>.<worker>.<seq>.wj and never appended to by a later start.
//
// Frame: u32 length | u32 CRC32C(payload) | payload, 8-byte aligned; a zero length ends the segment.
// A record that was appended survives the death of the process at any instant, because the page
// cache holds it; `durability: sync` also waits for fdatasync before dispatch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ledger/record.h"

namespace weir::ledger {

struct JournalOptions {
    std::string directory;
    std::uint64_t segment_bytes = 16u << 20;
    // Kept free in preallocated segments for each open hold, so that a running call can always end.
    std::uint64_t end_reserve_bytes = 4096;
};

// One writer: one worker of one start. Thread: that worker only; `sync` may be called from another.
class JournalWriter {
 public:
    // Preallocates (posix_fallocate) the first segment. Errors: io (disk full, no permission).
    static Result<std::unique_ptr<JournalWriter>> open(const JournalOptions& options,
                                                       std::uint32_t epoch, std::uint16_t worker);
    ~JournalWriter();
    JournalWriter(const JournalWriter&) = delete;

    // Appends by memcpy; takes a further segment from the spare that a helper thread, or this call,
    // preallocated. Errors: ledger_unavailable: then nothing was written, and no metered call may go
    // on. An EndRecord never fails while its admit's reserve stands.
    Result<> append(const Record& record);

    // fdatasync of all that was appended before this call. Errors: io; the segment is then sealed.
    Result<> sync();

 private:
    struct Impl;
    explicit JournalWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// A place in one segment: everything before `offset` was consumed.
struct SegmentName {
    std::uint32_t epoch = 0;
    std::uint16_t worker = 0;
    std::uint32_t seq = 0;
    auto operator<=>(const SegmentName&) const = default;
    std::string file_name() const;
    static std::optional<SegmentName> parse(std::string_view file_name);
};

struct Cursor {
    SegmentName segment;
    std::uint64_t offset = 0;
};

// Reads segments from the cursors on, live ones too. Thread: one.
class JournalReader {
 public:
    explicit JournalReader(std::string directory);
    ~JournalReader();

    void resume(const std::vector<Cursor>& cursors);
    // Calls `sink` for every whole record that is there now, at most `limit`; returns how many.
    // A torn tail of the newest segment of a family is the end, for now; a bad frame elsewhere is
    // loud. Errors: corrupt (names file and offset), io.
    Result<std::size_t> poll(std::size_t limit, const std::function<void(Record&&)>& sink);
    std::vector<Cursor> cursors() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Process-wide ownership of a data directory (flock for life) and its epoch counter, written and
// synced before anything is admitted. Errors: locked (names the holder's pid), io.
class DataDirectory {
 public:
    static Result<std::unique_ptr<DataDirectory>> open(const std::string& path);
    ~DataDirectory();
    std::uint32_t epoch() const { return epoch_; }
    const std::string& path() const { return path_; }
    std::string journal_path() const { return path_ + "/journal"; }

 private:
    DataDirectory(std::string path, int fd, std::uint32_t epoch)
        : path_(std::move(path)), fd_(fd), epoch_(epoch) {}
    std::string path_;
    int fd_;
    std::uint32_t epoch_;
};

}  // namespace weir::ledger
