// Words for people: aligned tables, readable money and times, and the times that people type. Pure,
// but for `now`, which is handed in. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace weir::app {

// Columns as wide as their widest cell, two blanks apart. Cells are UTF-8 of one line each; control
// characters in them are shown as "?".
class Table {
 public:
    enum class Align : std::uint8_t { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
    };
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }
    std::size_t rows() const { return rows_.size(); }
    std::string text() const;

 private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

// Printable on a terminal, whatever a caller sent.
std::string printable(std::string_view text);

// Exact decimal dollars → "$12.35", "$0.000123", "-$0.50", "$0". Rounded to cents from a dollar on,
// below it to four significant digits: what is not zero is never shown as zero.
std::string money_text(std::string_view usd);
// Every digit: "$0.000123456789".
std::string exact_money(std::string_view usd);
// A price from a list, every digit, at least cents where there are decimals: "$3", "$0.30".
std::string price_money(std::string_view usd);
// "12,345"
std::string count_text(std::int64_t n);
// "2026-11-24T03:43:37.125Z" → "2026-11-24 03:43:37"; "-" for nothing. Times are UTC.
std::string time_text(std::string_view rfc3339);
// "4 ms", "1.2 s"
std::string micros_text(std::int64_t us);

// "2026-11-24", RFC 3339, or a time ago: "30m", "2h", "7d", "4w". Errors: invalid_parameter.
Result<UnixTime> parse_past(std::string_view text, UnixTime now);
// The same with a time ahead, or the end of a weekday: "friday". UTC.
Result<UnixTime> parse_future(std::string_view text, UnixTime now);
std::optional<Duration> parse_span(std::string_view text);

}  // namespace weir::app
