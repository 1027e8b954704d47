// What a request gives the model to read, in the order in which prompts are cached: a chain of
// segments, each hashed with all before it. Tokens are counted from bytes and a seed, so that the
// same text always costs the same. Sans-IO.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/provider/json.h"

namespace weir::sim {

// A cache_control mark of Anthropic's.
enum class CacheMark : std::uint8_t { none, short_ttl, long_ttl };

struct Segment {
    std::uint64_t chain = 0;  // of this and all segments before
    std::int64_t tokens = 0;
    CacheMark mark = CacheMark::none;
};

struct Prompt {
    std::vector<Segment> segments{};
    std::int64_t tokens = 0;  // of all segments and the overhead, audio included
    std::int64_t audio = 0;
    std::uint64_t chain = 0;  // of the whole: the seed of the answer
    std::int64_t input_items = 0;
};

Prompt chat_prompt(const Json& body, std::uint64_t seed);
// One for each prompt of the list.
std::vector<Prompt> completion_prompts(const Json& body, std::uint64_t seed);
Prompt responses_prompt(const Json& body, std::uint64_t seed);
Prompt anthropic_prompt(const Json& body, std::uint64_t seed);
// Each input of an embeddings request.
std::vector<Prompt> embedding_inputs(const Json& body, std::uint64_t seed);

}  // namespace weir::sim
