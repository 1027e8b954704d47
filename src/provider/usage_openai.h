// Usage objects of the OpenAI family, chat and Responses alike, and their mapping to the disjoint
// classes (wire.md §2.2). Pure; no IO.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/policy.h"
#include "core/usage.h"
#include "provider/usage_json.h"

namespace weir::provider {

// The figures as the provider gave them; absent = not given or null. All `cached`, `cache_write`,
// `audio_*` and `reasoning` are parts of their total.
struct OpenAiUsage {
    std::optional<std::int64_t> input;   // prompt_tokens | input_tokens
    std::optional<std::int64_t> output;  // completion_tokens | output_tokens
    std::optional<std::int64_t> total;
    std::optional<std::int64_t> cached;      // in *_details
    std::optional<std::int64_t> cached_top;  // Moonshot, Mistral, DeepSeek: beside prompt_tokens
    std::optional<std::int64_t> cache_write;
    std::optional<std::int64_t> cache_write_long;  // 12 h, part of cache_write
    std::optional<std::int64_t> audio_in;
    std::optional<std::int64_t> audio_out;
    std::optional<std::int64_t> image_out;
    std::optional<std::int64_t> reasoning;
    bool absurd = false;        // some figure is no count
    bool unreadable = false;    // one of the totals is no count
    bool unknown_cost = false;  // a positive figure that Weir does not know and that may cost

    // Zeros in every place are no measurement where a prompt must have had tokens (wire.md §3.6
    // quirk 4); Responses and Messages may truly report zeros.
    bool all_zero() const;
    bool measured() const { return input.has_value() || output.has_value() || total.has_value(); }
};

OpenAiUsage read_openai_usage(json::object object);

// Fills the token classes of `line`, and `reasoning_tokens` and notes of `usage`. Input classes sum
// to the prompt, output classes to max(output, total − prompt): reasoning that xAI counts outside
// its output is inside afterwards. Subtraction saturates.
void map_openai_usage(const OpenAiUsage& from, const core::Quirks& quirks, core::UsageLine& line,
                      core::Usage& usage);

// service_tier as the price book speaks: "default" and Groq's "on_demand" are "standard"; "auto"
// says nothing.
std::string_view normal_tier(std::string_view tier);

// True for names of figures that bill something: tokens, requests, calls, seconds …
bool bears_on_cost(std::string_view key);

}  // namespace weir::provider
