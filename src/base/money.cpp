#include "base/money.h"

#include <algorithm>
#include <limits>

namespace weir {
namespace {

constexpr int kMaxDigits = 36;  // fits 128 bits with room for the sign

// A decimal as (sign, digits, exponent), exactly: value = digits × 10^exponent.
struct Decimal {
    Int128 digits = 0;
    int exponent = 0;
};

std::optional<int> parse_exponent(std::string_view text) {
    bool negative = false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    if (text.empty() || text.size() > 4) return std::nullopt;
    int value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return negative ? -value : value;
}

std::optional<Decimal> parse_decimal(std::string_view text) {
    Decimal out;
    bool negative = false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    if (auto e = text.find_first_of("eE"); e != std::string_view::npos) {
        auto exponent = parse_exponent(text.substr(e + 1));
        if (!exponent) return std::nullopt;
        out.exponent = *exponent;
        text = text.substr(0, e);
    }
    bool point = false;
    int significant = 0;
    bool any = false;
    for (char c : text) {
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') return std::nullopt;
        any = true;
        if (significant > 0 || c != '0') ++significant;
        if (significant > kMaxDigits) return std::nullopt;
        out.digits = out.digits * 10 + (c - '0');
        if (point) --out.exponent;
    }
    if (!any) return std::nullopt;
    while (out.digits != 0 && out.digits % 10 == 0) {  // so that "1.000…0" is not "too fine"
        out.digits /= 10;
        ++out.exponent;
    }
    if (negative) out.digits = -out.digits;
    return out;
}

// digits × 10^(exponent + scale), exact or nothing.
std::optional<Int128> scaled(const Decimal& d, int scale) {
    if (d.digits == 0) return Int128{0};
    int power = d.exponent + scale;
    if (power < 0) return std::nullopt;  // finer than the unit
    Int128 value = d.digits;
    for (; power > 0; --power) {
        if (__builtin_mul_overflow(value, Int128{10}, &value)) return std::nullopt;
    }
    return value;
}

Result<Rate> rate_from(std::string_view text, int scale) {
    auto decimal = parse_decimal(text);
    if (!decimal)
        return fail(ErrorCode::invalid_parameter, "not a decimal price: " + std::string(text));
    auto femto = scaled(*decimal, scale);
    if (!femto || *femto < 0 || *femto > std::numeric_limits<std::int64_t>::max()) {
        return fail(ErrorCode::invalid_parameter,
                    "a price must be between 0 and $9,000 a unit, no finer than 1e-15: " +
                        std::string(text));
    }
    return Rate::from_femto(static_cast<std::int64_t>(*femto));
}

std::string decimal_text(Int128 value, int places) {
    bool negative = value < 0;
    std::string digits = to_string(negative ? -value : value);
    if (places > 0) {
        auto width = static_cast<std::size_t>(places);
        if (digits.size() <= width) digits.insert(0, width + 1 - digits.size(), '0');
        digits.insert(digits.size() - width, 1, '.');
    }
    return negative ? "-" + digits : digits;
}

std::string without_trailing_zeros(Int128 value, int decimals) {
    std::string text = decimal_text(value, decimals);
    auto point = text.find('.');
    auto last = text.find_last_not_of('0');
    text.resize(last == point ? point : last + 1);
    return text;
}

}  // namespace

std::string to_string(Int128 value) {
    // Division of 128 bits is slow, and few figures need it.
    if (auto narrow = static_cast<std::int64_t>(value); narrow == value) {
        return std::to_string(narrow);
    }
    bool negative = value < 0;
    std::string out;
    while (value != 0) {
        auto digit = static_cast<int>(value % 10);
        out.push_back(static_cast<char>('0' + (digit < 0 ? -digit : digit)));
        value /= 10;
    }
    if (negative) out.push_back('-');
    std::ranges::reverse(out);
    return out;
}

std::optional<Int128> parse_int128(std::string_view text) {
    bool negative = !text.empty() && text[0] == '-';
    if (negative) text.remove_prefix(1);
    if (text.empty() || text.size() > 39) return std::nullopt;
    Int128 value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        if (__builtin_mul_overflow(value, Int128{10}, &value)) return std::nullopt;
        Int128 digit = negative ? '0' - c : c - '0';
        if (__builtin_add_overflow(value, digit, &value)) return std::nullopt;
    }
    return value;
}

Result<Money> Money::parse_usd(std::string_view text) {
    auto decimal = parse_decimal(text);
    if (!decimal)
        return fail(ErrorCode::invalid_parameter, "not an amount of USD: " + std::string(text));
    auto pico = scaled(*decimal, 12);
    constexpr Int128 kMost = Int128{kPicoPerUsd} * 1'000'000'000'000;  // a million million dollars
    if (!pico || *pico > kMost || *pico < -kMost) {
        return fail(ErrorCode::invalid_parameter,
                    "an amount of USD has at most 12 decimals and 12 digits before them: " +
                        std::string(text));
    }
    return Money{*pico};
}

std::string Money::to_usd() const {
    std::string text = decimal_text(pico_, 12);
    auto point = text.find('.');
    auto last = text.find_last_not_of('0');
    text.resize(std::max(last + 1, point + 3));
    return text;
}

std::string Money::to_usd(int decimals) const {
    Int128 unit = 1;
    for (int i = decimals; i < 12; ++i) unit *= 10;
    Int128 quotient = pico_ / unit;
    Int128 rest = pico_ % unit;
    if (rest < 0) rest = -rest;
    bool odd = (quotient & 1) != 0;
    if (rest * 2 > unit || (rest * 2 == unit && odd)) quotient += pico_ < 0 ? -1 : 1;
    return decimal_text(quotient, decimals);
}

Result<Rate> Rate::parse_usd_per_million(std::string_view text) { return rate_from(text, 9); }
Result<Rate> Rate::parse_usd_per_unit(std::string_view text) { return rate_from(text, 15); }

std::string Rate::to_usd_per_million() const { return without_trailing_zeros(femto_, 9); }
std::string Rate::to_usd_per_unit() const { return without_trailing_zeros(femto_, 15); }

}  // namespace weir
