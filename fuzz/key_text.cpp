// Key texts: what passes for a key does not after any one character is changed; who shows it is
// refused with the right words. Globs agree with the obvious, slow matcher.
#include "core/identify.h"
#include "fuzz/target.h"

namespace weir::fuzz {
namespace {

using namespace weir::core;

Digest no_digest(std::string_view) { return {}; }

bool matches_slowly(std::string_view pattern, std::string_view text) {
    if (pattern.empty()) return text.empty();
    if (pattern.front() == '*') {
        for (std::size_t i = 0; i <= text.size(); ++i) {
            if (matches_slowly(pattern.substr(1), text.substr(i))) return true;
        }
        return false;
    }
    return !text.empty() && pattern.front() == text.front() &&
           matches_slowly(pattern.substr(1), text.substr(1));
}

void check_key(std::string_view text) {
    auto key = parse_key(text);
    Policy policy;
    auto who = identify(policy, text, UnixTime{}, no_digest);
    WEIR_CHECK(!who);
    bool missing = who.error().code() == ErrorCode::key_missing;
    WEIR_CHECK(missing == text.empty());
    if (!key) return;
    WEIR_CHECK(key->whole == text && lies_within(key->id, text));
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string other{text};
        other[i] = other[i] == 'a' ? 'b' : 'a';
        WEIR_CHECK(!parse_key(other));
    }
    WEIR_CHECK(!parse_key(text.substr(1)) && !parse_key(std::string{text} + "0"));
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    std::string_view text = text_of(data, size);
    check_key(text);
    // "pattern|text", short enough for the slow way.
    std::size_t bar = text.find('|');
    if (bar != std::string_view::npos && size <= 24) {
        std::string_view pattern = text.substr(0, bar);
        std::string_view name = text.substr(bar + 1);
        WEIR_CHECK(weir::core::glob_matches(pattern, name) == matches_slowly(pattern, name));
    }
    return 0;
}
