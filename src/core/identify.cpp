#include "core/identify.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace weir::core {
namespace {

constexpr std::string_view kPrefix = "weir_";
constexpr std::size_t kIdChars = 12;
constexpr std::size_t kSecretChars = 32;
constexpr std::size_t kCrcChars = 8;
constexpr std::size_t kSummedChars = kPrefix.size() + kIdChars + 1 + kSecretChars;
constexpr std::size_t kKeyChars = kSummedChars + kCrcChars;

constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kHex = "0123456789abcdef";

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xEDB88320u : 0u);
        table[i] = crc;
    }
    return table;
}();

// CRC-32 of IEEE 802.3, reflected.
std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFFu;
    for (const char c : bytes) {
        crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFu];
    }
    return ~crc;
}

std::array<char, kCrcChars> crc_text(std::string_view bytes) {
    const std::uint32_t crc = crc32(bytes);
    std::array<char, kCrcChars> out{};
    for (std::size_t i = 0; i < kCrcChars; ++i) out[i] = kHex[(crc >> (28 - 4 * i)) & 15u];
    return out;
}

bool all_of_alphabet(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    });
}

// Uniform: draws of six bits that are beyond the alphabet are thrown away.
void append_random(Rng& rng, std::size_t count, std::string& out) {
    while (count > 0) {
        std::uint64_t bits = rng.next();
        for (int draw = 0; draw < 10 && count > 0; ++draw, bits >>= 6) {
            const std::uint64_t index = bits & 63;
            if (index >= kAlphabet.size()) continue;
            out.push_back(kAlphabet[index]);
            --count;
        }
    }
}

bool equal_digests(const Digest& a, const Digest& b) {
    volatile std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    }
    return difference == 0;
}

bool opened_by(const KeyRecord& key, const Digest& digest, UnixTime now) {
    const bool current = equal_digests(key.digest, digest);
    const bool previous = key.previous_digest && key.previous_until && now < *key.previous_until &&
                          equal_digests(*key.previous_digest, digest);
    return current || previous;
}

}  // namespace

std::optional<KeyText> parse_key(std::string_view text) {
    if (text.size() != kKeyChars || !text.starts_with(kPrefix)) return std::nullopt;
    const std::string_view id = text.substr(kPrefix.size(), kIdChars);
    const std::string_view secret = text.substr(kPrefix.size() + kIdChars + 1, kSecretChars);
    if (!all_of_alphabet(id) || !all_of_alphabet(secret)) return std::nullopt;
    if (text[kPrefix.size() + kIdChars] != '_') return std::nullopt;
    const std::array<char, kCrcChars> crc = crc_text(text.substr(0, kSummedChars));
    if (text.substr(kSummedChars) != std::string_view{crc.data(), crc.size()}) return std::nullopt;
    return KeyText{.id = id, .whole = text};
}

std::string mint_key(Rng& rng) {
    std::string id;
    append_random(rng, kIdChars, id);
    return mint_key(rng, id);
}

std::string mint_key(Rng& rng, std::string_view id) {
    std::string out{kPrefix};
    out.reserve(kKeyChars);
    out.append(id);
    out.push_back('_');
    append_random(rng, kSecretChars, out);
    const std::array<char, kCrcChars> crc = crc_text(out);
    out.append(crc.data(), crc.size());
    return out;
}

Result<Principal> identify(const Policy& policy, std::string_view key_text, UnixTime now,
                           Sha256 sha256) {
    if (key_text.empty()) return fail(ErrorCode::key_missing);
    const std::optional<KeyText> parsed = parse_key(key_text);
    if (!parsed) {
        return key_text.starts_with(kPrefix)
                   ? fail(ErrorCode::key_unknown,
                          "The key is mistyped or cut short: its checksum does not match.")
                   : fail(ErrorCode::key_unknown,
                          "This is not a key of this gateway: its keys start with weir_.");
    }
    const auto found = policy.keys.find(std::string{parsed->id});
    // The secret comes before the state: who does not know it, does not learn the state either.
    if (found == policy.keys.end() || !opened_by(found->second, sha256(key_text), now)) {
        return fail(ErrorCode::key_unknown);
    }
    const KeyRecord& key = found->second;
    if (key.revoked && now >= *key.revoked) return fail(ErrorCode::key_revoked);
    if (key.expires && now >= *key.expires) return fail(ErrorCode::key_expired);
    return Principal{.key = &key};
}

bool name_allowed(const std::vector<std::string>& allowed, std::string_view name) {
    return allowed.empty() || std::ranges::any_of(allowed, [name](const std::string& glob) {
               return glob_matches(glob, name);
           });
}

bool glob_matches(std::string_view pattern, std::string_view text) {
    constexpr std::size_t kNever = std::string_view::npos;
    std::size_t p = 0;
    std::size_t t = 0;
    // Where to go on when the text after the last star does not fit: one character later.
    std::size_t star = kNever;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != kNever) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace weir::core
