// One file of the journal, as it lies on disk.
//
//   header, kHeaderBytes | frames | end mark | zeros up to the preallocated size
//   frame: u32 length | u32 CRC32C(payload) | payload | zeros up to a multiple of 8
//
// A zero length is the end for now. The end mark, a length of kEndMark, is the end for good: the
// family goes on in the next segment. Sealing adds the rest of the header and cuts the zeros off.
//
// Publishing: payload and CRC are stored first, the length last and with release order. So a reader
// that sees a length sees the whole frame: in this process, in another one, and after a kill -9 at
// any instant, because the stores go to the page cache, which outlives the process. A power cut may
// keep any subset of the pages that were not synced; the header's `synced` tells which part cannot
// be missing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "ledger/disk.h"
#include "ledger/journal.h"

namespace weir::ledger {

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(std::string_view bytes);
std::string sha256_text(const Sha256& digest);

inline constexpr std::uint64_t kHeaderBytes = 256;
inline constexpr std::uint64_t kFrameHead = 8;
inline constexpr std::uint32_t kEndMark = 0xFFFFFFFFu;
inline constexpr std::uint32_t kPayloadMax = 256u << 10;
inline constexpr std::uint32_t kSegmentVersion = 1;

constexpr std::uint64_t frame_bytes(std::uint64_t payload) {
    return (kFrameHead + payload + 7) & ~std::uint64_t{7};
}

// Fixed when the segment is made; `crc` covers the fields after it.
struct SegmentBirth {
    std::uint32_t version = 0;
    std::uint32_t crc = 0;
    std::uint32_t epoch = 0;
    std::uint32_t worker = 0;
    std::uint32_t seq = 0;
    std::uint32_t reserved = 0;
    std::int64_t created_ns = 0;
    std::uint64_t capacity = 0;
    BootId boot_id{};
};

// Written once, when the segment is sealed; `crc` covers the fields after it and is stored last.
struct SegmentSeal {
    std::uint32_t crc = 0;
    std::uint32_t previous_seq = 0;  // the last sealed one before it; 0 = none
    std::uint64_t bytes = 0;         // of the whole file, its end mark included
    Sha256 previous{};               // SHA-256 of that file's `bytes`
};

struct SegmentHeader {
    std::uint64_t magic = 0;   // stored last: a file without it is not a segment yet
    std::uint64_t synced = 0;  // all before this offset survives a power cut
    SegmentBirth birth;
    SegmentSeal seal;  // all zeros while open
};
static_assert(sizeof(SegmentHeader) <= kHeaderBytes);
static_assert(std::is_trivially_copyable_v<SegmentHeader>);

// A segment being written. Thread: `put`, `end` and `free_bytes` the worker's; `sync` any; `seal`
// any one other (only after `end`).
class Segment {
 public:
    struct Making {
        std::string directory;
        SegmentName name;
        std::uint64_t bytes = 0;
        BootId boot_id{};
        UnixTime created;
        std::shared_ptr<Disk> disk;
    };
    // Takes the blocks and makes header and name durable. Errors: io; then no file is left.
    static Result<std::shared_ptr<Segment>> make(const Making& making);

    const SegmentName& name() const { return name_; }
    const std::string& path() const { return path_; }
    // For frames; the place of the end mark is not counted.
    std::uint64_t free_bytes() const { return capacity_ - kFrameHead - position_; }
    std::uint64_t published() const { return published_.load(std::memory_order_acquire); }

    // Needs frame_bytes(payload.size()) <= free_bytes().
    void put(std::string_view payload);
    void end();

    // Makes durable what was published before the call. Errors: io: the segment counts as failed.
    Result<> sync(bool even_if_idle);
    bool has_failed() const { return failed_.load(std::memory_order_acquire); }
    bool is_synced() const;

    // Returns the new head of the chain. Errors: io.
    Result<ChainHead> seal(const ChainHead& previous);
    void remove();

 private:
    Segment() = default;
    SegmentHeader* header() const;

    SegmentName name_;
    std::string path_;
    std::shared_ptr<Disk> disk_;
    FileDescriptor file_;
    Mapping map_;
    std::uint64_t capacity_ = 0;
    std::uint64_t position_ = kHeaderBytes;  // the worker's
    std::atomic<std::uint64_t> published_{kHeaderBytes};
    std::atomic<bool> failed_{false};
    std::mutex syncing_;  // held over fdatasync; `put` and `end` do not take it
};

enum class FrameKind : std::uint8_t { record, end, mark, bad };
struct Frame {
    FrameKind kind = FrameKind::end;
    std::string_view payload;
    std::uint64_t next = 0;
    const char* why = "";  // of a bad one
};

// A segment being read, live or dead. Thread: one.
class SegmentView {
 public:
    // nullopt: the file holds no header yet. Errors: not_found, io, corrupt (not ours, a newer
    // version, a damaged header).
    static Result<std::optional<SegmentView>> open(const std::string& directory,
                                                   const SegmentName& name);
    Frame frame_at(std::uint64_t offset) const;
    // The first whole frame after `offset`, where damage is being skipped.
    std::optional<std::uint64_t> next_whole_frame(std::uint64_t offset) const;
    // False also for a file that ends right after its header.
    bool has_frames() const { return frame_at(kHeaderBytes).kind != FrameKind::end; }

    const SegmentBirth& birth() const { return birth_; }
    std::uint64_t synced() const;
    // Errors: corrupt (a damaged seal). nullopt while it is open.
    Result<std::optional<SegmentSeal>> seal() const;
    std::string_view bytes() const { return {map_.data(), map_.size()}; }

 private:
    Mapping map_;
    SegmentBirth birth_;
    std::string path_;
};

// Names in the directory, sorted; files of other kinds are ignored. Errors: io.
Result<std::vector<SegmentName>> list_segments(const std::string& directory);

}  // namespace weir::ledger
