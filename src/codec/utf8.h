// UTF-8, as far as Weir has to judge it (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::codec {

// Bytes of the well-formed character that `text` begins with, 1 to 4; 0 if there is none
// (overlong, surrogate, beyond U+10FFFF, cut off, stray).
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace weir::codec
