// A strict pull reader of JSON text that keeps byte offsets: what describe reads a request with and
// rewrite cuts it by. Why not a library's: the offsets and raw spelling of every key are needed,
// the body must not be copied (padding, an index of 6 × its size), and what is skipped must be as
// valid as what is read, or a provider's parser may see another request than Weir did (ledger.md
// §0.2).
//
// Grammar: RFC 8259, nothing more (no comments, NaN, trailing comma, BOM). Escapes are checked,
// lone surrogates let pass (JavaScript clients send them). UTF-8 is the caller's to validate.
// Depth is limited to kMaxDepth. The text is the caller's and must outlive the cursor. Any thread.
//
// After the first error every step returns false or nothing; check `ok()` at the end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/call.h"

namespace weir::provider {

class JsonCursor {
 public:
    static constexpr std::uint32_t kMaxDepth = 512;
    enum class Kind : std::uint8_t { object, array, string, number, boolean, null, invalid };

    explicit JsonCursor(std::string_view text) : text_(text) {}

    bool ok() const { return ok_; }
    std::uint32_t offset() const { return static_cast<std::uint32_t>(at_); }
    // Nothing but white space is left, and no error was met.
    bool at_end();

    // Kind of the value that begins here; white space before it is passed.
    Kind kind();

    // Containers: `enter` at '{' or '[', then next_key/next_item until it returns false. After each
    // true, exactly one value must be read or skipped.
    bool enter();
    // `raw`: the key as spelled, between its quotes.
    bool next_key(std::string_view& raw);
    bool next_item();

    // Scalars. Each reads one value of that kind; any other kind is an error of the caller's.
    std::string_view string();  // as spelled, between its quotes
    std::string_view number();
    bool boolean();

    // Reads one value of any kind to its end and checks all of it; returns where it stands.
    core::Span skip();
    std::string_view text(core::Span span) const {
        return text_.substr(span.begin, span.end - span.begin);
    }

 private:
    void fail() { ok_ = false; }
    void space() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }
    static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
    bool open_is_object() const { return (stack_[depth_ / 64] >> (depth_ % 64) & 1) != 0; }
    void leave();
    bool literal(std::string_view word);
    void skip_scalar(Kind kind);

    std::string_view text_;
    std::size_t at_ = 0;
    std::uint32_t depth_ = 0;
    bool fresh_ = false;  // a container was entered and has no member yet
    bool ok_ = true;
    std::array<std::uint64_t, kMaxDepth / 64 + 1>
        stack_{};  // bit d: the container at depth d is an object
};

// What a raw string means. nullopt: it holds a lone surrogate, which UTF-8 cannot say.
std::optional<std::string> json_unescape(std::string_view raw);

}  // namespace weir::provider
