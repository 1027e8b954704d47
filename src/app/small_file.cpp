#include "app/small_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace weir::app {
namespace {

constexpr std::size_t kBytesMax = std::size_t{256} << 20;

std::unexpected<Error> cannot(std::string_view what, const std::string& path) {
    return fail(ErrorCode::io, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

class File {
 public:
    explicit File(int fd) : fd_(fd) {}
    File(const File&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

 private:
    int fd_;
};

bool write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        ssize_t n = ::write(fd, content.data(), content.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        content.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
    File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return cannot("read", path);
    std::string content;
    for (;;) {
        std::size_t before = content.size();
        if (before > kBytesMax) {
            return fail(ErrorCode::io, fmt::format("{} is too large", path));
        }
        content.resize(before + 64 * 1024);
        ssize_t n = ::read(file.get(), content.data() + before, content.size() - before);
        if (n < 0) return cannot("read", path);
        content.resize(before + static_cast<std::size_t>(n));
        if (n == 0) return content;
    }
}

Result<> write_file(const std::string& path, std::string_view content, unsigned mode) {
    std::string beside = path + ".new";
    (void)::unlink(beside.c_str());  // of an attempt that was cut off
    {
        File file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
        if (file.get() < 0) return cannot("write", beside);
        if (!write_all(file.get(), content) || ::fsync(file.get()) != 0) {
            return cannot("write", beside);
        }
    }
    if (std::rename(beside.c_str(), path.c_str()) != 0) return cannot("write", path);
    return {};
}

}  // namespace weir::app
