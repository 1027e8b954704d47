#include "core/budget_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

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

constexpr std::size_t kBucketsFirst = 1024;
constexpr std::size_t kBucketsACell = 2;

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

BudgetTable::BudgetTable(std::uint32_t cells_max, std::uint64_t seed)
    : cells_max_(cells_max), seed_(seed) {
    WEIR_CHECK(cells_max > 0 && cells_max < (1u << 30));
    // calloc leaves the pages of a big index untouched until they are used.
    buckets_max_ = std::max(std::bit_ceil(std::size_t{cells_max} * kBucketsACell), kBucketsFirst);
    bucket_count_ = kBucketsFirst;
    mask_ = kBucketsFirst - 1;
    buckets_.reset(static_cast<Bucket*>(std::calloc(buckets_max_, sizeof(Bucket))));
    if (buckets_ == nullptr) throw std::bad_alloc{};
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
    const Bucket bucket = buckets_[bucket_of(hash)];
    std::uint32_t at_plus_one = bucket.slot_plus_one;
    // Where the first is alone, its tag is all that has to be seen of it.
    const bool first_differs = bucket.tag != tag_of(hash);
    if (at_plus_one != 0 && first_differs) at_plus_one = at(at_plus_one - 1).next_plus_one;
    while (at_plus_one != 0) {
        const BudgetCell& cell = at(at_plus_one - 1);
        if (cell.hash == hash && cell.owner == owner && cell.window.start == window_start &&
            cell.instance == instance) {
            break;
        }
        at_plus_one = cell.next_plus_one;
    }
    return at_plus_one == 0 ? kNone : at_plus_one - 1;
}

void BudgetTable::link(std::uint32_t slot) {
    BudgetCell& cell = at(slot);
    Bucket& bucket = buckets_[bucket_of(cell.hash)];
    cell.next_plus_one = bucket.slot_plus_one;
    bucket = {.slot_plus_one = slot + 1, .tag = tag_of(cell.hash)};
}

// One bucket becomes two.
void BudgetTable::split_next() {
    Bucket& old = buckets_[bucket_count_ - mask_ - 1];
    std::uint32_t at_plus_one = std::exchange(old.slot_plus_one, 0);
    if (++bucket_count_ == 2 * (mask_ + 1)) mask_ = mask_ << 1 | 1;
    while (at_plus_one != 0) {
        const std::uint32_t slot = at_plus_one - 1;
        at_plus_one = at(slot).next_plus_one;
        link(slot);
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
    for (std::size_t i = 0; i < kBucketsACell; ++i) {
        if (bucket_count_ < kBucketsACell * live_ && bucket_count_ < buckets_max_) split_next();
    }
    link(slot);
    return slot;
}

void BudgetTable::erase(std::uint32_t slot) {
    BudgetCell& cell = at(slot);
    WEIR_CHECK(cell.live && cell.open_holds == 0);
    Bucket& bucket = buckets_[bucket_of(cell.hash)];
    if (bucket.slot_plus_one == slot + 1) {
        bucket.slot_plus_one = cell.next_plus_one;
        if (bucket.slot_plus_one != 0) bucket.tag = tag_of(at(bucket.slot_plus_one - 1).hash);
    } else {
        std::uint32_t before = bucket.slot_plus_one - 1;
        while (at(before).next_plus_one != slot + 1) before = at(before).next_plus_one - 1;
        at(before).next_plus_one = cell.next_plus_one;
    }
    cell.live = false;
    --live_;
    free_.push_back(slot);
}

}  // namespace weir::core
