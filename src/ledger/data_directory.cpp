#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/disk.h"
#include "ledger/journal.h"
#include "ledger/segment.h"

namespace weir::ledger {
namespace {

struct EpochFile {
    std::uint32_t epoch = 0;  // 0 = never started
    std::string boot_id;
};

Result<> make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) == 0) return {};
    int error = errno;
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return io_failure("create", path, error == EEXIST ? ENOTDIR : error);
}

Result<> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return io_failure("write", path, n == 0 ? ENOSPC : errno);
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

// Small files only; empty if it is not there.
Result<std::string> read_small(const std::string& path) {
    FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.is_open()) {
        if (errno == ENOENT) return std::string{};
        return io_failure("open", path, errno);
    }
    std::array<char, 256> bytes{};
    ssize_t n = ::read(file.get(), bytes.data(), bytes.size());
    if (n < 0) return io_failure("read", path, errno);
    return std::string(bytes.data(), static_cast<std::size_t>(n));
}

// "<epoch> <boot id>\n"
Result<EpochFile> read_epoch(const std::string& path) {
    auto text = read_small(path);
    if (!text) return std::unexpected(text.error());
    EpochFile read;
    if (text->empty()) {
        // Written whole or not at all: an empty file is none of ours.
        if (::access(path.c_str(), F_OK) != 0) return read;
        return fail(ErrorCode::corrupt, path + " is empty", path + " is empty");
    }
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), read.epoch);
    std::string_view rest{end, static_cast<std::size_t>(text->data() + text->size() - end)};
    bool whole =
        error == std::errc{} && read.epoch > 0 && rest.starts_with(' ') && rest.ends_with('\n');
    if (!whole) {
        std::string what = path +
                           " does not hold an epoch; restore it with a number that is higher "
                           "than that of every journal file";
        return fail(ErrorCode::corrupt, what, what);
    }
    read.boot_id = rest.substr(1, rest.size() - 2);
    return read;
}

Result<> write_epoch(const std::string& directory, const EpochFile& epoch) {
    std::string path = directory + "/epoch";
    std::string fresh = path + ".new";
    FileDescriptor file{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (!file.is_open()) return io_failure("create", fresh, errno);
    std::string text = fmt::format("{} {}\n", epoch.epoch, epoch.boot_id);
    if (auto written = write_all(file.get(), text, fresh); !written) return written;
    if (::fsync(file.get()) != 0) return io_failure("sync", fresh, errno);
    if (::rename(fresh.c_str(), path.c_str()) != 0) return io_failure("replace", path, errno);
    return sync_directory(directory);
}

// The lock, held while the descriptor is open; the file says who holds it.
Result<FileDescriptor> take_lock(const std::string& directory) {
    std::string path = directory + "/lock";
    FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!file.is_open()) return io_failure("open", path, errno);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return io_failure("lock", path, errno);
        auto holder = read_small(path);
        std::string pid = holder ? holder->substr(0, holder->find('\n')) : "";
        std::string text = fmt::format(
            "{} is in use by process {}; stop it first, or choose another "
            "data directory",
            directory, pid.empty() ? "?" : pid);
        return fail(ErrorCode::locked, text, text);
    }
    if (::ftruncate(file.get(), 0) != 0) return io_failure("write", path, errno);
    if (auto written = write_all(file.get(), fmt::format("{}\n", ::getpid()), path); !written) {
        return std::unexpected(written.error());
    }
    return file;
}

// An epoch file that was lost or restored from an old copy must not give an epoch out twice.
Result<std::uint32_t> highest_in_journal(const std::string& journal) {
    auto names = list_segments(journal);
    if (!names) return std::unexpected(names.error());
    return names->empty() ? 0 : names->back().epoch;
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const std::string& path) {
    if (auto made = make_directory(path); !made) return std::unexpected(made.error());
    auto lock = take_lock(path);
    if (!lock) return std::unexpected(lock.error());
    std::string journal = path + "/journal";
    if (auto made = make_directory(journal); !made) return std::unexpected(made.error());
    auto last = read_epoch(path + "/epoch");
    if (!last) return std::unexpected(last.error());
    auto used = highest_in_journal(journal);
    if (!used) return std::unexpected(used.error());

    EpochFile now;
    now.epoch = std::max(last->epoch, *used) + 1;
    now.boot_id = boot_id_text(current_boot_id());
    bool restarted = last->epoch != 0 && last->boot_id != now.boot_id;
    if (auto written = write_epoch(path, now); !written) return std::unexpected(written.error());
    return std::unique_ptr<DataDirectory>(
        new DataDirectory(path, lock->release(), now.epoch, restarted));
}

DataDirectory::~DataDirectory() { ::close(fd_); }

}  // namespace weir::ledger
