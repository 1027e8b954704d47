// The text of answers: seeded sentences, some with letters of other scripts, of an exact size. A
// token of output is four bytes, the last one may be smaller. Sans-IO.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace weir::sim {

inline constexpr std::int64_t kBytesPerToken = 4;

// Tokens that `text` costs as output.
std::int64_t output_tokens(std::string_view text);
// Whole sentences, of so many tokens or a little more.
std::string sentences(Rng& rng, std::int64_t tokens);
// Sentences of exactly so many tokens; the last one may be cut short.
std::string prose(Rng& rng, std::int64_t tokens);
// The beginning of `text` that costs at most so many tokens, not cut inside a character.
std::string_view first_tokens(std::string_view text, std::int64_t tokens);
// The text in pieces of about so many tokens, not cut inside a character.
std::vector<std::string_view> pieces_of(std::string_view text, std::int64_t tokens);
// Letters and digits, for ids: always the same for the same seed.
std::string id_text(std::string_view prefix, std::uint64_t seed, std::size_t length);

// Tokens that `text` costs as input: a third to a fifth of its bytes, by text and seed; never more
// than its bytes, and nothing for nothing.
std::int64_t input_tokens(std::string_view text, std::uint64_t seed);
std::uint64_t hash_text(std::string_view text, std::uint64_t seed);

}  // namespace weir::sim
