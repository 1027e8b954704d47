// Response heads: the same answer however the bytes arrive, and framing that follows the rules. The
// first byte says whether the request was HEAD.
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

Outcome parse(std::string_view text, std::size_t& scanned, bool was_head, ResponseHead& head) {
    auto result = parse_response_head(text, scanned, kLimits, was_head, head);
    if (!result) return {true, {}};
    return {false, *result};
}

void check_head(std::string_view text, bool was_head, const ResponseHead& head) {
    WEIR_CHECK(text.ends_with("\r\n\r\n") && head.status >= 100 && head.status < 600);
    WEIR_CHECK(header_value_is_safe(head.reason) && lies_within(head.reason, text));
    for (const HeaderField& field : head.fields)
        WEIR_CHECK(is_token(field.name) && header_value_is_safe(field.value));
    std::size_t lengths = head.count("content-length");
    std::size_t codings = head.count("transfer-encoding");
    WEIR_CHECK(lengths + codings <= 1);
    bool no_body = was_head || head.status < 200 || head.status == 204 || head.status == 304;
    WEIR_CHECK(no_body == (head.framing == Framing::none));
    if (no_body) return;
    WEIR_CHECK((head.framing == Framing::length) == (lengths == 1));
    WEIR_CHECK((head.framing == Framing::chunked) == (codings == 1));
    WEIR_CHECK(head.framing != Framing::until_close || !head.keep_alive);
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    if (size == 0) return 0;
    bool was_head = data[0] == 'H';
    std::string_view text = text_of(data + 1, size - 1);
    std::size_t scanned = 0;
    weir::codec::ResponseHead head;
    Outcome whole = parse(text, scanned, was_head, head);
    if (whole.bytes) check_head(text.substr(0, *whole.bytes), was_head, head);
    for (const auto& way : ways_to_cut(text)) {
        weir::codec::ResponseHead other;
        Outcome outcome;
        std::size_t hint = 0;
        std::size_t held = 0;
        for (std::size_t n : way) {
            held += n;
            outcome = parse(text.substr(0, held), hint, was_head, other);
            if (outcome.failed || outcome.bytes) break;
        }
        // A head that came in pieces is only looked at in full once its blank line is there.
        bool undecided = whole.failed && !outcome.failed && !outcome.bytes;
        WEIR_CHECK(outcome == whole || undecided);
        if (!outcome.bytes) continue;
        WEIR_CHECK(head.status == other.status && head.framing == other.framing);
        WEIR_CHECK(head.keep_alive == other.keep_alive &&
                   head.fields.size() == other.fields.size());
    }
    return 0;
}
