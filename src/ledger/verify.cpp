#include "ledger/verify.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <xxhash.h>

#include "ledger/segment.h"

namespace weir::ledger {
namespace {

using FamilyName = std::pair<std::uint32_t, std::uint16_t>;

class Verifier {
 public:
    explicit Verifier(const std::string& directory) : directory_(directory) {}
    void segment(const SegmentName& name, bool more_in_family);
    void joins();
    void expected(const std::vector<ChainHead>& heads);
    void sequence_of(const SegmentName& name, const SegmentName* before);
    VerifyReport take() {
        report_.counts = fold_.counts();
        for (const auto& [family, head] : heads_) report_.heads.push_back(head);
        return std::move(report_);
    }

 private:
    struct Place {
        SegmentName segment;
        std::uint64_t offset = 0;
    };
    struct Known {
        std::uint32_t admits = 0;
        std::uint32_t ends = 0;
        Place admit;
        Place end;
        XXH128_hash_t end_digest{};
        Money admitted_bound;
        Money ended_bound;
        bool has_dispatched = false;
        Int128 admitted_held = 0;  // Σ over parts
        Int128 ended_held = 0;
    };

    void find(Severity severity, const Place& at, std::string id, std::string what);
    void damage(const Place& at, std::string id, std::string what) {
        find(Severity::damage, at, std::move(id), std::move(what));
    }
    void frames(const SegmentView& view, const SegmentName& name, bool sealed, bool more);
    std::optional<std::uint64_t> gap(const SegmentView& view, const Place& at, const Frame& frame,
                                     bool sealed, bool more);
    void chain(const SegmentView& view, const SegmentName& name, const SegmentSeal& seal);
    void record(const Record& record, std::string_view payload, const Place& at);
    void admit(const AdmitRecord& r, const Place& at);
    void end(const EndRecord& r, std::string_view payload, const Place& at);
    void sums(const EndRecord& r, const Place& at);

    std::string directory_;
    std::string boot_id_ = boot_id_text(current_boot_id());
    VerifyReport report_;
    Fold fold_;
    std::map<AttemptId, Known> known_;
    std::map<FamilyName, ChainHead> heads_;
    std::map<FamilyName, std::uint32_t> first_seq_;
    std::set<FamilyName> cut_families_;  // a power cut took records of theirs
};

Int128 held_in(const std::vector<core::HoldPart>& parts) {
    Int128 sum = 0;
    for (const core::HoldPart& part : parts) sum += part.held;
    return sum;
}

void Verifier::find(Severity severity, const Place& at, std::string id, std::string what) {
    ++report_.findings_total;
    if (severity == Severity::damage) ++report_.damages;
    if (report_.findings.size() >= kFindingsMax) return;
    std::string file = at.segment.seq == 0 ? "" : at.segment.file_name();
    report_.findings.push_back(
        {severity, std::move(file), at.offset, std::move(id), std::move(what)});
}

void Verifier::sequence_of(const SegmentName& name, const SegmentName* before) {
    FamilyName family{name.epoch, name.worker};
    if (before == nullptr || FamilyName{before->epoch, before->worker} != family) {
        first_seq_[family] = name.seq;
    } else if (name.seq != before->seq + 1) {
        damage({name, 0}, "", fmt::format("segments after {} are missing", before->file_name()));
    }
}

void Verifier::segment(const SegmentName& name, bool more_in_family) {
    ++report_.segments;
    auto opened = SegmentView::open(directory_, name);
    if (!opened) return damage({name, 0}, "", std::string(opened.error().message()));
    if (!*opened) return find(Severity::note, {name, 0}, "", "no header yet");
    const SegmentView& view = **opened;
    auto seal = view.seal();
    if (!seal) damage({name, 0}, "", std::string(seal.error().message()));
    bool sealed = seal && *seal;
    if (sealed) chain(view, name, **seal);
    frames(view, name, sealed, more_in_family);
}

void Verifier::chain(const SegmentView& view, const SegmentName& name, const SegmentSeal& seal) {
    ++report_.sealed;
    FamilyName family{name.epoch, name.worker};
    auto before = heads_.find(family);
    if (before != heads_.end()) {
        const ChainHead& head = before->second;
        if (seal.previous_seq != head.segment.seq || seal.previous != head.digest) {
            damage({name, 0}, "",
                   fmt::format("the chain is broken: this seal does not follow from {}",
                               head.segment.file_name()));
        }
    } else if (seal.previous_seq != 0 && first_seq_[family] <= seal.previous_seq) {
        damage({name, 0}, "", "the chain is broken: the sealed segment before it is missing");
    }
    if (seal.bytes > view.bytes().size()) {
        return damage({name, view.bytes().size()}, "", "the sealed segment was cut short");
    }
    heads_[family] = {name, sha256(view.bytes().substr(0, seal.bytes))};
}

// No record at `at`: where do records go on? `more`: later segments of the family hold records.
std::optional<std::uint64_t> Verifier::gap(const SegmentView& view, const Place& at,
                                           const Frame& frame, bool sealed, bool more) {
    auto next = view.next_whole_frame(at.offset);
    bool restarted = boot_id_ != boot_id_text(view.birth().boot_id);
    bool bad = frame.kind == FrameKind::bad;
    std::string_view why = bad ? frame.why : "records end before the end mark";
    if (sealed || at.offset < view.synced() || ((next || more) && !restarted)) {
        damage(at, "", std::string(why));
    } else if (next || more || bad) {
        find(Severity::note, at, "", fmt::format("unsynced bytes were lost: {}", why));
        if (restarted) cut_families_.insert({at.segment.epoch, at.segment.worker});
    }
    return next;
}

void Verifier::frames(const SegmentView& view, const SegmentName& name, bool sealed, bool more) {
    std::uint64_t offset = kHeaderBytes;
    for (;;) {
        Place at{name, offset};
        Frame frame = view.frame_at(offset);
        if (frame.kind == FrameKind::mark) return;
        if (frame.kind != FrameKind::record) {
            auto next = gap(view, at, frame, sealed, more);
            if (!next) return;
            offset = *next;
            continue;
        }
        ++report_.records;
        report_.bytes += frame.next - offset;
        auto decoded = decode(frame.payload);
        if (decoded) {
            record(*decoded, frame.payload, at);
        } else {
            damage(at, "", std::string(decoded.error().message()));
        }
        offset = frame.next;
    }
}

void Verifier::record(const Record& whole, std::string_view payload, const Place& at) {
    fold_.add(whole);
    if (const auto* r = std::get_if<AdmitRecord>(&whole)) admit(*r, at);
    if (const auto* r = std::get_if<EndRecord>(&whole)) end(*r, payload, at);
    if (const auto* r = std::get_if<DispatchedRecord>(&whole)) known_[r->id].has_dispatched = true;
}

void Verifier::admit(const AdmitRecord& r, const Place& at) {
    Known& known = known_[r.head.id];
    if (++known.admits > 1) {
        damage(at, r.head.id.text(),
               fmt::format("admitted twice; first in {} at {}", known.admit.segment.file_name(),
                           known.admit.offset));
        return;
    }
    known.admit = at;
    known.admitted_bound = r.bound;
    known.admitted_held = held_in(r.parts);
    if (r.bound.is_negative()) damage(at, r.head.id.text(), "the bound is negative");
}

void Verifier::sums(const EndRecord& r, const Place& at) {
    std::string id = r.head.id.text();
    Money total;
    for (const core::Charge& charge : r.bill.charges) total += charge.cost;
    bool slim = r.bill.charges.empty();
    if (!slim && total != r.bill.total) damage(at, id, "the charges do not add up to the bill");
    Money overrun = r.charge > r.bound ? r.charge - r.bound : Money{};
    if (r.overrun != overrun) damage(at, id, "the overrun is not charge less bound");
    if (r.charge.is_negative() || r.cost.is_negative()) damage(at, id, "a negative charge or cost");
    if (r.state == EndState::released && !r.charge.is_zero()) {
        damage(at, id, "released, but charged");
    }
}

void Verifier::end(const EndRecord& r, std::string_view payload, const Place& at) {
    Known& known = known_[r.head.id];
    const XXH128_hash_t digest = XXH3_128bits(payload.data(), payload.size());
    // Written again after a sync that failed: two readings of one record are one record.
    if (known.ends > 0 && XXH128_isEqual(digest, known.end_digest) != 0) return;
    sums(r, at);
    if (++known.ends > 1) {
        damage(at, r.head.id.text(),
               fmt::format("ended twice; first in {} at {}", known.end.segment.file_name(),
                           known.end.offset));
        return;
    }
    known.end = at;
    known.end_digest = digest;
    known.ended_bound = r.bound;
    known.ended_held = held_in(r.parts);
    report_.settled_pico += r.charge.pico();
    report_.cost_pico += r.cost.pico();
}

void Verifier::joins() {
    for (const auto& [id, known] : known_) {
        auto first = first_seq_.find({id.call.epoch, id.call.worker});
        bool retired = first == first_seq_.end() || first->second > 1;
        if (known.ends > 0 && known.admits == 0 && !retired) {
            bool cut = cut_families_.contains({id.call.epoch, id.call.worker});
            find(cut ? Severity::note : Severity::damage, known.end, id.text(),
                 cut ? "ended; its admit was lost in a power cut" : "ended, but never admitted");
        }
        if (known.ends > 0 && known.admits > 0) {
            if (known.ended_bound != known.admitted_bound ||
                known.ended_held > known.admitted_held) {
                damage(known.end, id.text(), "the end settles more than was held at the admit");
            }
        }
        if (known.admits > 0 && known.ends == 0) {
            find(Severity::note, known.admit, id.text(),
                 known.has_dispatched ? "open: dispatched, not ended" : "open: not dispatched");
        }
        if (known.has_dispatched && known.admits == 0 && known.ends == 0 && !retired) {
            find(Severity::note, {}, id.text(), "dispatched, but neither admit nor end is there");
        }
    }
}

void Verifier::expected(const std::vector<ChainHead>& heads) {
    for (const ChainHead& head : heads) {
        if (head.segment.seq == 0) continue;
        auto found = heads_.find({head.segment.epoch, head.segment.worker});
        if (found == heads_.end() || found->second.segment < head.segment) {
            damage({head.segment, 0}, "",
                   "a sealed segment that was known is missing or not sealed");
        } else if (found->second.segment == head.segment && found->second.digest != head.digest) {
            damage({head.segment, 0}, "", "the segment is not the one whose hash was kept");
        }
    }
}

}  // namespace

Result<VerifyReport> verify(const std::string& directory, const std::vector<ChainHead>& expected) {
    auto names = list_segments(directory);
    if (!names) return std::unexpected(names.error());
    Verifier verifier(directory);
    for (std::size_t i = 0; i < names->size(); ++i) {
        const SegmentName& name = (*names)[i];
        verifier.sequence_of(name, i > 0 ? &(*names)[i - 1] : nullptr);
        // A spare without records does not make the one before it a closed one.
        bool more = false;
        for (std::size_t j = i + 1; j < names->size() && !more; ++j) {
            if ((*names)[j].epoch != name.epoch || (*names)[j].worker != name.worker) break;
            auto later = SegmentView::open(directory, (*names)[j]);
            more = later && *later && (*later)->has_frames();
        }
        verifier.segment(name, more);
    }
    verifier.joins();
    verifier.expected(expected);
    return verifier.take();
}

}  // namespace weir::ledger
