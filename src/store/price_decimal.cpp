#include "store/price_decimal.h"

#include <limits>
#include <string>

namespace weir::store {
namespace {

constexpr std::size_t kExactDigits = 15;  // of a double
constexpr std::size_t kTextMax = 64;
constexpr int kFemtoExponent = -15;

// ±digits × 10^exponent, digits without leading or trailing zeros; "" is zero.
struct Decimal {
    std::string digits;
    int exponent = 0;
};

std::optional<int> exponent_of(std::string_view text) {
    bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    if (text.empty() || text.size() > 4) return std::nullopt;
    int value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return negative ? -value : value;
}

void trim(Decimal& d) {
    while (!d.digits.empty() && d.digits.back() == '0') {
        d.digits.pop_back();
        ++d.exponent;
    }
}

std::optional<Decimal> read(std::string_view text) {
    if (text.size() > kTextMax) return std::nullopt;
    Decimal out;
    if (auto e = text.find_first_of("eE"); e != std::string_view::npos) {
        auto exponent = exponent_of(text.substr(e + 1));
        if (!exponent) return std::nullopt;
        out.exponent = *exponent;
        text = text.substr(0, e);
    }
    bool point = false;
    bool any = false;
    for (char c : text) {
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') return std::nullopt;
        any = true;
        if (!out.digits.empty() || c != '0') out.digits.push_back(c);
        if (point) --out.exponent;
    }
    if (!any) return std::nullopt;
    trim(out);
    return out;
}

void take_float_noise_off(Decimal& d) {
    if (d.digits.size() <= kExactDigits) return;
    bool up = d.digits[kExactDigits] >= '5';
    d.exponent += static_cast<int>(d.digits.size() - kExactDigits);
    d.digits.resize(kExactDigits);
    for (std::size_t i = kExactDigits; up && i > 0; --i) {
        up = d.digits[i - 1] == '9';
        d.digits[i - 1] = up ? '0' : static_cast<char>(d.digits[i - 1] + 1);
    }
    if (up) d.digits.insert(d.digits.begin(), '1');
    trim(d);
}

// Finer than a femto-USD (a third of a cent per million written out): up to the next one.
void round_up_to(Decimal& d, int exponent) {
    if (d.digits.empty() || d.exponent >= exponent) return;
    auto dropped = static_cast<std::size_t>(exponent - d.exponent);
    bool nothing_left = dropped >= d.digits.size();
    d.digits = nothing_left ? "" : d.digits.substr(0, d.digits.size() - dropped);
    d.exponent = exponent;
    bool up = true;  // digits end in no zero, so that something was dropped
    for (std::size_t i = d.digits.size(); up && i > 0; --i) {
        up = d.digits[i - 1] == '9';
        d.digits[i - 1] = up ? '0' : static_cast<char>(d.digits[i - 1] + 1);
    }
    if (up) d.digits.insert(d.digits.begin(), '1');
    trim(d);
}

}  // namespace

Result<Rate> rate_of(std::string_view text, int shift) {
    auto decimal = read(text);
    if (!decimal) {
        return fail(ErrorCode::invalid_parameter, "not a price: " + std::string(text));
    }
    take_float_noise_off(*decimal);
    decimal->exponent += shift;
    round_up_to(*decimal, kFemtoExponent);
    std::string digits = decimal->digits.empty() ? "0" : decimal->digits;
    return Rate::parse_usd_per_unit(digits + "e" + std::to_string(decimal->exponent));
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    auto decimal = read(text);
    if (!decimal) return std::nullopt;
    if (decimal->digits.empty()) return 0;
    if (decimal->exponent < 0 || decimal->exponent > 18) return std::nullopt;
    auto value = parse_int128(decimal->digits);
    for (int i = 0; value && i < decimal->exponent; ++i) {
        if (*value > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
        *value *= 10;
    }
    if (!value || *value > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return static_cast<std::int64_t>(*value);
}

Result<Rate> scaled_rate(Rate rate, std::string_view factor) {
    auto times = rate_of(factor, 0);
    if (!times) return times;
    Int128 product = Int128{rate.femto()} * times->femto();
    Int128 femto = (product + Rate::kFemtoPerUsd - 1) / Rate::kFemtoPerUsd;
    if (femto > std::numeric_limits<std::int64_t>::max()) {
        return fail(ErrorCode::invalid_parameter,
                    "a price times " + std::string(factor) + " is beyond what can be counted");
    }
    return Rate::from_femto(static_cast<std::int64_t>(femto));
}

}  // namespace weir::store
