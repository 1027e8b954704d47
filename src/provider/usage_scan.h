// What can be learnt from an event's JSON without parsing it: where a key stands, and how many
// bytes of generated text a delta carries. Exact on well-formed JSON, because a quotation mark
// inside a string always has a backslash before it and one that opens a key never has; harmless on
// anything else. Allocation-free.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace weir::provider {

inline constexpr std::size_t kNotFound = std::string_view::npos;

// First letters of the keys looked for; repeat one to fill.
using KeyInitials = std::array<char, 4>;

// Position of the next '"' at or after `from` that is followed by one of `initials`; kNotFound if
// none. A cheap filter: the caller compares the whole key with value_after_key().
std::size_t find_initial(std::string_view text, std::size_t from, const KeyInitials& initials);

// If `text` has the key `"key"` at `at` (its opening quote), the position of its value's first
// byte, else kNotFound.
std::size_t value_after_key(std::string_view text, std::size_t at, std::string_view key);

// Is there such a key anywhere in `text`?
bool has_key(std::string_view text, std::string_view key);

// Bytes of generated text in the JSON value at `at`: a string's own, or those of the text-bearing
// members of an object (content, reasoning_content, arguments, text, thinking, partial_json …).
// `end` is set to the first byte after the value. Escapes count as the bytes they stand for.
std::size_t text_bytes(std::string_view text, std::size_t at, std::size_t& end);

// The string value at `at` as it stands (escapes kept), or empty.
std::string_view string_at(std::string_view text, std::size_t at);

// Number of output tokens that `bytes` of text are at least worth having: one for each four bytes,
// rounded up (English prose is 4.3–4.8 bytes a token, code and other scripts fewer: wire.md §5.2).
constexpr std::size_t tokens_of_text(std::size_t bytes) { return (bytes + 3) / 4; }

}  // namespace weir::provider
