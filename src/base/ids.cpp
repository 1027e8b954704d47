#include "base/ids.h"

#include <array>
#include <charconv>

namespace weir {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::string_view kPrefix = "call_";
constexpr std::size_t kDigits = 20;  // 100 bits ≥ 32 epoch + 16 worker + 48 seq = 96
constexpr std::uint64_t kSeqMask = (std::uint64_t{1} << 48) - 1;

int digit_of(char c) {
    auto at = kAlphabet.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string CallId::text() const {
    // 96 bits as (high 32, low 64), written five at a time from the low end.
    std::uint64_t low = (std::uint64_t{worker} << 48) | (seq & kSeqMask);
    std::uint64_t high = epoch;
    std::string out{kPrefix};
    out.resize(kPrefix.size() + kDigits);
    for (std::size_t i = 0; i < kDigits; ++i) {
        out[out.size() - 1 - i] = kAlphabet[low & 31];
        low = (low >> 5) | (high << 59);
        high >>= 5;
    }
    return out;
}

std::optional<CallId> CallId::parse(std::string_view text) {
    if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + kDigits) return std::nullopt;
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    for (char c : text.substr(kPrefix.size())) {
        int digit = digit_of(c);
        if (digit < 0 || (high >> 59) != 0) return std::nullopt;
        high = (high << 5) | (low >> 59);
        low = (low << 5) | static_cast<std::uint64_t>(digit);
    }
    if (high > 0xFFFFFFFFu) return std::nullopt;
    CallId id{static_cast<std::uint32_t>(high), static_cast<std::uint16_t>(low >> 48),
              low & kSeqMask};
    if (id.is_null()) return std::nullopt;
    return id;
}

std::string AttemptId::text() const { return call.text() + "." + std::to_string(ordinal); }

std::optional<AttemptId> AttemptId::parse(std::string_view text) {
    auto dot = text.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    auto call = CallId::parse(text.substr(0, dot));
    if (!call) return std::nullopt;
    std::string_view rest = text.substr(dot + 1);
    std::uint16_t ordinal = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), ordinal);
    if (error != std::errc{} || end != rest.data() + rest.size() || ordinal == 0)
        return std::nullopt;
    return AttemptId{*call, ordinal};
}

}  // namespace weir
