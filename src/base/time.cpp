#include "base/time.h"

#include <fmt/format.h>

namespace weir {
namespace {

namespace chr = std::chrono;

std::optional<int> digits(std::string_view& text, std::size_t count) {
    if (text.size() < count) return std::nullopt;
    int value = 0;
    for (char c : text.substr(0, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::int64_t> clock_part(std::string_view& text) {
    auto hour = digits(text, 2);
    if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
    auto minute = digits(text, 2);
    if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
    auto second = digits(text, 2);
    if (!second || *second > 60) return std::nullopt;
    std::int64_t ns = ((*hour * 60LL + *minute) * 60 + *second) * 1'000'000'000;
    if (take(text, '.')) {
        std::int64_t unit = 100'000'000;
        if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
        while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
            ns += (text[0] - '0') * unit;
            unit /= 10;
            text.remove_prefix(1);
        }
    }
    return ns;
}

std::optional<std::int64_t> offset_part(std::string_view& text) {
    if (take(text, 'Z') || take(text, 'z')) return 0;
    bool east = take(text, '+');
    if (!east && !take(text, '-')) return std::nullopt;
    auto hour = digits(text, 2);
    if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
    auto minute = digits(text, 2);
    if (!minute || *minute > 59) return std::nullopt;
    std::int64_t ns = (*hour * 60LL + *minute) * 60 * 1'000'000'000;
    return east ? ns : -ns;
}

}  // namespace

Date date_of(UnixTime t) {
    chr::sys_time<Duration> instant{Duration{t.ns}};
    chr::year_month_day ymd{chr::floor<chr::days>(instant)};
    return {static_cast<int>(ymd.year()), static_cast<int>(static_cast<unsigned>(ymd.month())),
            static_cast<int>(static_cast<unsigned>(ymd.day()))};
}

UnixTime start_of(Date d) {
    chr::year_month_day ymd{chr::year{d.year}, chr::month{static_cast<unsigned>(d.month)},
                            chr::day{static_cast<unsigned>(d.day)}};
    return {chr::duration_cast<Duration>(chr::sys_days{ymd}.time_since_epoch()).count()};
}

std::string to_rfc3339(UnixTime t) {
    Date d = date_of(t);
    std::int64_t ns = t.ns - start_of(d).ns;
    std::int64_t s = ns / 1'000'000'000;
    std::int64_t ms = ns / 1'000'000 % 1000;
    std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", d.year, d.month, d.day,
                                   s / 3600, s / 60 % 60, s % 60);
    if (ms != 0) text += fmt::format(".{:03}", ms);
    return text + "Z";
}

std::optional<UnixTime> parse_rfc3339(std::string_view text) {
    auto year = digits(text, 4);
    if (!year || *year < 1970 || *year > 2200 || !take(text, '-')) return std::nullopt;
    auto month = digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    auto day = digits(text, 2);
    if (!day) return std::nullopt;
    chr::year_month_day ymd{chr::year{*year}, chr::month{static_cast<unsigned>(*month)},
                            chr::day{static_cast<unsigned>(*day)}};
    if (!ymd.ok()) return std::nullopt;
    UnixTime midnight = start_of({*year, *month, *day});
    if (text.empty()) return midnight;
    if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
    auto clock = clock_part(text);
    if (!clock) return std::nullopt;
    auto offset = offset_part(text);
    if (!offset || !text.empty()) return std::nullopt;
    return UnixTime{midnight.ns + *clock - *offset};
}

}  // namespace weir
