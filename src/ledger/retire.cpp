#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <unistd.h>
#include <utility>

#include "ledger/journal.h"
#include "ledger/segment.h"

namespace weir::ledger {
namespace {

using FamilyName = std::pair<std::uint32_t, std::uint16_t>;

FamilyName family_of(const SegmentName& name) { return {name.epoch, name.worker}; }

// Nothing stands at the cursor or after it.
Result<bool> is_read_to_its_end(const std::string& directory, const Cursor& cursor,
                                const std::vector<SegmentName>& later) {
    auto view = SegmentView::open(directory, cursor.segment);
    if (!view) return std::unexpected(view.error());
    // Damage is not an end: while there is anything after it, an auditor may want the file.
    if (*view && (*view)->frame_at(cursor.offset).kind != FrameKind::mark) {
        bool more = (*view)->frame_at(cursor.offset).kind == FrameKind::record ||
                    (*view)->next_whole_frame(cursor.offset);
        if (more || cursor.offset < (*view)->synced()) return false;
    }
    for (const SegmentName& name : later) {
        auto next = SegmentView::open(directory, name);
        if (!next) return std::unexpected(next.error());
        if (*next && (*next)->has_frames()) return false;
    }
    return true;
}

}  // namespace

std::vector<Cursor> lowest(const std::vector<std::vector<Cursor>>& readers) {
    std::map<FamilyName, std::pair<Cursor, std::size_t>> found;
    for (const auto& cursors : readers) {
        for (const Cursor& cursor : cursors) {
            auto [it, fresh] = found.try_emplace(family_of(cursor.segment), cursor, 0);
            ++it->second.second;
            Cursor& least = it->second.first;
            if (std::pair(cursor.segment, cursor.offset) < std::pair(least.segment, least.offset)) {
                least = cursor;
            }
        }
    }
    std::vector<Cursor> all;
    for (const auto& [family, entry] : found) {
        if (entry.second == readers.size()) all.push_back(entry.first);
    }
    return all;
}

Result<std::vector<SegmentName>> retirable(const std::string& directory,
                                           const std::vector<Cursor>& cursors,
                                           std::uint32_t live_epoch) {
    auto names = list_segments(directory);
    if (!names) return std::unexpected(names.error());
    std::vector<SegmentName> gone;
    for (const Cursor& cursor : cursors) {
        std::vector<SegmentName> earlier;
        std::vector<SegmentName> later;
        bool here = false;
        for (const SegmentName& name : *names) {
            if (family_of(name) != family_of(cursor.segment)) continue;
            if (name < cursor.segment) earlier.push_back(name);
            if (name == cursor.segment) here = true;
            if (name > cursor.segment) later.push_back(name);
        }
        bool whole = here && cursor.segment.epoch < live_epoch;
        if (whole) {
            auto finished = is_read_to_its_end(directory, cursor, later);
            if (!finished) return std::unexpected(finished.error());
            whole = *finished;
        }
        if (whole) gone.insert(gone.end(), later.rbegin(), later.rend());
        gone.insert(gone.end(), earlier.begin(), earlier.end());
        if (whole) gone.push_back(cursor.segment);
    }
    return gone;
}

Result<> retire(const std::string& directory, const std::vector<SegmentName>& segments) {
    for (const SegmentName& name : segments) {
        std::string path = directory + "/" + name.file_name();
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            return io_failure("remove", path, errno);
    }
    return segments.empty() ? Result<>{} : sync_directory(directory);
}

}  // namespace weir::ledger
