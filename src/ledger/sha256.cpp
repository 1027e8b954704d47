#include <openssl/evp.h>

#include "base/check.h"
#include "ledger/segment.h"

namespace weir::ledger {

Sha256 sha256(std::string_view bytes) {
    Sha256 digest{};
    unsigned size = 0;
    int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
    WEIR_CHECK(done == 1 && size == digest.size());
    return digest;
}

std::string sha256_text(const Sha256& digest) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text;
    for (std::uint8_t byte : digest) {
        text += kHex[byte >> 4];
        text += kHex[byte & 15];
    }
    return text;
}

}  // namespace weir::ledger
