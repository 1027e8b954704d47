// How header and lengths are touched in a mapping that others write or read at the same time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ledger/crc32c.h"
#include "ledger/segment.h"

namespace weir::ledger {

// "weir.wj" and a zero, as a little-endian word.
inline constexpr std::uint64_t kMagic = 0x006A772E72696577ull;

template <class T>
std::atomic_ref<T> shared_word(char* at) {
    return std::atomic_ref<T>(*reinterpret_cast<T*>(at));
}

template <class Fields>
std::uint32_t crc_after_own(const Fields& fields) {
    constexpr std::size_t kFrom = offsetof(Fields, crc) + sizeof fields.crc;
    const char* raw = reinterpret_cast<const char*>(&fields);
    return crc32c({raw + kFrom, sizeof fields - kFrom});
}

}  // namespace weir::ledger
