#include "core/attribute_text.h"

#include <algorithm>
#include <cstdint>

namespace weir::core {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool all_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return hex_value(c) >= 0; });
}

void append_utf8(std::uint32_t point, std::string& out) {
    const auto push = [&out](std::uint32_t byte) {
        out.push_back(static_cast<char>(byte));
    };
    if (point < 0x80) {
        push(point);
    } else if (point < 0x800) {
        push(0xC0 | (point >> 6));
        push(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        push(0xE0 | (point >> 12));
        push(0x80 | ((point >> 6) & 0x3F));
        push(0x80 | (point & 0x3F));
    } else {
        push(0xF0 | (point >> 18));
        push(0x80 | ((point >> 12) & 0x3F));
        push(0x80 | ((point >> 6) & 0x3F));
        push(0x80 | (point & 0x3F));
    }
}

// Length of the well-formed character at the start, 0 if there is none. Overlong forms, surrogates
// and C1 controls are not taken.
std::size_t character_length(std::string_view text) {
    const auto at = [&text](std::size_t i) {
        return static_cast<unsigned char>(text[i]);
    };
    const unsigned char first = at(0);
    if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xC0) != 0x80) return 0;
    }
    const unsigned char second = at(1);
    if (first == 0xC2 && second < 0xA0) return 0;
    if (first == 0xE0 && second < 0xA0) return 0;
    if (first == 0xED && second > 0x9F) return 0;
    if (first == 0xF0 && second < 0x90) return 0;
    if (first == 0xF4 && second > 0x8F) return 0;
    return length;
}

// Reads one JSON value after another; each function returns false at the first wrong byte.
class FlatJson {
 public:
    explicit FlatJson(std::string_view text) : text_(text) {}

    void run(const OnMember& each) {
        skip_space();
        if (!take('{')) return;
        std::string name;
        std::string value;
        do {
            bool scalar = false;
            if (!member(name, value, scalar)) return;
            if (scalar) each(name, value);
        } while (take(','));
    }

 private:
    bool member(std::string& name, std::string& value, bool& scalar) {
        skip_space();
        if (!string(name)) return false;
        skip_space();
        if (!take(':')) return false;
        skip_space();
        if (at_ >= text_.size()) return false;
        bool read = false;
        if (text_[at_] == '"') {
            scalar = read = string(value);
        } else if (text_[at_] == '{' || text_[at_] == '[') {
            read = skip_nested();
        } else {
            read = word(value);
            scalar = read && value != "null";
        }
        skip_space();
        return read;
    }
    bool take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void skip_space() {
        while (at_ < text_.size() && std::string_view{" \t\r\n"}.contains(text_[at_])) ++at_;
    }
    bool word(std::string& out) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && !std::string_view{",}] \t\r\n\"{["}.contains(text_[at_]))
            ++at_;
        out = text_.substr(begin, at_ - begin);
        return !out.empty();
    }
    bool skip_nested() {
        std::size_t depth = 0;
        std::string unused;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                if (!string(unused)) return false;
                continue;
            }
            ++at_;
            if (c == '{' || c == '[') ++depth;
            if ((c == '}' || c == ']') && --depth == 0) return true;
        }
        return false;
    }
    bool string(std::string& out) {
        out.clear();
        if (!take('"')) return false;
        while (at_ < text_.size()) {
            const char c = text_[at_++];
            if (c == '"') return true;
            if (c != '\\') {
                out.push_back(c);
            } else if (!escape(out)) {
                return false;
            }
        }
        return false;
    }
    bool escape(std::string& out) {
        if (at_ >= text_.size()) return false;
        const char c = text_[at_++];
        constexpr std::string_view kFrom = "\"\\/bfnrt";
        constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
        if (const std::size_t i = kFrom.find(c); i != std::string_view::npos) {
            out.push_back(kTo[i]);
            return true;
        }
        std::uint32_t point = 0;
        if (c != 'u' || !unit(point)) return false;
        if (point >= 0xD800 && point < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
            at_ += 2;
            std::uint32_t low = 0;
            if (!unit(low) || low < 0xDC00 || low > 0xDFFF) return false;
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(point, out);
        return true;
    }
    bool unit(std::uint32_t& out) {
        if (text_.size() - at_ < 4 || !all_hex(text_.substr(at_, 4))) return false;
        out = 0;
        for (int i = 0; i < 4; ++i) {
            out = out << 4 | static_cast<std::uint32_t>(hex_value(text_[at_++]));
        }
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool is_printable(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        if (text.size() - i < 3 || !all_hex(text.substr(i + 1, 2))) return std::nullopt;
        out.push_back(static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
        i += 2;
    }
    return out;
}

void for_each_element(std::string_view list, const std::function<void(std::string_view)>& each) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view element = trimmed(list.substr(0, comma));
        if (!element.empty()) each(element);
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

std::string_view trace_id_of(std::string_view traceparent) {
    traceparent = trimmed(traceparent);
    constexpr std::size_t kLength = 55;  // 00-<32>-<16>-<2>
    if (traceparent.size() < kLength || traceparent.starts_with("ff")) return {};
    if (traceparent.size() > kLength &&
        (traceparent.starts_with("00") || traceparent[kLength] != '-')) {
        return {};
    }
    const std::string_view id = traceparent.substr(3, 32);
    const bool shaped = traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-' &&
                        all_hex(traceparent.substr(0, 2)) && all_hex(id) &&
                        all_hex(traceparent.substr(36, 16)) && all_hex(traceparent.substr(53, 2));
    const bool zero = id.find_first_not_of('0') == std::string_view::npos;
    const bool lower = id.find_first_of("ABCDEF") == std::string_view::npos;
    return shaped && !zero && lower ? id : std::string_view{};
}

void for_each_json_member(std::string_view json, const OnMember& each) { FlatJson{json}.run(each); }

}  // namespace weir::core
