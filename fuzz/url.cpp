// URLs: encoding and decoding undo each other; a base URL that passes can be written again, is read
// the same, and is safe to put into a request head.
#include "codec/url.h"

#include "codec/http1.h"
#include "fuzz/target.h"

namespace {

using namespace weir::codec;

void check_percent(std::string_view text) {
    std::string encoded;
    append_percent_encoded(encoded, text);
    auto back = percent_decode(encoded);
    WEIR_CHECK(back ? *back == text : text.find('\0') != std::string_view::npos);
    if (auto decoded = percent_decode(text)) {
        WEIR_CHECK(decoded->size() <= text.size());
        WEIR_CHECK(decoded->find('\0') == std::string::npos);
    }
}

void check_base(std::string_view text) {
    auto url = parse_base_url(text);
    if (!url) {
        WEIR_CHECK(url.error().code() == weir::ErrorCode::config_invalid);
        return;
    }
    WEIR_CHECK(url->port != 0 && !url->host.empty() && !url->path.ends_with('/'));
    WEIR_CHECK(url->path.empty() || url->path.starts_with('/'));
    WEIR_CHECK(header_value_is_safe(url->authority()));
    auto again = parse_base_url(url->scheme + "://" + url->authority() + url->path);
    WEIR_CHECK(again.has_value() && again->host == url->host && again->port == url->port);
    WEIR_CHECK(again->path == url->path && again->ipv6 == url->ipv6);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = weir::fuzz::text_of(data, size);
    check_percent(text);
    check_base(text);
    TargetParts parts = split_target(text);
    WEIR_CHECK(parts.path.size() + parts.query.size() + (parts.has_query ? 1 : 0) == text.size());
    auto value = query_value(parts.query, "team");
    WEIR_CHECK(!value || value->size() <= parts.query.size());
    return 0;
}
