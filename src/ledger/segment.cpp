#include "ledger/segment.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "ledger/segment_format.h"

namespace weir::ledger {
namespace {

SegmentBirth birth_of(const Segment::Making& making) {
    SegmentBirth birth;
    birth.version = kSegmentVersion;
    birth.epoch = making.name.epoch;
    birth.worker = making.name.worker;
    birth.seq = making.name.seq;
    birth.created_ns = making.created.ns;
    birth.capacity = making.bytes;
    birth.boot_id = making.boot_id;
    birth.crc = crc_after_own(birth);
    return birth;
}

// Faults the pages in ahead, so that the road meets no page fault. Advice only.
void populate(const Mapping& map) {
#ifdef MADV_POPULATE_WRITE
    (void)::madvise(map.data(), map.size(), MADV_POPULATE_WRITE);
#else
    (void)map;
#endif
}

}  // namespace

SegmentHeader* Segment::header() const { return reinterpret_cast<SegmentHeader*>(map_.data()); }

Result<std::shared_ptr<Segment>> Segment::make(const Making& making) {
    std::shared_ptr<Segment> segment{new Segment};
    segment->name_ = making.name;
    segment->path_ = making.directory + "/" + making.name.file_name();
    segment->disk_ = making.disk;
    segment->capacity_ = making.bytes;
    const std::string& path = segment->path_;
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return io_failure("create", path, errno);
    segment->file_ = FileDescriptor{fd};

    auto undo = [&](std::unexpected<Error> error) {
        ::unlink(path.c_str());
        return error;
    };
    if (int error = making.disk->preallocate(fd, making.bytes); error != 0) {
        return undo(io_failure("preallocate", path, error));
    }
    auto map = Mapping::of(segment->file_, making.bytes, true, path);
    if (!map) return undo(std::unexpected(map.error()));
    segment->map_ = std::move(*map);
    populate(segment->map_);
    segment->header()->synced = kHeaderBytes;
    segment->header()->birth = birth_of(making);
    shared_word<std::uint64_t>(segment->map_.data() + offsetof(SegmentHeader, magic))
        .store(kMagic, std::memory_order_release);
    if (int error = making.disk->sync(fd); error != 0) return undo(io_failure("sync", path, error));
    if (auto named = sync_directory(making.directory); !named) {
        return undo(std::unexpected(named.error()));
    }
    return segment;
}

void Segment::put(std::string_view payload) {
    std::uint64_t size = frame_bytes(payload.size());
    WEIR_CHECK(size <= free_bytes());
    char* at = map_.data() + position_;
    std::uint32_t crc = crc32c(payload);
    std::memcpy(at + sizeof(std::uint32_t), &crc, sizeof crc);
    std::memcpy(at + kFrameHead, payload.data(), payload.size());
    shared_word<std::uint32_t>(at).store(static_cast<std::uint32_t>(payload.size()),
                                         std::memory_order_release);
    position_ += size;
    published_.store(position_, std::memory_order_release);
}

void Segment::end() {
    shared_word<std::uint32_t>(map_.data() + position_).store(kEndMark, std::memory_order_release);
    position_ += kFrameHead;
    published_.store(position_, std::memory_order_release);
}

bool Segment::is_synced() const {
    auto synced = shared_word<std::uint64_t>(map_.data() + offsetof(SegmentHeader, synced));
    return synced.load(std::memory_order_acquire) >= published();
}

Result<> Segment::sync(bool even_if_idle) {
    // Linux tells a failed write-back to one of those who sync the file, and to the others that all
    // is well: they go one after the other, and each looks at what became of the one before.
    std::lock_guard one(syncing_);
    if (has_failed()) return io_failure("sync", path_, EIO);
    std::uint64_t upto = published();
    auto synced = shared_word<std::uint64_t>(map_.data() + offsetof(SegmentHeader, synced));
    if (synced.load(std::memory_order_acquire) >= upto && !even_if_idle) return {};
    if (int error = disk_->sync(file_.get()); error != 0) {
        failed_.store(true, std::memory_order_release);
        return io_failure("sync", path_, error);
    }
    synced.store(upto, std::memory_order_release);
    return {};
}

Result<ChainHead> Segment::seal(const ChainHead& previous) {
    std::lock_guard one(syncing_);
    SegmentSeal seal;
    seal.previous_seq = previous.segment.seq;
    seal.previous = previous.digest;
    seal.bytes = published();
    std::uint32_t crc = crc_after_own(seal);
    header()->seal = seal;
    shared_word<std::uint32_t>(map_.data() + offsetof(SegmentHeader, seal))
        .store(crc, std::memory_order_release);
    shared_word<std::uint64_t>(map_.data() + offsetof(SegmentHeader, synced))
        .store(seal.bytes, std::memory_order_release);
    if (int error = disk_->sync(file_.get()); error != 0) {
        failed_.store(true, std::memory_order_release);
        return io_failure("sync", path_, error);
    }
    if (::ftruncate(file_.get(), static_cast<off_t>(seal.bytes)) != 0) {
        return io_failure("truncate", path_, errno);
    }
    if (int error = disk_->sync(file_.get()); error != 0) return io_failure("sync", path_, error);
    return ChainHead{name_, sha256({map_.data(), seal.bytes})};
}

void Segment::remove() { ::unlink(path_.c_str()); }

}  // namespace weir::ledger
