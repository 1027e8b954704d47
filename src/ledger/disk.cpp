#include "ledger/disk.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace weir::ledger {
namespace {

const char* advice(int errno_value) {
    switch (errno_value) {
        case ENOSPC:
        case EDQUOT:
            return " (free some space, or move the data directory)";
        case EROFS:
            return " (the file system is mounted read-only)";
        case EACCES:
        case EPERM:
            return " (check the owner and permissions of the data directory)";
        default:
            return "";
    }
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

int Disk::preallocate(int fd, std::uint64_t bytes) {
    int error = 0;
    do {
        error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
    } while (error == EINTR);
    return error;
}

int Disk::sync(int fd) { return ::fdatasync(fd) == 0 ? 0 : errno; }

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
}

Mapping::~Mapping() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

Result<Mapping> Mapping::of(const FileDescriptor& file, std::uint64_t bytes, bool writable,
                            const std::string& path) {
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* data = ::mmap(nullptr, bytes, protection, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) return io_failure("map", path, errno);
    Mapping mapping;
    mapping.data_ = static_cast<char*>(data);
    mapping.size_ = bytes;
    return mapping;
}

std::unexpected<Error> io_failure(const char* what, const std::string& path, int errno_value) {
    std::string reason = std::error_code(errno_value, std::generic_category()).message();
    std::string text = fmt::format("cannot {} {}: {}{}", what, path, reason, advice(errno_value));
    return fail(ErrorCode::io, text, text);
}

Result<> sync_directory(const std::string& path) {
    FileDescriptor directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!directory.is_open()) return io_failure("open", path, errno);
    if (::fsync(directory.get()) != 0) return io_failure("sync", path, errno);
    return {};
}

BootId current_boot_id() {
    BootId id{};
    FileDescriptor file{::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)};
    if (!file.is_open()) return id;
    std::array<char, 64> text{};
    ssize_t n = ::read(file.get(), text.data(), text.size());
    std::size_t digits = 0;
    for (ssize_t i = 0; i < n && digits < 2 * id.size(); ++i) {
        int digit = hex_digit(text[static_cast<std::size_t>(i)]);
        if (digit < 0) continue;
        auto& byte = id[digits / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | digit);
        ++digits;
    }
    return id;
}

std::string boot_id_text(const BootId& id) {
    std::string text;
    for (std::uint8_t byte : id) text += fmt::format("{:02x}", byte);
    return text;
}

}  // namespace weir::ledger
