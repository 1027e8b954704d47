#include "codec/utf8.h"

namespace weir::codec {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
}
bool is_tail(unsigned byte) { return (byte & 0xc0U) == 0x80U; }

}  // namespace

std::size_t utf8_length(std::string_view text) {
    unsigned first = byte_at(text, 0);
    unsigned second = byte_at(text, 1);
    if (first < 0x80) return text.empty() ? 0 : 1;
    if (first < 0xc2 || first > 0xf4 || !is_tail(second)) return 0;
    if (first < 0xe0) return 2;
    if (!is_tail(byte_at(text, 2))) return 0;
    if (first < 0xf0) {
        bool overlong = first == 0xe0 && second < 0xa0;
        bool surrogate = first == 0xed && second > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    bool overlong = first == 0xf0 && second < 0x90;
    bool beyond = first == 0xf4 && second > 0x8f;
    return overlong || beyond || !is_tail(byte_at(text, 3)) ? 0 : 4;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        std::size_t n = utf8_length(text);
        if (n == 0) return false;
        text.remove_prefix(n);
    }
    return true;
}

}  // namespace weir::codec
