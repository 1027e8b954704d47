// JSON as a second reader sees it, and when its word counts: nlohmann refuses a few texts that are
// JSON by the letter (numbers beyond a double, lone surrogates) and takes some that are not (a byte
// order mark before it, anything after a NUL).
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace weir::fuzz {

using Json = nlohmann::json;

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

inline bool oracle_is_sure(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) return false;
    if (text.find('\0') != std::string_view::npos) return false;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        digits = is_digit(text[i]) ? digits + 1 : 0;
        if (digits > 200) return false;
        if (i + 1 == text.size()) break;
        char next = text[i + 1];
        bool exponent =
            (text[i] == 'e' || text[i] == 'E') && (is_digit(next) || next == '+' || next == '-');
        if (exponent) {
            std::size_t end = i + 2;
            while (end < text.size() && is_digit(text[end])) ++end;
            if (end - i > 4) return false;
        }
        bool surrogate =
            text[i] == 'u' && (next == 'd' || next == 'D') && i > 0 && text[i - 1] == '\\';
        if (surrogate) return false;
    }
    return true;
}

// Most braces and brackets open at once, outside strings.
inline std::size_t depth_of(std::string_view text) {
    std::size_t depth = 0;
    std::size_t most = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (quoted && c == '\\') ++i;
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if ((c == '{' || c == '[') && ++depth > most) most = depth;
        if ((c == '}' || c == ']') && depth > 0) --depth;
    }
    return most;
}

// Discarded if the text is no JSON.
inline Json parse_json(std::string_view text) {
    return Json::parse(text.begin(), text.end(), nullptr, false);
}

}  // namespace weir::fuzz
