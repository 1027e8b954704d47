#include "provider/json_cursor.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>

#include "base/check.h"

namespace weir::provider {
namespace {

bool ends_plain(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

#if defined(__SSE2__)
// Bit i: byte i ends a run of plain string bytes.
unsigned marks_of(const char* bytes) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash))));
}
#endif

// The first byte at or after `at` that ends a run of plain string bytes: a quote, a backslash or a
// control character. Most of a request's bytes pass here.
std::size_t end_of_plain(std::string_view text, std::size_t at) {
#if defined(__SSE2__)
    for (; at + 16 <= text.size(); at += 16) {
        unsigned marks = marks_of(text.data() + at);
        if (marks != 0) return at + static_cast<std::size_t>(std::countr_zero(marks));
    }
#endif
    while (at < text.size() && !ends_plain(text[at])) ++at;
    return at;
}

constexpr int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Four hex digits at `at`, or -1.
int read_hex4(std::string_view text, std::size_t at) {
    if (at + 4 > text.size()) return -1;
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        int digit = hex_value(text[at + i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

// Length of the escape that begins with the backslash at `at`; 0 if it is none.
std::size_t escape_length(std::string_view text, std::size_t at) {
    if (at + 1 >= text.size()) return 0;
    switch (text[at + 1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            return 2;
        case 'u':
            return read_hex4(text, at + 2) < 0 ? 0 : 6;
        default:
            return 0;
    }
}

std::size_t digits_end(std::string_view text, std::size_t at) {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at;
}

// End of the number at `at`, or `at` if there is none.
std::size_t number_end(std::string_view text, std::size_t at) {
    std::size_t i = at;
    if (i < text.size() && text[i] == '-') ++i;
    std::size_t whole = digits_end(text, i);
    if (whole == i || (text[i] == '0' && whole > i + 1)) return at;
    i = whole;
    if (i < text.size() && text[i] == '.') {
        std::size_t fraction = digits_end(text, i + 1);
        if (fraction == i + 1) return at;
        i = fraction;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
        std::size_t exponent = digits_end(text, i);
        if (exponent == i) return at;
        i = exponent;
    }
    return i;
}

void append_utf8(std::string& out, std::uint32_t point) {
    auto put = [&out](std::uint32_t byte) {
        out.push_back(static_cast<char>(byte));
    };
    if (point < 0x80) {
        put(point);
    } else if (point < 0x800) {
        put(0xC0 | point >> 6);
        put(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        put(0xE0 | point >> 12);
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    } else {
        put(0xF0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3F));
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    }
}

// Reads the \u escape (or surrogate pair) at `at`; returns how many bytes it took, 0 for a lone
// surrogate.
std::size_t append_unicode_escape(std::string& out, std::string_view raw, std::size_t at) {
    auto high = static_cast<std::uint32_t>(read_hex4(raw, at + 2));
    if (high < 0xD800 || high > 0xDFFF) {
        append_utf8(out, high);
        return 6;
    }
    if (high > 0xDBFF || at + 12 > raw.size() || raw.substr(at + 6, 2) != "\\u") return 0;
    auto low = static_cast<std::uint32_t>(read_hex4(raw, at + 8));
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    append_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
    return 12;
}

char simple_escape(char c) {
    switch (c) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return c;
    }
}

}  // namespace

bool JsonCursor::at_end() {
    if (!ok_) return false;
    space();
    return at_ == text_.size();
}

JsonCursor::Kind JsonCursor::kind() {
    if (!ok_) return Kind::invalid;
    space();
    if (at_ == text_.size()) return Kind::invalid;
    switch (text_[at_]) {
        case '{':
            return Kind::object;
        case '[':
            return Kind::array;
        case '"':
            return Kind::string;
        case 't':
        case 'f':
            return Kind::boolean;
        case 'n':
            return Kind::null;
        case '-':
            return Kind::number;
        default:
            return text_[at_] >= '0' && text_[at_] <= '9' ? Kind::number : Kind::invalid;
    }
}

bool JsonCursor::enter() {
    Kind k = kind();
    bool is_object = k == Kind::object;
    if ((!is_object && k != Kind::array) || depth_ == kMaxDepth) {
        fail();
        return false;
    }
    ++at_;
    ++depth_;
    std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
    std::uint64_t& word = stack_[depth_ / 64];
    word = is_object ? word | bit : word & ~bit;
    fresh_ = true;
    return true;
}

void JsonCursor::leave() {
    WEIR_CHECK(depth_ > 0);
    ++at_;
    --depth_;
    fresh_ = false;
}

bool JsonCursor::next_item() {
    if (!ok_) return false;
    space();
    char close = open_is_object() ? '}' : ']';
    if (at_ < text_.size() && text_[at_] == close) {
        leave();
        return false;
    }
    if (!fresh_) {
        if (at_ == text_.size() || text_[at_] != ',') {
            fail();
            return false;
        }
        ++at_;
    }
    fresh_ = false;
    return true;
}

bool JsonCursor::next_key(std::string_view& raw) {
    if (!next_item()) return false;
    if (kind() != Kind::string) {
        fail();
        return false;
    }
    raw = string();
    if (!ok_) return false;
    space();
    if (at_ == text_.size() || text_[at_] != ':') {
        fail();
        return false;
    }
    ++at_;
    return true;
}

std::string_view JsonCursor::string() {
    if (kind() != Kind::string) {
        fail();
        return {};
    }
    std::size_t begin = ++at_;
    while (true) {
        at_ = end_of_plain(text_, at_);
        if (at_ == text_.size()) break;
        if (text_[at_] == '"') return text_.substr(begin, at_++ - begin);
        std::size_t length = text_[at_] == '\\' ? escape_length(text_, at_) : 0;
        if (length == 0) break;
        at_ += length;
    }
    fail();
    return {};
}

std::string_view JsonCursor::number() {
    std::size_t end = kind() == Kind::number ? number_end(text_, at_) : at_;
    if (end == at_) {
        fail();
        return {};
    }
    auto raw = text_.substr(at_, end - at_);
    at_ = end;
    return raw;
}

bool JsonCursor::literal(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) {
        fail();
        return false;
    }
    at_ += word.size();
    return true;
}

bool JsonCursor::boolean() {
    if (kind() != Kind::boolean) {
        fail();
        return false;
    }
    return text_[at_] == 't' ? literal("true") : !literal("false");
}

void JsonCursor::skip_scalar(Kind kind) {
    switch (kind) {
        case Kind::string:
            string();
            return;
        case Kind::number:
            number();
            return;
        case Kind::boolean:
            boolean();
            return;
        case Kind::null:
            literal("null");
            return;
        default:
            fail();
            return;
    }
}

core::Span JsonCursor::skip() {
    Kind first = kind();
    core::Span span{offset(), offset()};
    if (first != Kind::object && first != Kind::array) {
        skip_scalar(first);
    } else {
        const std::uint32_t outside = depth_;
        enter();
        while (ok_ && depth_ > outside) {
            std::string_view key;
            bool more = open_is_object() ? next_key(key) : next_item();
            if (!more) continue;
            Kind inner = kind();
            if (inner == Kind::object || inner == Kind::array) {
                enter();
            } else {
                skip_scalar(inner);
            }
        }
    }
    span.end = offset();
    return span;
}

std::optional<std::string> json_unescape(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    std::size_t at = 0;
    while (at < raw.size()) {
        std::size_t slash = raw.find('\\', at);
        if (slash == std::string_view::npos) slash = raw.size();
        out.append(raw, at, slash - at);
        at = slash;
        if (at == raw.size()) break;
        std::size_t length = escape_length(raw, at);
        if (length == 0) return std::nullopt;
        if (length == 2) {
            out.push_back(simple_escape(raw[at + 1]));
        } else {
            length = append_unicode_escape(out, raw, at);
            if (length == 0) return std::nullopt;
        }
        at += length;
    }
    return out;
}

}  // namespace weir::provider
