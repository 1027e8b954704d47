// Request heads: the same answer however the bytes arrive; whatever passes has one meaning only,
// and written again it is read the same.
#include <optional>

#include "codec/http1.h"
#include "fuzz/target.h"

namespace weir::fuzz {
namespace {

using namespace weir::codec;

constexpr HeadLimits kLimits{.bytes_max = 2048, .fields_max = 16};

struct Outcome {
    bool failed = false;
    std::optional<std::size_t> bytes;
    bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view text, std::size_t& scanned, RequestHead& head) {
    auto result = parse_request_head(text, scanned, kLimits, head);
    if (!result) return {true, {}};
    return {false, *result};
}

void check_same(const RequestHead& a, const RequestHead& b) {
    WEIR_CHECK(a.method == b.method && a.target == b.target && a.origin == b.origin);
    WEIR_CHECK(a.host == b.host && a.minor == b.minor && a.framing == b.framing);
    WEIR_CHECK(a.content_length == b.content_length && a.keep_alive == b.keep_alive);
    WEIR_CHECK(a.expect_continue == b.expect_continue && a.websocket == b.websocket);
    WEIR_CHECK(a.fields.size() == b.fields.size());
    for (std::size_t i = 0; i < a.fields.size(); ++i) {
        WEIR_CHECK(a.fields[i].name == b.fields[i].name);
        WEIR_CHECK(a.fields[i].value == b.fields[i].value);
    }
}

void check_head(std::string_view text, const RequestHead& head) {
    WEIR_CHECK(text.size() <= kLimits.bytes_max && text.ends_with("\r\n\r\n"));
    WEIR_CHECK(is_token(head.method) && lies_within(head.target, text));
    WEIR_CHECK(!head.origin.empty());
    WEIR_CHECK(head.fields.size() <= kLimits.fields_max);
    for (const HeaderField& field : head.fields) {
        WEIR_CHECK(is_token(field.name) && lies_within(field.name, text));
        WEIR_CHECK(header_value_is_safe(field.value) && lies_within(field.value, text));
    }
    WEIR_CHECK(head.minor == 0 || head.count("host") == 1);
    std::size_t lengths = head.count("content-length");
    std::size_t codings = head.count("transfer-encoding");
    WEIR_CHECK(lengths + codings <= 1);
    WEIR_CHECK((head.framing == Framing::length) == (lengths == 1));
    WEIR_CHECK((head.framing == Framing::chunked) == (codings == 1));
}

void check_written(const RequestHead& head) {
    std::string text;
    append_request_line(text, head.method, head.target);
    if (head.minor == 0) text[text.size() - 3] = '0';
    for (const HeaderField& field : head.fields) append_field(text, field.name, field.value);
    text += kCrlf;
    RequestHead again;
    std::size_t scanned = 0;
    // A blank is written after each colon, so the text may have grown.
    HeadLimits room{.bytes_max = 2 * kLimits.bytes_max, .fields_max = kLimits.fields_max};
    auto result = parse_request_head(text, scanned, room, again);
    WEIR_CHECK(result && *result == text.size());
    check_same(head, again);
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    std::string_view text = text_of(data, size);
    std::size_t scanned = 0;
    weir::codec::RequestHead head;
    Outcome whole = parse(text, scanned, head);
    if (whole.bytes) {
        check_head(text.substr(0, *whole.bytes), head);
        check_written(head);
    }
    for (const auto& way : ways_to_cut(text)) {
        weir::codec::RequestHead other;
        Outcome outcome;
        std::size_t hint = 0;
        std::size_t held = 0;
        for (std::size_t n : way) {
            held += n;
            outcome = parse(text.substr(0, held), hint, other);
            if (outcome.failed || outcome.bytes) break;
        }
        // A head that came in pieces is only looked at in full once its blank line is there.
        bool undecided = whole.failed && !outcome.failed && !outcome.bytes;
        WEIR_CHECK(outcome == whole || undecided);
        if (outcome.bytes) check_same(head, other);
    }
    return 0;
}
