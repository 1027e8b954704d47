// What a request asks for, as far as it bears on cost and route: read once from the body by
// provider/describe, decided on by core. Offsets refer to the decoded body, so that the body can be
// forwarded as it came but for the few spans that must change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::core {

enum class Endpoint : std::uint8_t {
    chat_completions,
    completions,
    embeddings,
    responses,
    responses_input_tokens,  // free count
    responses_compact,       // billable
    messages,
    count_tokens,  // free count
    models,        // GET list or one
};
std::string_view endpoint_name(Endpoint e);

// The dialect errors and streams are written in.
enum class Dialect : std::uint8_t {
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
    anthropic
};
Dialect dialect_of(Endpoint e);

struct Span {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool empty() const { return begin == end; }
};

// What keeps a call from being bounded (ledger.md B1, B2). A bit set.
enum class Unbounded : std::uint16_t {
    reference = 1 << 0,  // input that is not in the body: previous_response_id, file ids, prompts …
    server_tool = 1 << 1,   // a tool that the provider runs: searches, code, MCP
    remote_media = 1 << 2,  // image or document by URL
    background = 1 << 3,    // runs on after the answer
    compaction = 1 << 4,    // context management that may bill another model
    unknown_tool = 1 << 5,
    other_model =
        1 << 6,  // the provider may serve, or add, a model of its own choice: fallbacks, advisors
    document = 1 << 7,    // inline file whose bytes do not bound its tokens: PDF, video
    prediction = 1 << 8,  // predicted output: what is rejected is billed on top
};

// Where a max output stands in the body, to be lowered or renamed.
struct MaxOutputSite {
    Span key;                    // with its quotes
    Span value;                  // a number or null
    bool is_max_tokens = false;  // under that very name (chat knows two)
};

// One message or item of a conversation, which the next call sends again with more behind it.
struct Turn {
    Span span;
    std::int64_t images = 0;
    std::int64_t no_text_bytes = 0;  // as CallShape's, of this turn
};

struct CallShape {
    Endpoint endpoint = Endpoint::chat_completions;
    std::string model;  // as asked for, unescaped
    bool stream = false;
    bool include_usage = false;  // the client asked for the usage chunk itself (chat, completions)
    std::optional<std::int64_t> max_output;  // the larger of the names that were given
    std::int64_t choices = 1;                // n, or best_of where larger
    std::string service_tier;
    std::uint16_t unbounded = 0;        // Unbounded bits
    std::int64_t server_tool_uses = 0;  // Σ max_uses; 0 where one has none
    bool wants_long_cache = false;      // a 1 h / 12 h cache write is reachable
    bool wants_cache = false;           // explicit cache control present (Anthropic)
    std::int64_t images = 0;
    bool tools = false;  // of whatever kind, or functions
    // Bytes that no model reads as text: members that only say how to answer, and the data of
    // images, which are bounded by their number.
    std::int64_t no_text_bytes = 0;
    std::vector<Turn> turns;  // of `messages`, or of `input` where that is a list
    // Those members, and marks of what to cache: two bodies that differ in nothing else say the
    // same. In order.
    std::vector<Span> silent;
    bool structured_output = false;
    std::int64_t thinking_budget = 0;
    bool server_tools_undeclared =
        false;                // a server tool has no max_uses (nor max_tool_calls over all)
    std::int64_t inputs = 1;  // embeddings: inputs; completions: prompts (already in `choices`)
    std::int64_t prediction_bytes = 0;  // bounds what a rejected prediction can add to the output
    bool forced_tool = false;           // tool_choice forces a call: a cut answer is useless
    bool audio_input = false;
    bool audio_output = false;
    bool web_search = false;  // chat: web_search_options, a fee that no usage tells
    std::string speed;        // Anthropic: fast
    std::string geo;          // Anthropic: inference_geo

    // What rewriting needs.
    Span model_value;                             // with its quotes
    Span max_output_value;                        // of the last name given; empty if none
    Span stream_options_value;                    // an object or null; empty if none
    Span include_usage_value;                     // inside stream_options; empty if none
    std::vector<MaxOutputSite> max_output_sites;  // every name given, in order
    Span metadata_key;                            // top-level `metadata`; empty if none
    Span metadata_value;
    std::uint32_t object_start = 0;  // just after the top-level '{'
    bool object_empty = false;

    // Identity fields of the body, for attribution (body is the least trusted source).
    std::string user;     // user | safety_identifier | metadata.user_id
    std::string session;  // prompt_cache_key, metadata session id, …
    std::vector<std::pair<std::string, std::string>> weir_metadata;  // OpenAI metadata "weir.*"

    bool has(Unbounded u) const { return (unbounded & static_cast<std::uint16_t>(u)) != 0; }
    void mark(Unbounded u) {
        unbounded = static_cast<std::uint16_t>(unbounded | static_cast<std::uint16_t>(u));
    }
    // One that the provider runs, and of whose uses nothing tells the number.
    void mark_undeclared_tool() {
        mark(Unbounded::server_tool);
        server_tools_undeclared = true;
    }
};

}  // namespace weir::core
