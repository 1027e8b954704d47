// A lazy, coarse timer wheel. Moving a deadline later is one store: a timer stays filed where it
// was and is filed anew when that slot comes up. A timer fires after its due time and less than two
// ticks (and the loop's turn) late. Owns no timer. Thread: its loop.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/time.h"
#include "runtime/list_node.h"

namespace weir::runtime {

class Timer : private ListNode {
 public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual void expire() = 0;

 protected:
    ~Timer() = default;

 private:
    friend class Wheel;
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
    std::int64_t due_ = kNever;  // tick at which it fires
    std::int64_t filed_ = 0;     // tick at which it is looked at
};

class Wheel {
 public:
    static constexpr Duration kTick = std::chrono::milliseconds{64};
    static constexpr std::int64_t kSlots = 1024;

    explicit Wheel(MonoTime now) : tick_(tick_of(now)) {}

    void set(Timer& timer, MonoTime due) {
        timer.due_ = tick_of(due) + 1;
        if (timer.linked() && timer.filed_ <= timer.due_) return;
        timer.unlink();
        file(timer);
    }
    // One store too: the timer leaves when its slot comes up, or when it is destroyed.
    void clear(Timer& timer) { timer.due_ = Timer::kNever; }

    // Fires what is due. A timer that fires may set, clear and destroy any timer.
    void advance(MonoTime now) {
        for (std::int64_t to = tick_of(now); tick_ < to;) {
            ++tick_;
            std::size_t slot = slot_of(tick_);
            if (!occupied(slot)) continue;
            occupied_[slot / 64] &= ~bit(slot);
            ListNode looked_at;
            looked_at.take_all(slots_[slot]);
            while (looked_at.linked()) {
                auto& timer = static_cast<Timer&>(looked_at.first());
                timer.unlink();
                if (timer.due_ <= tick_) {
                    timer.due_ = Timer::kNever;
                    timer.expire();
                } else if (timer.due_ != Timer::kNever) {
                    file(timer);
                }
            }
        }
    }

    // How long the loop may sleep; nothing: as long as it likes.
    std::optional<Duration> until_next(MonoTime now) const {
        for (std::int64_t ahead = 1; ahead <= kSlots;) {
            std::size_t slot = slot_of(tick_ + ahead);
            std::uint64_t rest = occupied_[slot / 64] >> (slot % 64);
            if (rest != 0) {
                std::int64_t at = (tick_ + ahead + std::countr_zero(rest)) * kTick.count();
                return Duration{std::max<std::int64_t>(at - now.ns, 0)};
            }
            ahead += 64 - static_cast<std::int64_t>(slot % 64);
        }
        return std::nullopt;
    }

 private:
    static std::int64_t tick_of(MonoTime t) { return t.ns / kTick.count(); }
    static std::size_t slot_of(std::int64_t tick) {
        return static_cast<std::size_t>(tick % kSlots);
    }
    static std::uint64_t bit(std::size_t slot) { return std::uint64_t{1} << (slot % 64); }
    bool occupied(std::size_t slot) const { return (occupied_[slot / 64] & bit(slot)) != 0; }

    void file(Timer& timer) {
        timer.filed_ = std::clamp(timer.due_, tick_ + 1, tick_ + kSlots - 1);
        std::size_t slot = slot_of(timer.filed_);
        slots_[slot].append(timer);
        occupied_[slot / 64] |= bit(slot);
    }

    std::int64_t tick_;
    std::array<std::uint64_t, kSlots / 64> occupied_{};  // may lag behind: set for an empty slot
    std::array<ListNode, kSlots> slots_;
};

}  // namespace weir::runtime
