#include "sim/provider/text.h"

#include <algorithm>
#include <array>
#include <xxhash.h>

namespace weir::sim {
namespace {

constexpr std::array<std::string_view, 16> kSubjects{
    "The order",         "Your invoice",   "The gate at Zürich", "A second shipment",
    "The customer",      "This document",  "The test suite",     "The café in 東京",
    "The water level",   "The new schema", "One of the records", "The whole queue",
    "The build on main", "Señor Núñez",    "The summary",        "Every open ticket"};
constexpr std::array<std::string_view, 14> kVerbs{
    "was checked against", "depends on",      "was moved to", "agrees with",
    "has replaced",        "was paid from",   "differs from", "should follow",
    "was compared with",   "still waits for", "comes after",  "is measured by",
    "points to",           "was created from"};
constexpr std::array<std::string_view, 14> kObjects{
    "the earlier record",   "account 4711",   "the naïve estimate", "the signed contract",
    "the second warehouse", "the last reply", "a crème brûlée",     "the release branch",
    "the table of prices",  "the river bank", "the weir",           "what was agreed",
    "the first three rows", "данные from May"};
constexpr std::array<std::string_view, 10> kEnds{
    "",           " in the morning", " without a change", " since Monday", " as expected ✓",
    " once more", " by hand",        " in two steps",     " before noon",  " — with one exception"};

template <std::size_t N>
std::string_view one_of(const std::array<std::string_view, N>& list, Rng& rng) {
    return list[rng.below(N)];
}

}  // namespace

std::int64_t output_tokens(std::string_view text) {
    return (static_cast<std::int64_t>(text.size()) + kBytesPerToken - 1) / kBytesPerToken;
}

std::string sentences(Rng& rng, std::int64_t tokens) {
    std::string out;
    while (output_tokens(out) < tokens) {
        if (!out.empty()) out += " ";
        out.append(one_of(kSubjects, rng)).append(" ").append(one_of(kVerbs, rng));
        out.append(" ").append(one_of(kObjects, rng)).append(one_of(kEnds, rng)).append(".");
    }
    return out;
}

std::string prose(Rng& rng, std::int64_t tokens) {
    std::string out = sentences(rng, tokens);
    if (out.empty()) return out;
    auto size = static_cast<std::size_t>(tokens * kBytesPerToken);
    if (out.size() < size) out.append(size - out.size(), '.');
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
