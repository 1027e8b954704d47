#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <iterator>

#include "codec/http1.h"
#include "codec/http1_scan.h"

namespace weir::codec {
namespace {

struct Reason {
    int status;
    std::string_view phrase;
};

constexpr auto kReasons = std::to_array<Reason>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
    {529, "Overloaded"},
});
static_assert(std::ranges::is_sorted(kReasons, {}, &Reason::status));

constexpr auto kHopByHop = std::to_array<std::string_view>({
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
});

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

std::string_view reason_phrase(int status) {
    auto it = std::ranges::lower_bound(kReasons, status, {}, &Reason::status);
    return it != kReasons.end() && it->status == status ? it->phrase : "Unknown";
}

void append_status_line(std::string& out, int status) {
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
}

void append_request_line(std::string& out, std::string_view method, std::string_view target) {
    out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    std::size_t begin = out.size();
    out.append(value);
    if (!header_value_is_safe(value)) {
        for (std::size_t i = begin; i < out.size(); ++i) {
            if (scan::is_control(out[i])) out[i] = ' ';
        }
    }
    out.append(kCrlf);
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
    std::array<char, 20> digits{};
    auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    append_field(out, name,
                 std::string_view{digits.data(), static_cast<std::size_t>(end - digits.data())});
}

std::size_t append_chunk_header(char* to, std::uint64_t bytes) {
    auto [end, error] = std::to_chars(to, to + 16, bytes, 16);
    end[0] = '\r';
    end[1] = '\n';
    return static_cast<std::size_t>(end + 2 - to);
}

bool is_hop_by_hop(std::string_view name) {
    return std::ranges::any_of(kHopByHop, [&](std::string_view hop) {
        return hop.size() == name.size() && equals_ignore_case(name, hop);
    });
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, scan::is_token_char);
}

bool header_value_is_safe(std::string_view value) {
    const char* end = value.data() + value.size();
    return scan::find_control(value.data(), end) == end;
}

bool equals_ignore_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

}  // namespace weir::codec
