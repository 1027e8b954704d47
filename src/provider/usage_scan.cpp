#include "provider/usage_scan.h"

#include <algorithm>

#ifdef __SSE2__
#include <bit>
#include <emmintrin.h>
#endif

namespace weir::provider {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_space(std::string_view text, std::size_t at) {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

struct StringEnd {
    std::size_t after = 0;  // first byte after the closing quote, or the text's size
    std::size_t bytes = 0;  // unescaped
};

// `at` is the first byte after the opening quote.
StringEnd read_string(std::string_view text, std::size_t at) {
    StringEnd end;
    while (at < text.size() && text[at] != '"') {
        if (text[at] != '\\') {
            ++at;
            ++end.bytes;
        } else if (at + 1 < text.size() && text[at + 1] == 'u') {
            at += 6;
            end.bytes += 2;  // 1 to 3 in UTF-8; a surrogate pair is 4
        } else {
            at += 2;
            ++end.bytes;
        }
    }
    end.after = std::min(at + 1, text.size());
    return end;
}

bool bears_text(std::string_view key) {
    switch (key.size()) {
        case 4:
            return key == "text";
        case 5:
            return key == "input";
        case 7:
            return key == "content" || key == "refusal";
        case 8:
            return key == "thinking";
        case 9:
            return key == "reasoning" || key == "arguments";
        case 12:
            return key == "partial_json";
        case 17:
            return key == "reasoning_content";
        default:
            return false;
    }
}

}  // namespace

std::size_t find_initial(std::string_view text, std::size_t from, const KeyInitials& initials) {
    std::size_t at = from;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i a = _mm_set1_epi8(initials[0]);
    const __m128i b = _mm_set1_epi8(initials[1]);
    const __m128i c = _mm_set1_epi8(initials[2]);
    const __m128i d = _mm_set1_epi8(initials[3]);
    for (; at + 17 <= text.size(); at += 16) {
        const char* p = text.data() + at;
        const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 1));
        const __m128i letter =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(second, a), _mm_cmpeq_epi8(second, b)),
                         _mm_or_si128(_mm_cmpeq_epi8(second, c), _mm_cmpeq_epi8(second, d)));
        const int mask = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(first, quote), letter));
        if (mask != 0) {
            return at + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(mask)));
        }
    }
#endif
    for (; at + 1 < text.size(); ++at) {
        if (text[at] == '"' && std::ranges::find(initials, text[at + 1]) != initials.end()) {
            return at;
        }
    }
    return kNotFound;
}

std::size_t value_after_key(std::string_view text, std::size_t at, std::string_view key) {
    if (at > 0 && text[at - 1] == '\\') return kNotFound;
    std::size_t next = at + 1 + key.size();
    if (next >= text.size() || text[next] != '"' || text.substr(at + 1, key.size()) != key) {
        return kNotFound;
    }
    next = skip_space(text, next + 1);
    if (next >= text.size() || text[next] != ':') return kNotFound;
    next = skip_space(text, next + 1);
    return next < text.size() ? next : kNotFound;
}

bool has_key(std::string_view text, std::string_view key) {
    for (std::size_t at = text.find(key, 1); at != kNotFound; at = text.find(key, at + 1)) {
        if (text[at - 1] == '"' && value_after_key(text, at - 1, key) != kNotFound) return true;
    }
    return false;
}

std::size_t text_bytes(std::string_view text, std::size_t at, std::size_t& end) {
    end = at;
    if (at >= text.size()) return 0;
    if (text[at] == '"') {
        const StringEnd string = read_string(text, at + 1);
        end = string.after;
        return string.bytes;
    }
    if (text[at] != '{' && text[at] != '[') return 0;
    std::size_t bytes = 0;
    std::size_t depth = 0;
    std::string_view key;
    while (end < text.size()) {
        const char c = text[end++];
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && --depth == 0) break;
        if (c != '"') continue;
        const std::size_t begin = end;
        const StringEnd string = read_string(text, begin);
        end = string.after;
        const std::size_t next = skip_space(text, end);
        if (next < text.size() && text[next] == ':') {
            key = text.substr(begin, end - begin - 1);
        } else if (bears_text(key)) {
            bytes += string.bytes;
        }
    }
    return bytes;
}

std::string_view string_at(std::string_view text, std::size_t at) {
    if (at >= text.size() || text[at] != '"') return {};
    const StringEnd string = read_string(text, at + 1);
    if (string.after <= at + 1 || text[string.after - 1] != '"') return {};
    return text.substr(at + 1, string.after - at - 2);
}

}  // namespace weir::provider
