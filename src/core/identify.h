// Key material → who is calling. Keys read weir_<id>_<secret><crc>: a 12-character id, a
// 32-character secret, an 8-character CRC-32 in hex of all before it, so that a mistyped key is
// told apart from an unknown one before any look-up.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "core/policy.h"

namespace weir::core {

struct KeyText {
    std::string_view id;
    std::string_view whole;
};

// Shape and checksum only. nullopt: not a Weir key (it may be a provider's own).
std::optional<KeyText> parse_key(std::string_view text);

// Mints a new key's text; the caller stores only its digest.
std::string mint_key(Rng& rng);
// A further secret for a key that exists: same id. `id` must be twelve letters and digits.
std::string mint_key(Rng& rng, std::string_view id);

// SHA-256 is handed in, since core links no library.
using Sha256 = Digest (*)(std::string_view);

struct Principal {
    const KeyRecord* key = nullptr;  // owned by the policy snapshot
};

// Errors: key_missing, key_unknown, key_expired, key_revoked. Digests are compared in constant
// time.
Result<Principal> identify(const Policy& policy, std::string_view key_text, UnixTime now,
                           Sha256 sha256);

// Is the name on a list of names, or globs with '*', that are allowed? An empty list allows all.
bool name_allowed(const std::vector<std::string>& allowed, std::string_view name);
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace weir::core
