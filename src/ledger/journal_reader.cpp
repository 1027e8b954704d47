#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "ledger/journal.h"
#include "ledger/segment.h"

namespace weir::ledger {
namespace {

using FamilyName = std::pair<std::uint32_t, std::uint16_t>;  // epoch, worker

struct Family {
    Cursor cursor;
    std::optional<SegmentView> view;  // of the cursor's segment
    // Damage at this place has been reported; a dead segment does not change.
    std::uint64_t reported_at = 0;
};

enum class Step : std::uint8_t { record, moved, end };

std::unexpected<Error> corrupt_at(const std::string& directory, const Cursor& at,
                                  std::string_view why) {
    std::string text = fmt::format("{}/{} is corrupt at offset {}: {}", directory,
                                   at.segment.file_name(), at.offset, why);
    return fail(ErrorCode::corrupt, text, text);
}

}  // namespace

struct JournalReader::Impl {
    std::string directory;
    std::string boot_id;
    std::map<FamilyName, Family> families;
    std::vector<SegmentName> names;
    std::vector<LostBytes> lost;
    FamilyName resume_after{0, 0};  // families take turns

    Result<> list();
    std::optional<SegmentName> segment_after(const SegmentName& name) const;
    Result<bool> next_has_frames(const SegmentName& name) const;
    Result<bool> attach(Family& family);
    Result<Step> step(Family& family, const std::function<void(Record&&)>& sink);
    Result<Step> at_mark(Family& family, std::uint64_t after);
    Result<Step> at_gap(Family& family, const Frame& frame);
    Result<Step> at_loss(Family& family, const Frame& frame, bool more_segments);
    void report(Family& family, std::uint64_t resumed_at, std::string why);
    static void move_to(Family& family, const SegmentName& segment);
};

Result<> JournalReader::Impl::list() {
    auto listed = list_segments(directory);
    if (!listed) return std::unexpected(listed.error());
    names = std::move(*listed);
    for (const SegmentName& name : names) {
        FamilyName family{name.epoch, name.worker};
        if (families.contains(family)) continue;
        families[family].cursor = {name, kHeaderBytes};  // the lowest: names are sorted
    }
    return {};
}

std::optional<SegmentName> JournalReader::Impl::segment_after(const SegmentName& name) const {
    auto it = std::ranges::upper_bound(names, name);
    if (it == names.end() || it->epoch != name.epoch || it->worker != name.worker) {
        return std::nullopt;
    }
    return *it;
}

Result<bool> JournalReader::Impl::next_has_frames(const SegmentName& name) const {
    for (auto next = segment_after(name); next; next = segment_after(*next)) {
        auto view = SegmentView::open(directory, *next);
        if (!view) return std::unexpected(view.error());
        if (*view && (*view)->has_frames()) return true;
    }
    return false;
}

// Opens the view of the cursor's segment; false while it has no header.
Result<bool> JournalReader::Impl::attach(Family& family) {
    if (family.view) return true;
    auto view = SegmentView::open(directory, family.cursor.segment);
    if (!view && view.error().code() == ErrorCode::not_found) {
        return corrupt_at(directory, family.cursor,
                          "the file is missing, and later ones are there");
    }
    if (!view) return std::unexpected(view.error());
    family.view = std::move(*view);
    return family.view.has_value();
}

void JournalReader::Impl::move_to(Family& family, const SegmentName& segment) {
    family.cursor = {segment, kHeaderBytes};
    family.view.reset();
    family.reported_at = 0;
}

Result<Step> JournalReader::Impl::at_mark(Family& family, std::uint64_t after) {
    // The cursor stays before the mark until there is a next segment to stand in.
    auto next = segment_after(family.cursor.segment);
    if (!next) return Step::end;
    if (next->seq != family.cursor.segment.seq + 1) {
        family.cursor.offset = after;
        return corrupt_at(directory, family.cursor,
                          fmt::format("segment {} follows, those between are missing", next->seq));
    }
    // A writer that ended meanwhile took its spare away before it set the mark.
    auto there = SegmentView::open(directory, *next);
    if (!there && there.error().code() == ErrorCode::not_found) return Step::end;
    move_to(family, *next);
    return Step::moved;
}

void JournalReader::Impl::report(Family& family, std::uint64_t resumed_at, std::string why) {
    if (family.reported_at == family.cursor.offset) return;
    family.reported_at = family.cursor.offset;
    lost.push_back({family.cursor.segment, family.cursor.offset, resumed_at, std::move(why)});
}

// The machine restarted after this was written, and what is missing was not synced.
Result<Step> JournalReader::Impl::at_loss(Family& family, const Frame& frame, bool more_segments) {
    if (family.reported_at == family.cursor.offset && !more_segments) return Step::end;
    if (auto next = family.view->next_whole_frame(family.cursor.offset)) {
        report(family, *next, "unsynced records before the next whole one were lost");
        family.cursor.offset = *next;
        return Step::moved;
    }
    if (more_segments) {
        report(family, 0, "the unsynced tail of a segment was lost");
        move_to(family, *segment_after(family.cursor.segment));
        return Step::moved;
    }
    if (frame.kind == FrameKind::bad) report(family, 0, fmt::format("torn tail: {}", frame.why));
    family.reported_at = family.cursor.offset;
    return Step::end;
}

// No record stands at the cursor: is it the end, a loss, or damage?
Result<Step> JournalReader::Impl::at_gap(Family& family, const Frame& frame) {
    bool bad = frame.kind == FrameKind::bad;
    std::string_view why = bad ? frame.why : "the segment ends before its end mark";
    auto more = next_has_frames(family.cursor.segment);
    if (!more) return std::unexpected(more.error());
    // A live writer may have ended this segment since the frame was looked at.
    if (!bad && family.view->frame_at(family.cursor.offset).kind != FrameKind::end) {
        return Step::moved;
    }
    auto seal = family.view->seal();
    if (!seal) return std::unexpected(seal.error());
    bool other_boot = boot_id != boot_id_text(family.view->birth().boot_id);
    if (*seal) return corrupt_at(directory, family.cursor, why);
    if (other_boot) return at_loss(family, frame, *more);
    if (*more) return corrupt_at(directory, family.cursor, why);
    if (!bad) return Step::end;
    if (family.reported_at == family.cursor.offset) return Step::end;
    if (family.view->next_whole_frame(family.cursor.offset)) {
        return corrupt_at(directory, family.cursor, why);
    }
    report(family, 0, fmt::format("torn tail: {}", why));
    return Step::end;
}

Result<Step> JournalReader::Impl::step(Family& family, const std::function<void(Record&&)>& sink) {
    auto attached = attach(family);
    if (!attached) return std::unexpected(attached.error());
    if (!*attached) return Step::end;
    // Before the frame: a live writer publishes first and syncs after.
    std::uint64_t synced = family.view->synced();
    Frame frame = family.view->frame_at(family.cursor.offset);
    if (frame.kind == FrameKind::mark) return at_mark(family, frame.next);
    if (frame.kind == FrameKind::record) {
        auto record = decode(frame.payload);
        if (!record) return corrupt_at(directory, family.cursor, record.error().message());
        sink(std::move(*record));
        family.cursor.offset = frame.next;
        return Step::record;
    }
    if (family.cursor.offset < synced) {
        return corrupt_at(directory, family.cursor,
                          frame.kind == FrameKind::bad ? frame.why : "synced records are missing");
    }
    return at_gap(family, frame);
}

JournalReader::JournalReader(std::string directory)
    : JournalReader(std::move(directory), boot_id_text(current_boot_id())) {}

JournalReader::JournalReader(std::string directory, std::string boot_id)
    : impl_(std::make_unique<Impl>()) {
    impl_->directory = std::move(directory);
    impl_->boot_id = std::move(boot_id);
}

JournalReader::~JournalReader() = default;

void JournalReader::resume(const std::vector<Cursor>& cursors) {
    impl_->families.clear();
    for (const Cursor& cursor : cursors) {
        Family& family = impl_->families[{cursor.segment.epoch, cursor.segment.worker}];
        family.cursor = cursor;
        if (family.cursor.offset < kHeaderBytes) family.cursor.offset = kHeaderBytes;
    }
}

Result<std::size_t> JournalReader::poll(std::size_t limit,
                                        const std::function<void(Record&&)>& sink) {
    Impl& r = *impl_;
    if (auto listed = r.list(); !listed) return std::unexpected(listed.error());
    std::erase_if(r.families, [&](const auto& entry) {
        const SegmentName& at = entry.second.cursor.segment;
        return !std::ranges::binary_search(r.names, at) && !r.segment_after(at);
    });
    std::size_t count = 0;
    // One damaged family does not keep the others out of the books.
    std::optional<Error> first_error;
    auto it = r.families.upper_bound(r.resume_after);
    for (std::size_t turn = 0; turn < r.families.size() && count < limit; ++turn, ++it) {
        if (it == r.families.end()) it = r.families.begin();
        Family& family = it->second;
        while (count < limit) {
            auto step = r.step(family, sink);
            if (!step && !first_error) first_error = step.error();
            if (!step || *step == Step::end) break;
            if (*step == Step::record) ++count;
        }
        r.resume_after = it->first;
    }
    if (first_error) return std::unexpected(std::move(*first_error));
    return count;
}

std::vector<Cursor> JournalReader::cursors() const {
    std::vector<Cursor> all;
    for (const auto& [name, family] : impl_->families) all.push_back(family.cursor);
    return all;
}

const std::vector<LostBytes>& JournalReader::lost() const { return impl_->lost; }

}  // namespace weir::ledger
