#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>

#include "ledger/segment.h"
#include "ledger/segment_format.h"

namespace weir::ledger {
namespace {

constexpr std::string_view kSuffix = ".wj";

template <class T>
bool take_number(std::string_view& text, T& value) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return false;
    if (text[0] == '0' && end != text.data() + 1) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool take_dot(std::string_view& text) {
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
    return true;
}

std::unexpected<Error> damaged(const std::string& path, std::string_view what) {
    std::string text = fmt::format("{}: {}", path, what);
    return fail(ErrorCode::corrupt, text, text);
}

bool all_zero(std::string_view bytes) {
    return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

}  // namespace

std::string SegmentName::file_name() const {
    return fmt::format("{}.{}.{}{}", epoch, worker, seq, kSuffix);
}

std::optional<SegmentName> SegmentName::parse(std::string_view text) {
    SegmentName name;
    bool whole = take_number(text, name.epoch) && take_dot(text) &&
                 take_number(text, name.worker) && take_dot(text) && take_number(text, name.seq) &&
                 text == kSuffix;
    if (!whole || name.seq == 0) return std::nullopt;
    return name;
}

Result<std::vector<SegmentName>> list_segments(const std::string& directory) {
    std::error_code error;
    std::filesystem::directory_iterator it(directory, error);
    std::vector<SegmentName> names;
    for (; !error && it != std::filesystem::directory_iterator{}; it.increment(error)) {
        if (auto name = SegmentName::parse(it->path().filename().native())) {
            names.push_back(*name);
        }
    }
    if (error) return io_failure("list", directory, error.value());
    std::ranges::sort(names);
    return names;
}

Result<std::optional<SegmentView>> SegmentView::open(const std::string& directory,
                                                     const SegmentName& name) {
    SegmentView view;
    view.path_ = directory + "/" + name.file_name();
    FileDescriptor file{::open(view.path_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.is_open()) {
        if (errno == ENOENT) return fail(ErrorCode::not_found, view.path_ + " is missing");
        return io_failure("open", view.path_, errno);
    }
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return io_failure("stat", view.path_, errno);
    auto size = static_cast<std::uint64_t>(status.st_size);
    if (size < kHeaderBytes) return std::optional<SegmentView>{};
    auto map = Mapping::of(file, size, false, view.path_);
    if (!map) return std::unexpected(map.error());
    view.map_ = std::move(*map);

    std::uint64_t magic =
        shared_word<std::uint64_t>(view.map_.data()).load(std::memory_order_acquire);
    if (magic == 0) {
        // A process that died while it made the file leaves zeros. Anything else had a header.
        if (all_zero(view.bytes().substr(kHeaderBytes, kFrameHead)))
            return std::optional<SegmentView>{};
        return damaged(view.path_, "the header is missing");
    }
    if (magic != kMagic) return damaged(view.path_, "not a journal segment");
    std::memcpy(&view.birth_, view.map_.data() + offsetof(SegmentHeader, birth),
                sizeof view.birth_);
    if (view.birth_.version != kSegmentVersion) {
        return damaged(view.path_, fmt::format("unknown segment version {}", view.birth_.version));
    }
    bool named = view.birth_.epoch == name.epoch && view.birth_.worker == name.worker &&
                 view.birth_.seq == name.seq;
    if (crc_after_own(view.birth_) != view.birth_.crc || !named) {
        return damaged(view.path_, "the header is damaged, or of another segment");
    }
    return view;
}

std::uint64_t SegmentView::synced() const {
    return shared_word<std::uint64_t>(map_.data() + offsetof(SegmentHeader, synced))
        .load(std::memory_order_acquire);
}

Result<std::optional<SegmentSeal>> SegmentView::seal() const {
    SegmentSeal seal;
    // The checksum is stored last; while it is zero the segment is open.
    char* at = map_.data() + offsetof(SegmentHeader, seal);
    if (shared_word<std::uint32_t>(at).load(std::memory_order_acquire) == 0) {
        return std::optional<SegmentSeal>{};
    }
    std::memcpy(&seal, at, sizeof seal);
    if (crc_after_own(seal) != seal.crc) return damaged(path_, "the seal is damaged");
    return seal;
}

Frame SegmentView::frame_at(std::uint64_t offset) const {
    Frame frame;
    frame.next = offset;
    if (offset < kHeaderBytes || offset % 8 != 0) {
        return {FrameKind::bad, {}, offset, "no frame starts here"};
    }
    if (offset + kFrameHead > map_.size()) return frame;
    char* at = map_.data() + offset;
    std::uint32_t length = shared_word<std::uint32_t>(at).load(std::memory_order_acquire);
    if (length == 0) return frame;
    if (length == kEndMark) {
        frame.kind = FrameKind::mark;
        frame.next = offset + kFrameHead;
        return frame;
    }
    if (length > kPayloadMax || frame_bytes(length) > map_.size() - offset) {
        return {FrameKind::bad, {}, offset, "the length is impossible"};
    }
    std::uint32_t crc = 0;
    std::memcpy(&crc, at + sizeof length, sizeof crc);
    std::string_view payload{at + kFrameHead, length};
    if (crc32c(payload) != crc) return {FrameKind::bad, {}, offset, "the checksum is wrong"};
    return {FrameKind::record, payload, offset + frame_bytes(length), ""};
}

std::optional<std::uint64_t> SegmentView::next_whole_frame(std::uint64_t offset) const {
    for (std::uint64_t at = (offset + 8) & ~std::uint64_t{7}; at + kFrameHead <= map_.size();
         at += 8) {
        FrameKind kind = frame_at(at).kind;
        if (kind == FrameKind::record) return at;
    }
    return std::nullopt;
}

}  // namespace weir::ledger
