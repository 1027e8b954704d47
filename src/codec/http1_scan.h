// Character classes of HTTP/1.1 and scans by them. Only for codec's own .cpp
// files.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weir::codec::scan {

enum CharClass : std::uint8_t { token = 1, target = 2, authority = 4 };

inline constexpr std::array<std::uint8_t, 256> kClasses = [] {
    std::array<std::uint8_t, 256> table{};
    auto add = [&](std::string_view chars, unsigned classes) {
        for (char c : chars) {
            auto& entry = table[static_cast<unsigned char>(c)];
            entry = static_cast<std::uint8_t>(entry | classes);
        }
    };
    add("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        token | target | authority);
    add("!#$%&'*+-.^_`|~", token);
    // Anything printable but the fragment's mark, which has no place on the wire.
    for (unsigned c = 0x21; c < 0x7f; ++c) table[c] = static_cast<std::uint8_t>(table[c] | target);
    table['#'] = static_cast<std::uint8_t>(table['#'] & ~unsigned{target});
    // Without user information: nobody sends it, and it hides the host from the eye.
    add("-._~!$&'()*+;=%:[]", authority);
    return table;
}();

inline bool has_class(char c, CharClass wanted) {
    return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}
inline bool is_token_char(char c) { return has_class(c, token); }
inline bool is_target_char(char c) { return has_class(c, target); }
inline bool is_authority_char(char c) { return has_class(c, authority); }
inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
inline bool is_control(char c) {
    auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && u != '\t') || u == 0x7f;
}

// Each find_ function gives the first byte that its name says, or `end`.
//
// They go by 16 bytes where that many are left, which the end of a head seldom lacks.
#if defined(__SSE2__)
inline __m128i load16(const char* at) {
    __m128i bytes;
    __builtin_memcpy(&bytes, at, sizeof bytes);
    return bytes;
}
// 0xff where first ≤ byte ≤ last.
inline __m128i in_range(__m128i bytes, char first, char last) {
    __m128i from_first = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
    __m128i width = _mm_set1_epi8(static_cast<char>(last - first));
    return _mm_cmpeq_epi8(_mm_min_epu8(from_first, width), from_first);
}
inline __m128i equal_to(__m128i bytes, char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); }
inline unsigned bits(__m128i mask) { return static_cast<unsigned>(_mm_movemask_epi8(mask)); }
inline constexpr unsigned kAllBits = 0xffff;
#endif

// A control character other than tab.
inline const char* find_control(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        __m128i bytes = load16(at);
        __m128i low = _mm_andnot_si128(equal_to(bytes, '\t'), in_range(bytes, 0, 0x1f));
        if (unsigned hits = bits(_mm_or_si128(low, equal_to(bytes, 0x7f))); hits != 0)
            return at + std::countr_zero(hits);
    }
#endif
    while (at != end && !is_control(*at)) ++at;
    return at;
}

// What is not a token's character. Names are nearly all letters, digits and hyphens.
inline const char* find_not_token(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        __m128i bytes = load16(at);
        __m128i letter = in_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
        __m128i other = _mm_or_si128(in_range(bytes, '0', '9'), equal_to(bytes, '-'));
        unsigned misses = ~bits(_mm_or_si128(letter, other)) & kAllBits;
        if (misses == 0) continue;
        at += std::countr_zero(misses);
        break;
    }
#endif
    while (at != end && is_token_char(*at)) ++at;
    return at;
}

// What may not stand in a request target.
inline const char* find_not_target(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        __m128i bytes = load16(at);
        __m128i good = _mm_andnot_si128(equal_to(bytes, '#'), in_range(bytes, 0x21, 0x7e));
        if (unsigned misses = ~bits(good) & kAllBits; misses != 0)
            return at + std::countr_zero(misses);
    }
#endif
    while (at != end && is_target_char(*at)) ++at;
    return at;
}

// Compares a token with a word of lower-case letters and hyphens. No other character of a token
// becomes one of these by setting the bit of the case.
template <std::size_t N>
bool is_word(std::string_view token, const char (&word)[N]) {
    if (token.size() != N - 1) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < N - 1; ++i)
        difference |= static_cast<unsigned>((token[i] | 0x20) ^ word[i]);
    return difference == 0;
}

}  // namespace weir::codec::scan
