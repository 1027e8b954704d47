// URLs, as far as a gateway needs them: request targets and the base URLs of providers (RFC 3986).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::codec {

// Strict: every % begins two hex digits, and what comes out holds no NUL. "+" stays.
// Error: invalid_parameter.
Result<std::string> percent_decode(std::string_view text);
// Everything but RFC 3986's unreserved characters is encoded.
void append_percent_encoded(std::string& out, std::string_view text);

// Views into the target. The query is without its "?"; a fragment is not looked for.
struct TargetParts {
    std::string_view path;
    std::string_view query;
    bool has_query = false;
};
TargetParts split_target(std::string_view target);

// First value of `name` in a query, decoded ("+" is a blank). not_found; invalid_parameter.
Result<std::string> query_value(std::string_view query, std::string_view name);

struct BaseUrl {
    std::string scheme;      // http or https
    std::string host;        // lower case, without the brackets of an IPv6 literal
    std::uint16_t port = 0;  // of the scheme where none was given
    std::string path;        // without the slash at its end; "" for the root
    bool ipv6 = false;

    bool tls() const { return scheme == "https"; }
    // What a Host field says: with brackets, and with the port unless it is the scheme's own.
    std::string authority() const;
};
// http or https only; no user, query or fragment. Error: config_invalid, saying what is wrong.
Result<BaseUrl> parse_base_url(std::string_view url);

}  // namespace weir::codec
