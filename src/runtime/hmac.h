// HMAC-SHA-256 and base64, by OpenSSL. Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::runtime {

std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes);

// RFC 4648 §4, with padding.
std::string base64(std::string_view bytes);
// nullopt: it is not base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace weir::runtime
