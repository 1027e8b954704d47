#include "core/budget_table.h"

#include <bit>
#include <cstring>
#include <new>

#include "base/check.h"

namespace weir::core {
namespace {

// At most eight bytes as a number, by loads of fixed size.
std::uint64_t word_of(const char* at, std::size_t size) {
    if (size == 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        return word;
    }
    if (size >= 4) {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        std::memcpy(&first, at, 4);
        std::memcpy(&last, at + size - 4, 4);
        return std::uint64_t{first} << 32 | last;
    }
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) word = word << 8 | static_cast<unsigned char>(at[i]);
    return word;
}

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

BudgetTable::BudgetTable(std::uint32_t cells_max, std::uint64_t seed)
    : cells_max_(cells_max), seed_(seed) {
    WEIR_CHECK(cells_max > 0 && cells_max < (1u << 30));
    // At most half full. calloc leaves the pages of a big index untouched until they are used.
    const std::size_t entries = std::bit_ceil(std::size_t{cells_max} * 2);
    mask_ = entries - 1;
    index_.reset(static_cast<Entry*>(std::calloc(entries, sizeof(Entry))));
    if (index_ == nullptr) throw std::bad_alloc{};
    chunks_.reserve(cells_max / kChunk + 1);
}

std::uint64_t BudgetTable::hash_text(std::string_view instance) const {
    const char* at = instance.data();
    const std::size_t size = instance.size();
    std::uint64_t h = seed_ ^ size;
    if (size < 8) return fold(h ^ word_of(at, size), kMix);
    for (std::size_t left = size; left > 8; left -= 8, at += 8) {
        h = fold(h ^ word_of(at, 8), seed_ ^ kMix);
    }
    // The last eight bytes, overlapping what came before.
    return fold(h ^ word_of(instance.data() + size - 8, 8), kMix);
}

std::uint32_t BudgetTable::find(std::uint64_t hash, std::uint64_t owner, std::int64_t window_start,
                                std::string_view instance) const {
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
        const Entry entry = index_[i];
        if (entry.slot_plus_one == 0) return kNone;
        if (entry.tag != tag_of(hash)) continue;
        const std::uint32_t slot = entry.slot_plus_one - 1;
        const BudgetCell& cell = at(slot);
        if (cell.owner == owner && cell.window.start == window_start && cell.instance == instance) {
            return slot;
        }
    }
}

bool BudgetTable::has_room(std::uint32_t cells) const { return cells <= cells_max_ - live_; }

std::uint32_t BudgetTable::insert(std::uint64_t hash, std::uint64_t owner, WindowSpan window,
                                  std::string_view instance) {
    WEIR_CHECK(has_room(1));
    std::uint32_t slot = 0;
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
    } else {
        slot = used_++;
        if (slot / kChunk == chunks_.size())
            chunks_.push_back(std::make_unique<BudgetCell[]>(kChunk));
    }
    BudgetCell& cell = at(slot);
    cell.settled = cell.held = cell.overrun = 0;
    cell.window = window;
    cell.owner = owner;
    cell.hash = hash;
    cell.instance = instance;
    // 0 is never a generation: it marks hold parts that came from elsewhere.
    cell.generation = next_generation_++;
    if (next_generation_ == 0) next_generation_ = 1;
    cell.open_holds = 0;
    cell.live = true;
    ++live_;
    std::size_t i = hash & mask_;
    while (index_[i].slot_plus_one != 0) i = (i + 1) & mask_;
    index_[i] = {.slot_plus_one = slot + 1, .tag = tag_of(hash)};
    return slot;
}

void BudgetTable::erase(std::uint32_t slot) {
    BudgetCell& cell = at(slot);
    WEIR_CHECK(cell.live && cell.open_holds == 0);
    std::size_t hole = cell.hash & mask_;
    while (index_[hole].slot_plus_one != slot + 1) hole = (hole + 1) & mask_;
    // Moves later entries of the run back, so that no look-up stops at the hole.
    for (std::size_t i = (hole + 1) & mask_; index_[i].slot_plus_one != 0; i = (i + 1) & mask_) {
        const std::size_t home = at(index_[i].slot_plus_one - 1).hash & mask_;
        if (((i - home) & mask_) >= ((i - hole) & mask_)) {
            index_[hole] = index_[i];
            hole = i;
        }
    }
    index_[hole] = {};
    cell.live = false;
    --live_;
    free_.push_back(slot);
}

}  // namespace weir::core
