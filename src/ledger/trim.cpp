#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/journal.h"
#include "ledger/segment.h"

namespace weir::ledger {
namespace {

constexpr std::uint64_t kPage = 4096;

// Behind the last byte that is not zero there must be room to read that no frame follows.
std::uint64_t bytes_needed(std::string_view bytes) {
    auto last = bytes.find_last_not_of('\0');
    std::uint64_t used = last == std::string_view::npos ? 0 : last + 1;
    used = std::max(used, kHeaderBytes) + kFrameHead;
    return (used + kPage - 1) / kPage * kPage;
}

Result<std::uint64_t> trim_one(const std::string& path) {
    FileDescriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (!file.is_open()) return io_failure("open", path, errno);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return io_failure("stat", path, errno);
    auto size = static_cast<std::uint64_t>(status.st_size);
    if (size <= kPage) return 0;
    auto map = Mapping::of(file, size, false, path);
    if (!map) return std::unexpected(map.error());
    std::uint64_t needed = bytes_needed({map->data(), map->size()});
    if (needed >= size) return 0;
    if (::ftruncate(file.get(), static_cast<off_t>(needed)) != 0) {
        return io_failure("truncate", path, errno);
    }
    return size - needed;
}

}  // namespace

Result<std::uint64_t> trim_dead(const std::string& directory, std::uint32_t live_epoch) {
    auto names = list_segments(directory);
    if (!names) return std::unexpected(names.error());
    std::uint64_t given_back = 0;
    for (const SegmentName& name : *names) {
        if (name.epoch >= live_epoch) continue;
        auto trimmed = trim_one(directory + "/" + name.file_name());
        if (!trimmed) return trimmed;
        given_back += *trimmed;
    }
    return given_back;
}

}  // namespace weir::ledger
