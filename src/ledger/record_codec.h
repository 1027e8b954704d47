// The spelling of a record's bytes, and the end that appends them. Encoder and Decoder
// (record_decoder.h) answer to the same calls, so that record_fields.h names each field once and
// the two can not drift apart.
//
// A number is one byte below 240; else 239 + n, then its n bytes, low first, with no leading zero.
// Signed numbers are zigzagged first. A text is its length and its bytes, at most kTextMax: a
// longer one is cut at a character when it is written. A list is its count and its items. Every
// value has one spelling; the Decoder refuses all others.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"

namespace weir::ledger {

__extension__ using UInt128 = unsigned __int128;

inline constexpr std::size_t kTextMax = 4096;
inline constexpr std::uint8_t kOneByteBelow = 240;
static_assert(std::endian::native == std::endian::little, "the journal is written by memcpy");

constexpr UInt128 zigzag(Int128 v) {
    return (static_cast<UInt128>(v) << 1) ^ static_cast<UInt128>(v >> 127);
}
constexpr Int128 unzigzag(UInt128 v) {
    return static_cast<Int128>(v >> 1) ^ -static_cast<Int128>(v & 1);
}
constexpr std::size_t significant_bytes(std::uint64_t v) {
    return (static_cast<std::size_t>(std::bit_width(v)) + 7) / 8;
}

// Appends to a string that the caller keeps and reuses: no temporaries, no allocation once it has
// grown. `finish` must be called, or the string keeps bytes of no meaning at its end.
class Encoder {
 public:
    static constexpr bool kWrites = true;
    static constexpr std::size_t kSlack = 32;  // the longest number, and room to write past it

    explicit Encoder(std::string& out) : out_(out) { make_room(out.size(), 512); }
    void finish() { out_.resize(static_cast<std::size_t>(at_ - out_.data())); }

    void byte(std::uint8_t v) {
        ensure(kSlack);
        *at_++ = static_cast<char>(v);
    }
    void number(std::uint64_t v) {
        ensure(kSlack);
        if (v < kOneByteBelow) {
            *at_++ = static_cast<char>(v);
            return;
        }
        std::size_t n = significant_bytes(v);
        *at_ = static_cast<char>(kOneByteBelow - 1 + n);
        std::memcpy(at_ + 1, &v, sizeof v);
        at_ += 1 + n;
    }
    void wide(UInt128 v) {
        auto high = static_cast<std::uint64_t>(v >> 64);
        auto low = static_cast<std::uint64_t>(v);
        if (high == 0) return number(low);
        ensure(kSlack);
        std::size_t n = 8 + significant_bytes(high);
        *at_ = static_cast<char>(kOneByteBelow - 1 + n);
        std::memcpy(at_ + 1, &low, sizeof low);
        std::memcpy(at_ + 9, &high, sizeof high);
        at_ += 1 + n;
    }
    template <class T>
    void integer(const T& v) {
        if constexpr (std::is_signed_v<T>) {
            auto wide_v = static_cast<std::int64_t>(v);
            number((static_cast<std::uint64_t>(wide_v) << 1) ^
                   static_cast<std::uint64_t>(wide_v >> 63));
        } else {
            number(v);
        }
    }
    void integer128(const Int128& v) { wide(zigzag(v)); }
    void flag(const bool& v) { byte(v ? 1 : 0); }
    template <class E>
    void enumerated(const E& v, E) {
        byte(static_cast<std::uint8_t>(v));
    }
    void text(std::string_view v) {
        std::size_t n = whole_characters(v);
        number(n);
        ensure(n + kSlack);
        copy(at_, v.data(), n);
        at_ += n;
    }
    template <class List, class Item>
    void list(const List& items, std::size_t most, Item&& write) {
        std::size_t count = std::min(items.size(), most);
        number(count);
        for (std::size_t i = 0; i < count; ++i) write(items[i]);
    }

 private:
    static std::size_t whole_characters(std::string_view v) {
        if (v.size() <= kTextMax) return v.size();
        std::size_t n = kTextMax;
        while (n > kTextMax - 4 && (static_cast<unsigned char>(v[n]) & 0xC0u) == 0x80u) --n;
        return n;
    }
    // Most texts are short: two overlapping fixed-size copies beat a call of memcpy.
    static void copy(char* to, const char* from, std::size_t n) {
        if (n > 32) {
            std::memcpy(to, from, n);
        } else if (n >= 16) {
            std::memcpy(to, from, 16);
            std::memcpy(to + n - 16, from + n - 16, 16);
        } else if (n >= 8) {
            std::memcpy(to, from, 8);
            std::memcpy(to + n - 8, from + n - 8, 8);
        } else if (n >= 4) {
            std::memcpy(to, from, 4);
            std::memcpy(to + n - 4, from + n - 4, 4);
        } else {
            for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
        }
    }
    void ensure(std::size_t n) {
        if (static_cast<std::size_t>(end_ - at_) < n) [[unlikely]] {
            make_room(static_cast<std::size_t>(at_ - out_.data()), n);
        }
    }
    void make_room(std::size_t used, std::size_t n) {
        grow(out_, used, n);
        at_ = out_.data() + used;
        end_ = out_.data() + out_.size();
    }
    // Apart and static, so that the encoder itself can live in registers.
    [[gnu::noinline]] static void grow(std::string& out, std::size_t used, std::size_t n) {
        std::size_t want = std::max({out.capacity(), used + n, used * 2});
        out.resize_and_overwrite(want, [](char*, std::size_t size) { return size; });
    }

    std::string& out_;
    char* at_ = nullptr;
    char* end_ = nullptr;
};

}  // namespace weir::ledger
