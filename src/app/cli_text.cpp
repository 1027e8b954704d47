#include "app/cli_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "base/money.h"

namespace weir::app {
namespace {

std::size_t width(std::string_view utf8) {
    return static_cast<std::size_t>(
        std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

constexpr Int128 kPico = Money::kPicoPerUsd;

// How many decimals show `pico`, below a dollar, to four significant digits.
int decimals_for(Int128 pico) {
    if (pico < 0) pico = -pico;
    int decimals = 4;
    for (Int128 least = kPico / 10; least > 0 && pico < least; least /= 10) ++decimals;
    return std::min(decimals, 12);
}

void trim_zeros(std::string& text, std::size_t least_decimals) {
    const std::size_t point = text.find('.');
    if (point == std::string::npos) return;
    while (text.back() == '0' && text.size() > point + 1 + least_decimals) text.pop_back();
}

std::string with_sign(const std::string& text) {
    return text.starts_with('-') ? "-$" + text.substr(1) : "$" + text;
}

std::string with_commas(std::string digits) {
    const std::size_t begin = digits.starts_with('-') ? 1 : 0;
    std::size_t end = std::min(digits.find('.'), digits.size());
    while (end > begin + 3) {
        end -= 3;
        digits.insert(end, ",");
    }
    return digits;
}

Result<UnixTime> parse_when(std::string_view text, UnixTime now, int direction,
                            std::string_view example) {
    if (const auto instant = parse_rfc3339(text)) return *instant;
    if (const auto span = parse_span(text)) {
        return direction < 0 ? now - *span : now + *span;
    }
    return fail(ErrorCode::invalid_parameter,
                fmt::format("'{}' is not a time: write 2026-11-24, 2026-11-24T18:00:00Z or {}.",
                            text, example));
}

// "friday" is over when its night is: today's, if today is one.
std::optional<UnixTime> end_of_day_named(std::string_view text, UnixTime now) {
    constexpr std::array<std::string_view, 7> kDays{"thursday", "friday",  "saturday", "sunday",
                                                    "monday",   "tuesday", "wednesday"};
    constexpr std::int64_t kDay = 86'400;
    const auto named = std::ranges::find(kDays, text);
    if (named == kDays.end()) return std::nullopt;
    const std::int64_t today = now.seconds() / kDay;  // since a Thursday
    const std::int64_t ahead = (named - kDays.begin() - today % 7 + 7) % 7;
    return UnixTime::from_seconds((today + ahead + 1) * kDay);
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if ((c >= 0 && c < ' ') || c == '\x7f') c = '?';
    }
    return out;
}

void Table::add(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (std::string& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    for (const Column& column : columns_) widths.push_back(width(column.title));
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string out;
    const auto add_line = [&](auto cell_of) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string& cell = cell_of(i);
            const std::string blanks(widths[i] - width(cell), ' ');
            if (i > 0) line += "  ";
            line += columns_[i].align == Align::right ? blanks + cell : cell + blanks;
        }
        line.resize(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    };
    add_line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
    for (const auto& row : rows_) {
        add_line([&](std::size_t i) -> const std::string& { return row[i]; });
    }
    return out;
}

std::string money_text(std::string_view usd) {
    const Result<Money> money = Money::parse_usd(usd);
    if (!money) return std::string{usd};
    if (money->is_zero()) return "$0";
    const Int128 size = money->is_negative() ? -money->pico() : money->pico();
    if (size >= kPico) return with_sign(with_commas(money->to_usd(2)));
    std::string text = money->to_usd(decimals_for(money->pico()));
    trim_zeros(text, 2);
    return with_sign(text);
}

std::string exact_money(std::string_view usd) { return with_sign(std::string{usd}); }

std::string price_money(std::string_view usd) {
    std::string text = exact_money(usd);
    if (text.size() > 1 && text[text.size() - 2] == '.') text += '0';
    return text;
}

std::string count_text(std::int64_t n) { return with_commas(std::to_string(n)); }

std::string time_text(std::string_view rfc3339) {
    if (rfc3339.size() < 19) return rfc3339.empty() ? "-" : std::string{rfc3339};
    std::string out{rfc3339.substr(0, 19)};
    if (out[10] == 'T') out[10] = ' ';
    return out;
}

std::string micros_text(std::int64_t us) {
    if (us < 1'000) return fmt::format("{} µs", us);
    if (us < 1'000'000) return fmt::format("{} ms", (us + 500) / 1'000);
    const std::int64_t tenths = (us + 50'000) / 100'000;
    return fmt::format("{}.{} s", tenths / 10, tenths % 10);
}

std::optional<Duration> parse_span(std::string_view text) {
    if (text.size() < 2) return std::nullopt;
    std::int64_t n = 0;
    const std::string_view digits = text.substr(0, text.size() - 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    constexpr std::int64_t kMost = 100'000;
    if (error != std::errc{} || end != digits.data() + digits.size() || n < 0 || n > kMost) {
        return std::nullopt;
    }
    switch (text.back()) {
        case 's':
            return std::chrono::seconds{n};
        case 'm':
            return std::chrono::minutes{n};
        case 'h':
            return std::chrono::hours{n};
        case 'd':
            return std::chrono::days{n};
        case 'w':
            return std::chrono::days{n * 7} > std::chrono::days{kMost}
                       ? std::nullopt
                       : std::optional<Duration>{std::chrono::days{n * 7}};
        default:
            return std::nullopt;
    }
}

Result<UnixTime> parse_past(std::string_view text, UnixTime now) {
    return parse_when(text, now, -1, "how long ago: 30m, 2h, 7d");
}

Result<UnixTime> parse_future(std::string_view text, UnixTime now) {
    if (const auto day = end_of_day_named(text, now)) return *day;
    return parse_when(text, now, +1, "how long from now: 2h, 30d, friday");
}

}  // namespace weir::app
