// The journal (design.md §7): append-only, preallocated, memory-mapped segments, one file family
// for each worker of each start, named <epoch>.<worker>.<seq>.wj and never appended to by a later
// start.
//
// Frame: u32 length | u32 CRC32C(payload) | payload, 8-byte aligned; a zero length ends the
// segment. A record that was appended survives the death of the process at any instant, because the
// page cache holds it; `durability: sync` also waits for fdatasync before dispatch.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ledger/record.h"

namespace weir::runtime {
class Clock;
}

namespace weir::ledger {

class Disk;

struct JournalOptions {
    std::string directory;
    std::uint64_t segment_bytes = 16u << 20;  // at least 64 kB; a multiple of 4096
    // Kept free in preallocated segments for each open hold, on top of what its admit took, so that
    // a running call can always end.
    std::uint64_t end_reserve_bytes = 4096;
    const runtime::Clock* clock = nullptr;  // outlives the writer; dates the segments
    std::shared_ptr<Disk> disk;             // null: the real one
    std::string boot_id;                    // 32 hex digits; empty: the kernel's
};

// A family is all segments of one worker of one start.
struct SegmentName {
    std::uint32_t epoch = 0;
    std::uint16_t worker = 0;
    std::uint32_t seq = 0;
    auto operator<=>(const SegmentName&) const = default;
    std::string file_name() const;
    static std::optional<SegmentName> parse(std::string_view file_name);
};

// The last sealed segment of a family and the SHA-256 of the file: the next seal, the store and an
// auditor build on it. seq 0 = none yet.
struct ChainHead {
    SegmentName segment;
    std::array<std::uint8_t, 32> digest{};
};

// One writer: one worker of one start. Thread: that worker only, but for the members marked "any
// thread", which a helper thread calls every few milliseconds. The two share no lock while a record
// is appended: what is appended becomes known to the helper through one atomic offset, and a lock
// is taken only to change segments.
class JournalWriter {
 public:
    // Preallocates (posix_fallocate) the first segment and its spare. Errors: io (disk full, no
    // permission), config_invalid (segment_bytes).
    static Result<std::unique_ptr<JournalWriter>> open(const JournalOptions& options,
                                                       std::uint32_t epoch, std::uint16_t worker);
    // Syncs and seals all that was written and removes the unused spare. The helper has stopped.
    ~JournalWriter();
    JournalWriter(const JournalWriter&) = delete;

    // Appends by memcpy; takes a further segment from the spare that a helper thread, or this call,
    // preallocated. Errors: ledger_unavailable: then nothing was written, and no metered call may
    // go on. An EndRecord never fails while its admit's reserve stands; one that is larger than its
    // reserve, where nothing else is left, loses its details and says so in its notes.
    Result<> append(const Record& record);

    // fdatasync of all that was appended before this call. Any thread. Errors: io; the segment is
    // then given up (nothing more is appended to it), and admits fail until a sync succeeds on the
    // next.
    Result<> sync();

    // Preallocates the next segment if there is none. Any thread. Errors: io (disk full): running
    // calls can still end, admits go on while the reserve lasts.
    Result<> prepare_spare();

    // Seals the segments that are full and synced: cuts them to size and chains their hashes. Takes
    // some 10 ms a segment. One helper thread only. Errors: io.
    Result<> seal_full();

    // The three above, in the order sync, prepare_spare, seal_full; the first error.
    Result<> housekeep();

    // Any thread.
    ChainHead chain_head() const;
    // Told of each new head, on the thread that sealed; the destructor's last one too. Set before a
    // helper seals.
    void on_seal(std::function<void(const ChainHead&)> keep);
    std::size_t open_holds() const;  // the worker's thread only

 private:
    struct Impl;
    explicit JournalWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// A place in one segment: everything before `offset` was consumed.
struct Cursor {
    SegmentName segment;
    std::uint64_t offset = 0;
    bool operator==(const Cursor&) const = default;
};

// What a power cut took: bytes that were never synced. Reported once, never silent.
struct LostBytes {
    SegmentName segment;
    std::uint64_t offset = 0;
    std::uint64_t resumed_at = 0;  // the next whole record; 0 = none after it
    std::string why;
};

// Reads segments from the cursors on, live ones too. Thread: one.
//
// What is damaged is told from what was lost (segment.h): before the synced watermark, in a sealed
// segment, or where the machine has not restarted since, a bad frame is corruption and stops the
// reader. After the watermark, when the machine did restart, unsynced pages may be missing: the
// reader reports them in `lost`, and goes on with the next whole record.
class JournalReader {
 public:
    explicit JournalReader(std::string directory);
    // With another machine start than the present one, for tests of power cuts.
    JournalReader(std::string directory, std::string boot_id);
    ~JournalReader();

    // One cursor a family; those of families whose segments are gone are forgotten.
    void resume(const std::vector<Cursor>& cursors);
    // Calls `sink` for every whole record that is there now, at most `limit`; returns how many.
    // A torn tail of the newest segment of a family is the end, for now; a bad frame elsewhere is
    // loud. Errors: corrupt (names file and offset), io; the first one, after the other families
    // were read all the same. The cursors stand before what could not be read.
    Result<std::size_t> poll(std::size_t limit, const std::function<void(Record&&)>& sink);
    // Families in order of their names.
    std::vector<Cursor> cursors() const;
    const std::vector<LostBytes>& lost() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The lowest place of each family among several readers' cursors: what may be retired. A family
// that one of them has not reached is left out.
std::vector<Cursor> lowest(const std::vector<std::vector<Cursor>>& readers);

// The segments that lie wholly before the cursors, and all of a family of an epoch before
// `live_epoch` that was read to its end. In the order in which they may go: whatever part of it a
// kill leaves, a reader that resumes at the cursors finds a family without gaps. The cursor's own
// segment goes last, or the later ones would stand without it. Errors: io, corrupt.
Result<std::vector<SegmentName>> retirable(const std::string& directory,
                                           const std::vector<Cursor>& cursors,
                                           std::uint32_t live_epoch);

// Removes what is `retirable`, in its order. The cursors must be durable, and so must be the open
// holds of these segments (ledger.md J6). Errors: io.
Result<> retire(const std::string& directory, const std::vector<SegmentName>& segments);

// Gives back what processes that were killed had preallocated in segments before `live_epoch` and
// never wrote: cuts off the zeros at their ends. Only the holder of the data directory may, before
// anybody in its process reads them. Returns how many bytes. Errors: io.
Result<std::uint64_t> trim_dead(const std::string& directory, std::uint32_t live_epoch);

// Process-wide ownership of a data directory (flock for life) and its epoch counter, written and
// synced before anything is admitted. Thread: any. Errors of open: locked (names the holder's pid),
// io (read-only, full disk, no permission), corrupt (an epoch file that is not ours).
class DataDirectory {
 public:
    // Makes the directory and its journal folder where they are missing.
    static Result<std::unique_ptr<DataDirectory>> open(const std::string& path);
    ~DataDirectory();
    DataDirectory(const DataDirectory&) = delete;
    std::uint32_t epoch() const { return epoch_; }
    const std::string& path() const { return path_; }
    std::string journal_path() const { return path_ + "/journal"; }
    // The machine has restarted since the last start on this directory: what was not synced then
    // may be lost. False on the first start.
    bool machine_restarted() const { return machine_restarted_; }

 private:
    DataDirectory(std::string path, int fd, std::uint32_t epoch, bool machine_restarted)
        : path_(std::move(path)), fd_(fd), epoch_(epoch), machine_restarted_(machine_restarted) {}
    std::string path_;
    int fd_;
    std::uint32_t epoch_;
    bool machine_restarted_;
};

}  // namespace weir::ledger
