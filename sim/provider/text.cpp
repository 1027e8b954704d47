#include "sim/provider/text.h"

#include <algorithm>
#include <array>
#include <xxhash.h>

namespace weir::sim {
namespace {

constexpr std::array<std::string_view, 56> kWords{
    "the",      "of",       "and",     "a",       "to",     "in",       "is",      "with",
    "for",      "that",     "request", "answer",  "record", "order",    "invoice", "account",
    "customer", "shipment", "queue",   "system",  "result", "change",   "measure", "river",
    "weir",     "gate",     "level",   "current", "bank",   "bridge",   "morning", "evening",
    "document", "summary",  "detail",  "figure",  "report", "question", "reason",  "process",
    "clearly",  "often",    "usually", "first",   "then",   "finally",  "small",   "large",
    "exact",    "naïve",    "café",    "東京",    "Ωmega",  "✓",        "größer",  "данные"};

std::string_view word(Rng& rng) { return kWords[rng.below(kWords.size())]; }

}  // namespace

std::int64_t output_tokens(std::string_view text) {
    return (static_cast<std::int64_t>(text.size()) + kBytesPerToken - 1) / kBytesPerToken;
}

std::string prose(Rng& rng, std::int64_t tokens) {
    std::string out;
    if (tokens <= 0) return out;
    auto size = static_cast<std::size_t>(tokens * kBytesPerToken);
    out.reserve(size + 16);
    std::size_t in_sentence = 0;
    while (out.size() < size) {
        if (!out.empty()) out += in_sentence == 0 ? ". " : " ";
        std::size_t begin = out.size();
        out += word(rng);
        if (in_sentence == 0 && out[begin] >= 'a' && out[begin] <= 'z') {
            out[begin] = static_cast<char>(out[begin] - 'a' + 'A');
        }
        in_sentence = (in_sentence + 1) % (6 + rng.below(9));
    }
    std::size_t end = size - 1;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
    out.append(size - end, '.');
    return out;
}

std::string_view first_tokens(std::string_view text, std::int64_t tokens) {
    if (tokens <= 0) return {};
    if (output_tokens(text) <= tokens) return text;
    auto end = static_cast<std::size_t>(tokens * kBytesPerToken);
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

std::vector<std::string_view> pieces_of(std::string_view text, std::int64_t tokens) {
    std::vector<std::string_view> out;
    auto size = static_cast<std::size_t>(std::max<std::int64_t>(tokens, 1) * kBytesPerToken);
    while (!text.empty()) {
        std::size_t end = std::min(size, text.size());
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
        out.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return out;
}

std::string id_text(std::string_view prefix, std::uint64_t seed, std::size_t length) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string out{prefix};
    SeededRng rng{seed};
    for (std::size_t i = 0; i < length; ++i) out += kAlphabet[rng.below(kAlphabet.size())];
    return out;
}

std::int64_t input_tokens(std::string_view text, std::uint64_t seed) {
    if (text.empty()) return 0;
    // Thousandths of a token for each byte.
    auto density = 200 + static_cast<std::int64_t>(hash_text(text, seed) % 134);
    return (static_cast<std::int64_t>(text.size()) * density + 999) / 1000;
}

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
    return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

}  // namespace weir::sim
