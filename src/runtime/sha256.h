// SHA-256, by OpenSSL. Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::runtime {

std::array<std::uint8_t, 32> sha256(std::string_view bytes);

}  // namespace weir::runtime
