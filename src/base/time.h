// Instants as types. Nothing in Weir reads a clock but runtime/clock; everyone else is handed
// these.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

using Duration = std::chrono::nanoseconds;

// Wall time: nanoseconds since 1970-01-01 UTC.
struct UnixTime {
    std::int64_t ns = 0;
    constexpr auto operator<=>(const UnixTime&) const = default;
    constexpr UnixTime operator+(Duration d) const { return {ns + d.count()}; }
    constexpr UnixTime operator-(Duration d) const { return {ns - d.count()}; }
    constexpr Duration operator-(UnixTime o) const { return Duration{ns - o.ns}; }
    constexpr std::int64_t seconds() const { return ns / 1'000'000'000; }
    static constexpr UnixTime from_seconds(std::int64_t s) { return {s * 1'000'000'000}; }
};

// Monotonic time: nanoseconds since an arbitrary start; never steps.
struct MonoTime {
    std::int64_t ns = 0;
    constexpr auto operator<=>(const MonoTime&) const = default;
    constexpr MonoTime operator+(Duration d) const { return {ns + d.count()}; }
    constexpr Duration operator-(MonoTime o) const { return Duration{ns - o.ns}; }
};

// A calendar date in UTC.
struct Date {
    int year = 1970;
    int month = 1;  // 1..12
    int day = 1;    // 1..31
    constexpr auto operator<=>(const Date&) const = default;
};
Date date_of(UnixTime t);
UnixTime start_of(Date d);

// "2026-11-24T03:43:37.125Z" (milliseconds only where there are any).
std::string to_rfc3339(UnixTime t);
// RFC 3339 with any offset, or a plain date "2026-11-24" (midnight UTC).
std::optional<UnixTime> parse_rfc3339(std::string_view text);

}  // namespace weir
