#include <algorithm>
#include <atomic>
#include <deque>
#include <fmt/format.h>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.h"
#include "ledger/hold_reserves.h"
#include "ledger/journal.h"
#include "ledger/segment.h"
#include "runtime/clock.h"

namespace weir::ledger {
namespace {

constexpr std::uint64_t kSegmentBytesMin = 64u << 10;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kSparesMax = 64;
// The longest dispatched mark, framed.
constexpr std::uint64_t kDispatchedBytes = 64;

BootId boot_id_of(const std::string& text) {
    if (text.empty()) return current_boot_id();
    BootId id{};
    for (std::size_t i = 0; i < text.size() && i / 2 < id.size(); ++i) {
        auto digit = std::string_view("0123456789abcdef").find(text[i]);
        id[i / 2] = static_cast<std::uint8_t>((id[i / 2] & 15u) << 4 | (digit & 15u));
    }
    return id;
}

// What must be kept of an end for the books: whose call, which budgets, how much.
EndRecord without_details(const EndRecord& end) {
    EndRecord slim;
    slim.head = end.head;
    slim.state = end.state;
    slim.at = end.at;
    slim.usage.completeness = end.usage.completeness;
    slim.usage.notes = end.usage.notes;
    slim.bill.total = end.bill.total;
    slim.bill.unpriced = end.bill.unpriced;
    slim.bill.provisional = end.bill.provisional;
    slim.cost = end.cost;
    slim.charge = end.charge;
    slim.charge_tokens = end.charge_tokens;
    slim.overrun = end.overrun;
    slim.bound = end.bound;
    slim.parts = end.parts;
    slim.outcome = end.outcome;
    slim.outcome.error_text.clear();
    slim.outcome.provider_request_id.clear();
    slim.outcome.notes = {"lines dropped: the journal is full"};
    return slim;
}

std::unexpected<Error> unavailable(std::string detail) {
    return fail(ErrorCode::ledger_unavailable, "", std::move(detail));
}

}  // namespace

struct JournalWriter::Impl {
    JournalOptions options;
    SegmentName family;
    BootId boot_id{};

    // The worker's own.
    std::shared_ptr<Segment> current;
    HoldReserves reserves;
    std::string scratch;

    // One segment is made at a time; held over the making, never while a record is appended (but as
    // the last resort, when there is no spare).
    std::mutex making;

    // Guards what worker and helper share. Held for pointer changes only.
    mutable std::mutex shared;
    std::shared_ptr<Segment> shared_current;
    std::deque<std::shared_ptr<Segment>> spares;  // in order
    std::vector<std::shared_ptr<Segment>> full;   // in order; waiting to be synced and sealed
    std::uint32_t next_seq = 1;
    ChainHead head;
    std::function<void(const ChainHead&)> keep_head;

    std::atomic<std::uint32_t> spares_there{0};
    // Enough for the ends of all open holds, and one more.
    std::atomic<std::uint32_t> spares_wanted{1};
    // A sync has failed, and none has succeeded on the segment after it (ledger.md J4).
    std::atomic<bool> stopped{false};

    Result<> make_spare(std::uint32_t wanted);
    Result<> use_spare();
    bool fits(std::uint64_t need, std::uint64_t keep) const;
    Result<> place(std::uint64_t need, std::uint64_t keep);
    void leave_failed_segment();
    Result<> write(std::uint64_t keep);
    Result<> append_admit(const AdmitRecord& admit);
    Result<> append_end(const EndRecord& end);
    Result<> sync_full(const std::vector<std::shared_ptr<Segment>>& segments);
    std::uint64_t room() const { return options.segment_bytes - kHeaderBytes - kFrameHead; }
    // What a further segment surely holds: at its start, less than one record was wasted.
    std::uint64_t sure_room() const {
        std::uint64_t waste = std::max(reserves.largest(), options.end_reserve_bytes);
        return room() > waste ? room() - waste : 1;
    }
};

Result<> JournalWriter::Impl::make_spare(std::uint32_t wanted) {
    std::lock_guard one(making);
    SegmentName name = family;
    {
        std::lock_guard lock(shared);
        if (spares.size() >= wanted) return {};
        name.seq = next_seq;
    }
    UnixTime now = options.clock != nullptr ? options.clock->unix_now() : UnixTime{};
    auto made =
        Segment::make({options.directory, name, options.segment_bytes, boot_id, now, options.disk});
    if (!made) return std::unexpected(made.error());
    std::lock_guard lock(shared);
    spares.push_back(std::move(*made));
    ++next_seq;
    spares_there.store(static_cast<std::uint32_t>(spares.size()), std::memory_order_release);
    return {};
}

Result<> JournalWriter::Impl::use_spare() {
    if (spares_there.load(std::memory_order_acquire) == 0) {
        if (auto made = make_spare(1); !made) return made;
    }
    // The mark comes before the first frame of the next segment: a reader of both can tell a family
    // that went on from one that lost its tail.
    if (current) current->end();
    std::lock_guard lock(shared);
    if (current) full.push_back(current);
    current = std::move(spares.front());
    spares.pop_front();
    shared_current = current;
    spares_there.store(static_cast<std::uint32_t>(spares.size()), std::memory_order_release);
    return {};
}

// Whether `need` bytes can be written and `keep` bytes of later records still fit, however these
// fall on the boundaries between segments.
bool JournalWriter::Impl::fits(std::uint64_t need, std::uint64_t keep) const {
    std::uint64_t here = current->free_bytes();
    std::uint64_t spares_now = spares_there.load(std::memory_order_acquire);
    if (need <= here) return need + keep <= here + spares_now * sure_room();
    return spares_now > 0 && need <= room() &&
           need + keep <= room() + (spares_now - 1) * sure_room();
}

Result<> JournalWriter::Impl::place(std::uint64_t need, std::uint64_t keep) {
    while (!fits(need, keep)) {
        std::uint32_t spares_now = spares_there.load(std::memory_order_acquire);
        if (spares_now >= kSparesMax) return unavailable("too many calls are open for the journal");
        if (auto made = make_spare(spares_now + 1); !made)
            return unavailable(made.error().detail());
    }
    if (need > current->free_bytes()) return use_spare();
    return {};
}

void JournalWriter::Impl::leave_failed_segment() {
    // If no other is to be had, ends go on to the failed one: there, at least the death of the
    // process does not lose them.
    if (current->has_failed()) (void)use_spare();
}

Result<> JournalWriter::Impl::write(std::uint64_t keep) {
    if (scratch.size() > kPayloadMax) return unavailable("a record is too large");
    if (auto placed = place(frame_bytes(scratch.size()), keep); !placed) return placed;
    current->put(scratch);
    return {};
}

Result<> JournalWriter::Impl::append_admit(const AdmitRecord& admit) {
    if (stopped.load(std::memory_order_acquire)) {
        return unavailable("the journal could not be synced");
    }
    std::uint64_t own = frame_bytes(scratch.size()) + options.end_reserve_bytes + kDispatchedBytes;
    if (auto written = write(reserves.total() + own); !written) return written;
    reserves.add(admit.head.id, static_cast<std::uint32_t>(own));
    spares_wanted.store(static_cast<std::uint32_t>(1 + reserves.total() / sure_room()),
                        std::memory_order_relaxed);
    return {};
}

Result<> JournalWriter::Impl::append_end(const EndRecord& end) {
    std::uint64_t own = reserves.of(end.head.id);
    std::uint64_t need = frame_bytes(scratch.size());
    std::uint64_t others = reserves.total() - own;
    if (need > own && !place(need, others)) {
        scratch.clear();
        encode(Record{without_details(end)}, scratch);
        need = frame_bytes(scratch.size());
    }
    if (own != 0 && need <= own) {
        // Promised at the admit: not asked again.
        if (need > current->free_bytes()) {
            if (auto used = use_spare(); !used) return unavailable(used.error().detail());
        }
        current->put(scratch);
    } else if (auto written = write(others); !written) {
        return written;
    }
    reserves.remove(end.head.id);
    return {};
}

JournalWriter::JournalWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<JournalWriter>> JournalWriter::open(const JournalOptions& options,
                                                           std::uint32_t epoch,
                                                           std::uint16_t worker) {
    if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes % kPage != 0) {
        return fail(
            ErrorCode::config_invalid,
            fmt::format("a journal segment is a multiple of {} and at least {} bytes, not {}",
                        kPage, kSegmentBytesMin, options.segment_bytes));
    }
    auto impl = std::make_unique<Impl>();
    impl->options = options;
    if (!impl->options.disk) impl->options.disk = std::make_shared<Disk>();
    impl->family = {epoch, worker, 0};
    impl->boot_id = boot_id_of(options.boot_id);
    if (auto used = impl->use_spare(); !used) return std::unexpected(used.error());
    if (auto spare = impl->make_spare(1); !spare) {
        impl->current->remove();
        return std::unexpected(spare.error());
    }
    return std::unique_ptr<JournalWriter>(new JournalWriter(std::move(impl)));
}

JournalWriter::~JournalWriter() {
    std::unique_lock lock(impl_->shared);
    // Before the mark: a reader that sees it looks for the next segment.
    for (const auto& spare : impl_->spares) spare->remove();
    impl_->current->end();
    impl_->full.push_back(impl_->current);
    lock.unlock();
    // What fails here is found by the next start: an unsealed segment is read all the same.
    (void)sync();
    (void)seal_full();
}

Result<> JournalWriter::append(const Record& record) {
    Impl& j = *impl_;
    j.leave_failed_segment();
    j.scratch.clear();
    encode(record, j.scratch);
    if (const auto* admit = std::get_if<AdmitRecord>(&record)) return j.append_admit(*admit);
    if (const auto* end = std::get_if<EndRecord>(&record)) return j.append_end(*end);
    if (const auto* mark = std::get_if<DispatchedRecord>(&record)) {
        j.reserves.take_for_dispatch(mark->id, kDispatchedBytes);
    }
    return j.write(j.reserves.total());
}

Result<> JournalWriter::Impl::sync_full(const std::vector<std::shared_ptr<Segment>>& segments) {
    Result<> result;
    for (const auto& segment : segments) {
        if (segment->is_synced() || segment->has_failed()) continue;
        if (auto synced = segment->sync(false); !synced && result) result = synced;
    }
    return result;
}

Result<> JournalWriter::sync() {
    Impl& j = *impl_;
    std::vector<std::shared_ptr<Segment>> full;
    std::shared_ptr<Segment> current;
    {
        std::lock_guard lock(j.shared);
        full = j.full;
        current = j.shared_current;
    }
    Result<> result = j.sync_full(full);
    bool was_stopped = j.stopped.load(std::memory_order_acquire);
    if (result && current->has_failed()) {
        result = fail(ErrorCode::io, "the journal waits for its next segment",
                      current->path() + " could not be synced");
    } else if (auto synced = current->sync(was_stopped); !synced && result) {
        result = synced;
    }
    if (!result) {
        j.stopped.store(true, std::memory_order_release);
    } else if (was_stopped) {
        j.stopped.store(false, std::memory_order_release);
    }
    return result;
}

Result<> JournalWriter::prepare_spare() {
    std::uint32_t wanted =
        std::min(impl_->spares_wanted.load(std::memory_order_relaxed), kSparesMax);
    while (impl_->spares_there.load(std::memory_order_acquire) < wanted) {
        if (auto made = impl_->make_spare(wanted); !made) return made;
    }
    return {};
}

Result<> JournalWriter::seal_full() {
    Impl& j = *impl_;
    for (;;) {
        std::shared_ptr<Segment> first;
        ChainHead head;
        {
            std::lock_guard lock(j.shared);
            if (j.full.empty()) return {};
            first = j.full.front();
            head = j.head;
        }
        if (!first->has_failed() && !first->is_synced()) return {};
        // A failed one stays open for ever; the chain goes round it.
        Result<ChainHead> sealed = head;
        if (!first->has_failed()) sealed = first->seal(head);
        {
            std::lock_guard lock(j.shared);
            j.full.erase(j.full.begin());
            if (!sealed) return std::unexpected(sealed.error());
            j.head = *sealed;
        }
        if (j.keep_head && !first->has_failed()) j.keep_head(*sealed);
    }
}

Result<> JournalWriter::housekeep() {
    Result<> result = sync();
    if (auto made = prepare_spare(); !made && result) result = made;
    if (auto sealed = seal_full(); !sealed && result) result = sealed;
    return result;
}

ChainHead JournalWriter::chain_head() const {
    std::lock_guard lock(impl_->shared);
    return impl_->head;
}

void JournalWriter::on_seal(std::function<void(const ChainHead&)> keep) {
    impl_->keep_head = std::move(keep);
}

std::size_t JournalWriter::open_holds() const { return impl_->reserves.size(); }

}  // namespace weir::ledger
