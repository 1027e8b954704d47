#include "codec/url.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

#include "codec/http1.h"

namespace weir::codec {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::unexpected<Error> invalid(std::string_view url, std::string_view why) {
    return fail(ErrorCode::config_invalid,
                "Base URL \"" + std::string{url} + "\": " + std::string{why});
}

bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > 253) return false;
    if (host.front() == '.' || host.front() == '-') return false;
    // An underscore is no host name by the letter, yet container networks have them.
    return std::ranges::all_of(
        host, [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == '_'; });
}

bool is_ipv6(const std::string& text) {
    in6_addr address{};
    return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

std::string lower_case(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    }
    return out;
}

bool read_port(std::string_view text, std::uint16_t& port) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

Result<> read_authority(std::string_view url, std::string_view authority, BaseUrl& out) {
    std::string_view port;
    bool has_port = false;
    if (authority.starts_with('[')) {
        std::size_t close = authority.find(']');
        if (close == std::string_view::npos) return invalid(url, "a ] is missing");
        out.host = lower_case(authority.substr(1, close - 1));
        out.ipv6 = true;
        if (out.host.find('\0') != std::string::npos || !is_ipv6(out.host))
            return invalid(url, "not an IPv6 address");
        std::string_view rest = authority.substr(close + 1);
        has_port = rest.starts_with(':');
        if (!rest.empty() && !has_port) return invalid(url, "unexpected text after ]");
        port = rest.substr(has_port ? 1 : 0);
    } else {
        std::size_t colon = authority.find(':');
        has_port = colon != std::string_view::npos;
        out.host = lower_case(authority.substr(0, colon));
        if (has_port) port = authority.substr(colon + 1);
        if (!is_host_name(out.host)) return invalid(url, "the host is missing or not a host name");
    }
    out.port = out.tls() ? 443 : 80;
    if (has_port && !read_port(port, out.port)) return invalid(url, "the port must be 1 to 65535");
    return {};
}

}  // namespace

Result<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return fail(ErrorCode::invalid_parameter, "A percent-encoding is malformed.");
            c = static_cast<char>(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return fail(ErrorCode::invalid_parameter, "A URL may not hold a NUL character.");
        out.push_back(c);
    }
    return out;
}

void append_percent_encoded(std::string& out, std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    for (char c : text) {
        if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            out.push_back(c);
            continue;
        }
        out.push_back('%');
        out.push_back(hex[static_cast<unsigned char>(c) >> 4]);
        out.push_back(hex[static_cast<unsigned char>(c) & 0xf]);
    }
}

TargetParts split_target(std::string_view target) {
    std::size_t mark = target.find('?');
    if (mark == std::string_view::npos) return {target, {}, false};
    return {target.substr(0, mark), target.substr(mark + 1), true};
}

Result<std::string> query_value(std::string_view query, std::string_view name) {
    auto decode = [](std::string_view text) {
        std::string blanks{text};
        std::ranges::replace(blanks, '+', ' ');
        return percent_decode(blanks);
    };
    while (!query.empty()) {
        std::size_t end = std::min(query.find('&'), query.size());
        std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        std::size_t equals = std::min(pair.find('='), pair.size());
        Result<std::string> key = decode(pair.substr(0, equals));
        if (!key) return key;
        if (*key == name) return decode(pair.substr(std::min(equals + 1, pair.size())));
    }
    return fail(ErrorCode::not_found);
}

std::string BaseUrl::authority() const {
    std::string out = ipv6 ? "[" + host + "]" : host;
    if (port != (tls() ? 443 : 80)) out += ":" + std::to_string(port);
    return out;
}

Result<BaseUrl> parse_base_url(std::string_view url) {
    auto printable = [](char c) {
        return c > ' ' && c < 0x7f;
    };
    if (!std::ranges::all_of(url, printable))
        return fail(ErrorCode::config_invalid,
                    "A base URL holds a blank or an unprintable character.");
    // Before any message that repeats the URL: it would show the password.
    if (url.find('@') != std::string_view::npos)
        return fail(ErrorCode::config_invalid,
                    "A base URL may not hold a user or password: give the key by its own setting.");
    std::size_t colon = url.find("://");
    if (colon == std::string_view::npos) return invalid(url, "it must begin with https://");
    BaseUrl out;
    out.scheme = lower_case(url.substr(0, colon));
    if (out.scheme != "http" && out.scheme != "https")
        return invalid(url, "the scheme must be http or https");
    std::string_view rest = url.substr(colon + 3);
    if (rest.find_first_of("?#") != std::string_view::npos)
        return invalid(url, "a query or fragment has no place in it");
    std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string_view authority = rest.substr(0, slash);
    if (Result<> read = read_authority(url, authority, out); !read)
        return std::unexpected(read.error());
    std::string_view path = rest.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    out.path = path;
    return out;
}

}  // namespace weir::codec
