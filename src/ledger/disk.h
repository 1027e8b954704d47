// What the ledger needs of a file system: descriptors and mappings that close themselves, and the
// two calls that a disk can refuse, behind a seam so that tests can refuse them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"

namespace weir::ledger {

// The calls that meet a full or failing disk. Thread: any.
class Disk {
 public:
    virtual ~Disk() = default;
    // Both give an errno, 0 for success. `preallocate` really takes the blocks.
    virtual int preallocate(int fd, std::uint64_t bytes);
    virtual int sync(int fd);
};

class FileDescriptor {
 public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    ~FileDescriptor();
    int get() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }

 private:
    int fd_ = -1;
};

class Mapping {
 public:
    Mapping() = default;
    Mapping(Mapping&& o) noexcept
        : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
    Mapping& operator=(Mapping&& o) noexcept {
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        return *this;
    }
    ~Mapping();
    // Shared with all other mappings of the file. Errors: io.
    static Result<Mapping> of(const FileDescriptor& file, std::uint64_t bytes, bool writable,
                              const std::string& path);
    char* data() const { return data_; }
    std::uint64_t size() const { return size_; }

 private:
    char* data_ = nullptr;
    std::uint64_t size_ = 0;
};

// "cannot <what> <path>: <reason>", with what to do about it where errno tells. Code: io.
std::unexpected<Error> io_failure(const char* what, const std::string& path, int errno_value);

// Makes creations, renames and removals in it durable. Errors: io.
Result<> sync_directory(const std::string& path);

// Names this start of the machine; all zeros if the kernel does not say. A file that was written
// under another boot id may have lost what was not synced.
using BootId = std::array<std::uint8_t, 16>;
BootId current_boot_id();
std::string boot_id_text(const BootId& id);

}  // namespace weir::ledger
