// Money as integers. No floating point touches it.
//   Money    what is counted: pico-USD in 128 bits, so that no sum of real spend can overflow
//   Rate     a unit price: femto-USD a token (or search, image, …), so that $0.000001 per million
//            tokens is still exact
// One charge = units × rate, rounded once: half-even for a charge, up for a bound.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir {

// Clang warns of __int128 under -Wpedantic where it is spelled; this is the one place.
__extension__ using Int128 = __int128;

class Money {
 public:
    constexpr Money() = default;
    static constexpr Money from_pico(Int128 pico) { return Money{pico}; }
    static constexpr Money from_usd(std::int64_t usd) { return Money{Int128{usd} * kPicoPerUsd}; }
    // "12", "0.05", "-3.2e-7": exact, at most 12 decimals after scaling. Errors: invalid_parameter.
    static Result<Money> parse_usd(std::string_view text);

    constexpr Int128 pico() const { return pico_; }
    constexpr bool is_zero() const { return pico_ == 0; }
    constexpr bool is_negative() const { return pico_ < 0; }

    constexpr Money operator+(Money o) const { return Money{pico_ + o.pico_}; }
    constexpr Money operator-(Money o) const { return Money{pico_ - o.pico_}; }
    constexpr Money operator-() const { return Money{-pico_}; }
    constexpr Money& operator+=(Money o) { return *this = *this + o; }
    constexpr Money& operator-=(Money o) { return *this = *this - o; }
    constexpr auto operator<=>(const Money&) const = default;

    // Every digit, no exponent, no trailing zeros beyond cents: "0.05", "0.000000000001", "12.00".
    std::string to_usd() const;
    // Rounded half-even to `decimals` places, for people.
    std::string to_usd(int decimals) const;

    static constexpr std::int64_t kPicoPerUsd = 1'000'000'000'000;

 private:
    constexpr explicit Money(Int128 pico) : pico_(pico) {}
    Int128 pico_ = 0;
};

class Rate {
 public:
    constexpr Rate() = default;
    static constexpr Rate from_femto(std::int64_t femto) { return Rate{femto}; }
    // A price list's "$ per million tokens", given as decimal text: "3", "0.075", "2.5e-1".
    // Errors: invalid_parameter (negative, malformed, finer than a femto-USD, or too large).
    static Result<Rate> parse_usd_per_million(std::string_view text);
    static Result<Rate> parse_usd_per_unit(std::string_view text);

    constexpr std::int64_t femto() const { return femto_; }
    constexpr bool is_zero() const { return femto_ == 0; }
    constexpr auto operator<=>(const Rate&) const = default;
    // Every digit: "2.5", "0.075".
    std::string to_usd_per_million() const;
    std::string to_usd_per_unit() const;

    static constexpr std::int64_t kFemtoPerUsd = 1'000'000'000'000'000;

 private:
    constexpr explicit Rate(std::int64_t femto) : femto_(femto) {}
    std::int64_t femto_ = 0;
};

// units × rate in femto-USD, exact; 128 bits hold any int64 × int64.
constexpr Int128 femto_cost(std::int64_t units, Rate rate) { return Int128{units} * rate.femto(); }

// femto → pico: half-even, for a charge. Once for each charge, never on a running sum.
constexpr Money round_half_even(Int128 femto) {
    Int128 quotient = femto / 1000;
    Int128 rest = femto % 1000;
    if (rest < 0) {
        rest += 1000;
        --quotient;
    }
    if (rest > 500 || (rest == 500 && (quotient & 1) != 0)) ++quotient;
    return Money::from_pico(quotient);
}

// femto → pico: up, for a bound.
constexpr Money round_up(Int128 femto) {
    Int128 quotient = femto / 1000;
    if (femto % 1000 > 0) ++quotient;
    return Money::from_pico(quotient);
}

// Decimal text of a 128-bit integer, and back (whole text; nullopt otherwise).
std::string to_string(Int128 value);
std::optional<Int128> parse_int128(std::string_view text);

}  // namespace weir
