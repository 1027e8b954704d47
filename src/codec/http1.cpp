#include "codec/http1.h"

#include <array>
#include <charconv>
#include <cstring>

#include "codec/http1_scan.h"

namespace weir::codec {
namespace {

using scan::is_blank;

// Outcome of one parsing step, cheap enough for the hot path; Error is made at the edge.
enum class Verdict : std::uint8_t { ok, more, malformed, too_large };

constexpr std::size_t kFieldsUsual = 24;  // room for these is made at once

// What the framing fields said, gathered in the pass over the fields.
struct Seen {
    unsigned hosts = 0;
    unsigned lengths = 0;
    unsigned codings = 0;
    bool chunked = false;
    bool close = false;
    bool keep_alive = false;
    bool names_upgrade = false;
    bool websocket = false;
    bool expect_continue = false;
    std::string_view host;
    std::uint64_t length = 0;
};

// The bytes from `at` on. One line is taken after the other; `more` where a line is cut off.
struct Cursor {
    const char* at;
    const char* end;
};

// Takes text up to CRLF. No control character but tab may stand in it.
Verdict take_line(Cursor& c, std::string_view& line) {
    const char* stop = scan::find_control(c.at, c.end);
    if (stop == c.end) return Verdict::more;
    if (*stop != '\r') return Verdict::malformed;
    if (stop + 1 == c.end) return Verdict::more;
    if (stop[1] != '\n') return Verdict::malformed;
    line = {c.at, static_cast<std::size_t>(stop - c.at)};
    c.at = stop + 2;
    return Verdict::ok;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

// Calls `visit` for every element of a comma-separated list.
template <class Visit>
void each_element(std::string_view list, Visit visit) {
    while (!list.empty()) {
        std::size_t comma = list.find(',');
        visit(trim(list.substr(0, comma)));
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

// Digits only: no sign, blank or list, and it fits.
bool read_length(std::string_view text, std::uint64_t& value) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return false;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

void note_connection(std::string_view value, Seen& seen) {
    each_element(value, [&](std::string_view option) {
        if (equals_ignore_case(option, "close")) seen.close = true;
        if (equals_ignore_case(option, "keep-alive")) seen.keep_alive = true;
        if (equals_ignore_case(option, "upgrade")) seen.names_upgrade = true;
    });
}

void note_upgrade(std::string_view value, Seen& seen) {
    each_element(value, [&](std::string_view protocol) {
        if (equals_ignore_case(protocol, "websocket")) seen.websocket = true;
    });
}

// Looks at the few fields that decide framing; most fall out at the switch.
bool note_field(std::string_view name, std::string_view value, Seen& seen) {
    using scan::is_word;
    switch (name.size()) {
        case 4:
            if (is_word(name, "host")) {
                ++seen.hosts;
                seen.host = value;
            }
            return true;
        case 6:
            if (is_word(name, "expect"))
                seen.expect_continue = equals_ignore_case(value, "100-continue");
            return true;
        case 7:
            if (is_word(name, "upgrade")) note_upgrade(value, seen);
            return true;
        case 10:
            if (is_word(name, "connection")) note_connection(value, seen);
            return true;
        case 14:
            if (!is_word(name, "content-length")) return true;
            return ++seen.lengths == 1 && read_length(value, seen.length);
        case 17:
            if (!is_word(name, "transfer-encoding")) return true;
            return ++seen.codings == 1 && equals_ignore_case(value, "chunked");
        default:
            return true;
    }
}

// Fields up to and with the blank line.
Verdict take_fields(Cursor& c, std::size_t fields_max, std::vector<HeaderField>& fields,
                    Seen& seen) {
    for (;;) {
        if (c.at == c.end) return Verdict::more;
        if (*c.at == '\r') {
            std::string_view blank;
            return take_line(c, blank);
        }
        if (fields.size() == fields_max) return Verdict::too_large;
        const char* colon = scan::find_not_token(c.at, c.end);
        if (colon == c.end) return Verdict::more;
        // Also turns away folded lines, blanks before the colon and empty names.
        if (*colon != ':' || colon == c.at) return Verdict::malformed;
        std::string_view name{c.at, static_cast<std::size_t>(colon - c.at)};
        c.at = colon + 1;
        std::string_view value;
        if (Verdict v = take_line(c, value); v != Verdict::ok) return v;
        value = trim(value);
        if (!note_field(name, value, seen)) return Verdict::malformed;
        fields.push_back({name, value});
    }
}

bool read_version(std::string_view text, int& minor) {
    if (text != "HTTP/1.1" && text != "HTTP/1.0") return false;
    minor = text.back() - '0';
    return true;
}

bool is_authority(std::string_view text) {
    for (char c : text) {
        if (!scan::is_authority_char(c)) return false;
    }
    return true;
}

// Splits an absolute-form target; false: neither http nor https, or an authority that is none.
bool split_absolute(std::string_view target, RequestHead& head) {
    std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return false;
    std::string_view name = target.substr(0, scheme);
    if (!equals_ignore_case(name, "http") && !equals_ignore_case(name, "https")) return false;
    std::string_view rest = target.substr(scheme + 3);
    std::size_t end = rest.find_first_of("/?");
    std::string_view authority = rest.substr(0, end);
    if (authority.empty() || !is_authority(authority)) return false;
    head.host = authority;
    head.origin = end == std::string_view::npos ? "/" : rest.substr(end);
    // "http://host?query" has an empty path, which a view cannot turn into "/?query".
    return head.origin.front() == '/';
}

bool read_target(RequestHead& head) {
    std::string_view target = head.target;
    if (target.empty()) return false;
    const char* end = target.data() + target.size();
    if (scan::find_not_target(target.data(), end) != end) return false;
    head.origin = target;
    if (target.front() == '/') return true;
    if (head.method == "CONNECT") return is_authority(target);
    if (target == "*") return head.method == "OPTIONS";
    return split_absolute(target, head);
}

Verdict take_request_line(Cursor& c, RequestHead& head) {
    if (c.at != c.end && *c.at == '\r') {
        std::string_view blank;
        if (Verdict v = take_line(c, blank); v != Verdict::ok) return v;
    }
    std::string_view line;
    if (Verdict v = take_line(c, line); v != Verdict::ok) return v;
    constexpr std::size_t kTail = std::string_view{" HTTP/1.1"}.size();
    std::size_t first = line.find(' ');
    if (first == std::string_view::npos || line.size() < first + 1 + kTail)
        return Verdict::malformed;
    std::size_t last = line.size() - kTail;
    head.method = line.substr(0, first);
    head.target = line.substr(first + 1, last - first - 1);
    bool good = line[last] == ' ' && is_token(head.method) &&
                read_version(line.substr(last + 1), head.minor) && read_target(head);
    return good ? Verdict::ok : Verdict::malformed;
}

Verdict take_status_line(Cursor& c, ResponseHead& head) {
    std::string_view line;
    if (Verdict v = take_line(c, line); v != Verdict::ok) return v;
    // Some servers leave out the blank that comes before an empty reason.
    if (line.size() < 12 || line[8] != ' ' || !read_version(line.substr(0, 8), head.minor))
        return Verdict::malformed;
    if (line.size() > 12 && line[12] != ' ') return Verdict::malformed;
    std::uint64_t status = 0;
    if (!read_length(line.substr(9, 3), status) || status < 100 || status > 599)
        return Verdict::malformed;
    head.status = static_cast<int>(status);
    head.reason = line.size() > 12 ? line.substr(13) : std::string_view{};
    return Verdict::ok;
}

Verdict conclude_request(const Seen& seen, RequestHead& head) {
    if (seen.hosts > 1 || (seen.hosts == 0 && head.minor == 1)) return Verdict::malformed;
    if (!is_authority(seen.host)) return Verdict::malformed;
    if (seen.codings != 0 && (seen.lengths != 0 || head.minor == 0)) return Verdict::malformed;
    if (head.host.empty()) head.host = seen.host;
    head.framing = seen.codings != 0   ? Framing::chunked
                   : seen.lengths != 0 ? Framing::length
                                       : Framing::none;
    head.content_length = seen.length;
    head.keep_alive = !seen.close && head.minor == 1;
    bool body = head.framing == Framing::chunked || seen.length > 0;
    head.expect_continue = seen.expect_continue && head.minor == 1 && body;
    head.websocket = seen.websocket && seen.names_upgrade;
    return Verdict::ok;
}

Verdict conclude_response(const Seen& seen, bool request_was_head, ResponseHead& head) {
    if (seen.codings != 0 && (seen.lengths != 0 || head.minor == 0)) return Verdict::malformed;
    head.content_length = seen.length;
    head.keep_alive = !seen.close && (head.minor == 1 || seen.keep_alive);
    bool never_a_body = head.interim() || head.status == 204;
    if (never_a_body || head.status == 304 || request_was_head) {
        head.framing = Framing::none;
        // A body announced where none may be: whether it follows is anyone's guess.
        if (never_a_body && (seen.codings != 0 || seen.length != 0)) head.keep_alive = false;
    } else if (seen.codings != 0) {
        head.framing = Framing::chunked;
    } else if (seen.lengths != 0) {
        head.framing = Framing::length;
    } else {
        head.framing = Framing::until_close;
        head.keep_alive = false;
    }
    return Verdict::ok;
}

// For a head that came in pieces: looks at the new bytes only. `ok`: the blank line is there.
Verdict find_blank_line(std::string_view buffer, std::size_t& scanned) {
    while (scanned < buffer.size()) {
        const void* hit = std::memchr(buffer.data() + scanned, '\n', buffer.size() - scanned);
        if (hit == nullptr) break;
        auto i = static_cast<std::size_t>(static_cast<const char*>(hit) - buffer.data());
        if (i == 0 || buffer[i - 1] != '\r') return Verdict::malformed;
        if (i >= 3 && buffer[i - 2] == '\n') return Verdict::ok;
        scanned = i + 1;
    }
    scanned = buffer.size();
    return Verdict::more;
}

Result<std::optional<std::size_t>> answer(Verdict verdict, std::size_t bytes, bool full) {
    switch (verdict) {
        case Verdict::ok:
            return bytes;
        case Verdict::more:
            if (full) return fail(ErrorCode::headers_too_large);
            return std::nullopt;
        case Verdict::too_large:
            return fail(ErrorCode::headers_too_large);
        case Verdict::malformed:
            break;
    }
    return fail(ErrorCode::malformed_http);
}

// `parse` takes a whole head from the cursor.
template <class Parse>
Result<std::optional<std::size_t>> parse_head(std::string_view buffer, std::size_t& scanned,
                                              std::size_t bytes_max, Parse parse) {
    bool full = buffer.size() >= bytes_max;
    std::string_view within = buffer.substr(0, bytes_max);
    if (within.empty()) return answer(Verdict::more, 0, full);
    if (scanned != 0) {
        Verdict found = find_blank_line(within, scanned);
        if (found != Verdict::ok) return answer(found, 0, full);
    }
    Cursor cursor{within.data(), within.data() + within.size()};
    Verdict verdict = parse(cursor);
    if (verdict == Verdict::more) scanned = within.size();
    return answer(verdict, static_cast<std::size_t>(cursor.at - within.data()), full);
}

std::string_view find_in(const std::vector<HeaderField>& fields, std::string_view name) {
    for (const HeaderField& field : fields) {
        if (field.name.size() == name.size() && equals_ignore_case(field.name, name)) {
            return field.value;
        }
    }
    return {};
}

std::size_t count_in(const std::vector<HeaderField>& fields, std::string_view name) {
    std::size_t n = 0;
    for (const HeaderField& field : fields) n += equals_ignore_case(field.name, name) ? 1U : 0U;
    return n;
}

}  // namespace

std::string_view RequestHead::find(std::string_view name) const { return find_in(fields, name); }
std::size_t RequestHead::count(std::string_view name) const { return count_in(fields, name); }
std::string_view ResponseHead::find(std::string_view name) const { return find_in(fields, name); }
std::size_t ResponseHead::count(std::string_view name) const { return count_in(fields, name); }

Result<std::optional<std::size_t>> parse_request_head(std::string_view buffer, std::size_t& scanned,
                                                      const HeadLimits& limits, RequestHead& head) {
    return parse_head(buffer, scanned, limits.bytes_max, [&](Cursor& cursor) {
        head.fields.clear();
        if (head.fields.capacity() == 0) head.fields.reserve(kFieldsUsual);
        head.host = {};
        Seen seen;
        Verdict verdict = take_request_line(cursor, head);
        if (verdict == Verdict::ok)
            verdict = take_fields(cursor, limits.fields_max, head.fields, seen);
        return verdict == Verdict::ok ? conclude_request(seen, head) : verdict;
    });
}

Result<std::optional<std::size_t>> parse_response_head(std::string_view buffer,
                                                       std::size_t& scanned,
                                                       const HeadLimits& limits,
                                                       bool request_was_head, ResponseHead& head) {
    return parse_head(buffer, scanned, limits.bytes_max, [&](Cursor& cursor) {
        head.fields.clear();
        if (head.fields.capacity() == 0) head.fields.reserve(kFieldsUsual);
        Seen seen;
        Verdict verdict = take_status_line(cursor, head);
        if (verdict == Verdict::ok)
            verdict = take_fields(cursor, limits.fields_max, head.fields, seen);
        return verdict == Verdict::ok ? conclude_response(seen, request_was_head, head) : verdict;
    });
}

bool connection_names(const std::vector<HeaderField>& fields, std::string_view name) {
    bool named = false;
    for (const HeaderField& field : fields) {
        if (field.name.size() != 10 || !equals_ignore_case(field.name, "connection")) continue;
        each_element(field.value, [&](std::string_view option) {
            named = named || equals_ignore_case(option, name);
        });
    }
    return named;
}

}  // namespace weir::codec
