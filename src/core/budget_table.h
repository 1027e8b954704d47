// The live balances of all budgets: one cell for each (owner, instance, window), in a slab that
// never moves, and a hash index over it. Internal to core/budget.
//
// The index grows by linear hashing, a bucket or two at each insertion: none takes longer for there
// being many cells (ledger.md W14), and with few of them all that is looked up lies close together.
//
// The window is part of a cell's identity, so a hold settles in the window it was admitted in, and
// a new window is simply a cell that does not exist yet. A cell with an open hold is never freed
// (ledger.md L8); a slot that is used again has a new generation.
// Thread: as Budgets.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "core/budget.h"

namespace weir::core {

// Two cache lines: what every decision reads, and the rest.
struct alignas(64) BudgetCell {
    Int128 settled = 0;
    Int128 held = 0;
    WindowSpan window;
    std::uint64_t owner = 0;  // a budget, as Budgets numbers them
    std::uint32_t generation = 0;
    std::uint32_t open_holds = 0;

    std::string instance;
    Int128 overrun = 0;
    std::uint64_t hash = 0;
    std::uint32_t next_plus_one = 0;  // of the same bucket; 0: the last
    bool live = false;
};
static_assert(sizeof(BudgetCell) == 128);

class BudgetTable {
 public:
    static constexpr std::uint32_t kNone = UINT32_MAX;

    // `seed` keys the hash, so that callers who choose ids cannot choose collisions.
    BudgetTable(std::uint32_t cells_max, std::uint64_t seed);

    // Of an instance's name alone: one name is often asked for by several budgets.
    std::uint64_t hash_text(std::string_view instance) const;
    // Of a whole cell, given that.
    static std::uint64_t hash_cell(std::uint64_t owner, std::int64_t window_start,
                                   std::uint64_t text_hash) {
        return fold(text_hash ^ owner, static_cast<std::uint64_t>(window_start) ^ kMix);
    }
    std::uint64_t hash(std::uint64_t owner, std::int64_t window_start,
                       std::string_view instance) const {
        return hash_cell(owner, window_start, hash_text(instance));
    }
    std::uint32_t find(std::uint64_t hash, std::uint64_t owner, std::int64_t window_start,
                       std::string_view instance) const;
    // Hints, before several are looked for: misses then wait for memory together.
    void prefetch_cell(std::uint64_t hash) const {
        const std::uint32_t slot_plus_one = buckets_[bucket_of(hash)].slot_plus_one;
        if (slot_plus_one != 0) prefetch_slot(slot_plus_one - 1);
    }
    void prefetch_slot(std::uint32_t slot) const {
        if (slot >= used_) return;
        const BudgetCell& cell = at(slot);
        __builtin_prefetch(&cell, 1);
        __builtin_prefetch(&cell.instance);
    }
    // The slot, if it still is the cell that a hold was taken from.
    std::uint32_t find_slot(std::uint32_t slot, std::uint32_t generation) const {
        if (slot >= used_) return kNone;
        const BudgetCell& cell = at(slot);
        return cell.live && cell.generation == generation ? slot : kNone;
    }

    bool has_room(std::uint32_t cells) const;
    // Requires room, and that the cell does not exist.
    std::uint32_t insert(std::uint64_t hash, std::uint64_t owner, WindowSpan window,
                         std::string_view instance);
    void erase(std::uint32_t slot);

    BudgetCell& at(std::uint32_t slot) { return chunks_[slot / kChunk][slot % kChunk]; }
    const BudgetCell& at(std::uint32_t slot) const { return chunks_[slot / kChunk][slot % kChunk]; }
    // Slots ever used; those that are not `live` are free.
    std::uint32_t slots() const { return used_; }
    std::uint32_t live() const { return live_; }

 private:
    static constexpr std::uint32_t kChunk = 1024;
    static constexpr std::uint64_t kMix = 0xD6E8FEB86659FD93ull;
    __extension__ using UInt128 = unsigned __int128;

    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const UInt128 product = UInt128{a} * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    // The first cell of a chain. Its tag tells most strangers without a look at the cell.
    struct Bucket {
        std::uint32_t slot_plus_one = 0;  // 0 = empty
        std::uint32_t tag = 0;            // upper half of the hash
    };
    struct Free {
        void operator()(Bucket* p) const { std::free(p); }
    };
    // Of 2^n … 2^(n+1) buckets the first are told apart by n + 1 bits of the hash, the others by n.
    std::size_t bucket_of(std::uint64_t hash) const {
        const std::size_t wide = hash & (mask_ << 1 | 1);
        return wide < bucket_count_ ? wide : hash & mask_;
    }
    void link(std::uint32_t slot);
    void split_next();

    std::uint32_t cells_max_;
    std::uint64_t seed_;
    std::uint32_t used_ = 0;
    std::uint32_t live_ = 0;
    std::uint32_t next_generation_ = 1;
    std::vector<std::unique_ptr<BudgetCell[]>> chunks_;
    std::vector<std::uint32_t> free_;
    std::size_t buckets_max_ = 0;
    std::size_t bucket_count_ = 0;
    std::size_t mask_ = 0;  // of the largest power of two that is not above bucket_count_
    std::unique_ptr<Bucket[], Free> buckets_;
};

}  // namespace weir::core
