// CRC-32C (Castagnoli), as in RFC 3720 §B.4: by the processor's instruction where it has one.
// Thread: any.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::ledger {

std::uint32_t crc32c(std::string_view bytes);
// The same by table, for processors without the instruction; public so that a test can compare.
std::uint32_t crc32c_by_table(std::string_view bytes);

}  // namespace weir::ledger
