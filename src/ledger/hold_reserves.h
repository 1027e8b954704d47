// How many bytes of the journal are spoken for by the ends of open holds. An open-addressed table,
// so that an admit and an end cost no allocation once it has grown. Thread: the writer's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/ids.h"

namespace weir::ledger {

class HoldReserves {
 public:
    struct Reserve {
        AttemptId id;  // null = an empty slot
        std::uint32_t bytes = 0;
        bool dispatched = false;
    };

    HoldReserves() : slots_(kFirstSlots) {}

    std::uint64_t total() const { return total_; }
    std::uint64_t largest() const { return largest_; }  // ever
    std::size_t size() const { return size_; }

    void add(const AttemptId& id, std::uint32_t bytes) {
        if (size_ * 2 >= slots_.size()) grow();
        Reserve& slot = slots_[find(id)];
        if (slot.id.call.is_null()) {
            ++size_;
        } else {
            total_ -= slot.bytes;
        }
        slot = {id, bytes, false};
        total_ += bytes;
        largest_ = std::max<std::uint64_t>(largest_, bytes);
    }
    std::uint32_t of(const AttemptId& id) const { return slots_[find(id)].bytes; }
    // The hold's dispatched mark takes its part of the reserve, once.
    void take_for_dispatch(const AttemptId& id, std::uint32_t bytes) {
        Reserve& slot = slots_[find(id)];
        if (slot.id.call.is_null() || slot.dispatched) return;
        slot.dispatched = true;
        bytes = std::min(bytes, slot.bytes);
        slot.bytes -= bytes;
        total_ -= bytes;
    }
    void remove(const AttemptId& id) {
        std::size_t hole = find(id);
        if (slots_[hole].id.call.is_null()) return;
        total_ -= slots_[hole].bytes;
        --size_;
        // What was pushed past the hole by it moves back, so that no search ends too early.
        for (std::size_t i = next(hole); !slots_[i].id.call.is_null(); i = next(i)) {
            std::size_t home = home_of(slots_[i].id);
            bool stays = hole <= i ? (hole < home && home <= i) : (hole < home || home <= i);
            if (stays) continue;
            slots_[hole] = slots_[i];
            hole = i;
        }
        slots_[hole] = Reserve{};
    }

 private:
    static constexpr std::size_t kFirstSlots = 2048;

    std::size_t next(std::size_t i) const { return (i + 1) & (slots_.size() - 1); }
    std::size_t home_of(const AttemptId& id) const {
        return std::hash<AttemptId>{}(id) & (slots_.size() - 1);
    }
    std::size_t find(const AttemptId& id) const {
        std::size_t i = home_of(id);
        while (!slots_[i].id.call.is_null() && slots_[i].id != id) i = next(i);
        return i;
    }
    void grow() {
        std::vector<Reserve> old(slots_.size() * 2);
        old.swap(slots_);
        for (const Reserve& r : old) {
            if (!r.id.call.is_null()) slots_[find(r.id)] = r;
        }
    }

    std::vector<Reserve> slots_;
    std::size_t size_ = 0;
    std::uint64_t total_ = 0;
    std::uint64_t largest_ = 0;
};

}  // namespace weir::ledger
