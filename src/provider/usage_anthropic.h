// Anthropic usage objects and their mapping to lines (wire.md §0.1–4, §1.4, §2.2). Pure; no IO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/call.h"
#include "core/usage.h"
#include "provider/usage_json.h"

namespace weir::provider {

// Token figures as given; absent = not given or null. input excludes everything cached.
struct AnthropicTokens {
    std::optional<std::int64_t> input;
    std::optional<std::int64_t> output;  // thinking included
    std::optional<std::int64_t> cache_read;
    std::optional<std::int64_t> cache_write;  // all TTLs
    std::optional<std::int64_t> write_5m;
    std::optional<std::int64_t> write_1h;
};

// One entry of usage.iterations[].
struct AnthropicIteration {
    std::string type;   // message, compaction, advisor_message, fallback_message
    std::string model;  // empty: not said
    AnthropicTokens tokens;
};

struct AnthropicUsage {
    AnthropicTokens tokens;
    std::optional<std::int64_t> thinking;
    std::optional<std::int64_t> web_searches;
    std::optional<std::int64_t> web_fetches;
    std::string tier;
    std::string speed;
    std::string geo;
    std::vector<AnthropicIteration> iterations;
    bool absurd = false;
    bool unreadable = false;  // input or output is no count
    bool unknown_cost = false;

    bool measured() const { return tokens.input.has_value() || tokens.output.has_value(); }
};

// Reads `object` over `usage`: what is given replaces, null and absent keep (figures of a
// message_delta are cumulative and may be null).
void read_anthropic_usage(json::object object, AnthropicUsage& usage);

// One line for each iteration instead of the top level, where there are any; the top level
// otherwise. `model` is the response's. `long_cache` says that the request could write at the long
// TTL: growth of cache writes without a split then counts as long, which is the dearer.
void map_anthropic_usage(const AnthropicUsage& from, std::string_view model, bool long_cache,
                         core::Usage& usage);

}  // namespace weir::provider
