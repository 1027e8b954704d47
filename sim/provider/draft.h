// What a model says, before any dialect: reasoning, text, calls of tools, and why it stops. Decided
// by a seed and the prompt alone, so that the same request gets the same answer, streamed or not,
// and through a gateway or not. Sans-IO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "sim/provider/json.h"
#include "sim/provider/settings.h"

namespace weir::sim {

struct Tool {
    std::string name{};
    Json schema{};        // of its arguments; null: free text
    bool custom = false;  // takes text, not JSON
};

enum class ToolChoice : std::uint8_t { automatic, none, required };

// What a request asks for, in any dialect.
struct Ask {
    std::optional<std::int64_t> max_output{};
    std::int64_t choices = 1;
    std::vector<Tool> tools{};
    ToolChoice tool_choice = ToolChoice::automatic;
    std::string forced_tool{};  // the one that tool_choice names
    bool parallel_tools = true;
    std::int64_t tool_rounds = 0;  // calls of tools since the user last spoke
    const Json* schema = nullptr;  // of a structured answer
    bool json_object = false;
    std::vector<std::string> stops{};
    bool reasons = false;             // the model thinks before it answers
    std::int64_t reasoning_most = 0;  // 0: no bound of its own
    std::int64_t searches_most = 0;   // server-side web searches that are allowed
};

// What the caller of the simulator wants of this one answer (see directives.h).
struct Wish {
    std::optional<std::int64_t> output{};     // tokens of text
    std::optional<std::int64_t> reasoning{};  // tokens
    std::optional<std::int64_t> searches{};
    std::optional<std::string> tool{};  // "none", "any" or a name
    bool refuse = false;
    bool greedy = false;           // as much as it may
    std::int64_t ignore_max = -1;  // tokens; 0: twice the limit; -1: heeds it
};

struct Part {
    enum class Kind : std::uint8_t { reasoning, text, refusal, tool, search };
    Kind kind = Kind::text;
    std::string text{};  // of a tool: its arguments; of a search: the query
    std::string name{};  // of a tool
    bool custom = false;
    std::int64_t tokens = 0;
};

enum class Stop : std::uint8_t { end, length, tools, stop_sequence, refusal };

struct Choice {
    std::vector<Part> parts{};
    Stop stop = Stop::end;
    std::string stop_sequence{};
    std::int64_t tokens = 0;     // of all parts
    std::int64_t reasoning = 0;  // of them

    bool has(Part::Kind kind) const;
};

struct Draft {
    std::vector<Choice> choices{};
    std::int64_t tokens = 0;
    std::int64_t reasoning = 0;
    std::int64_t searches = 0;
};

Draft make_draft(const Ask& ask, const Wish& wish, const Settings& settings, std::uint64_t seed);

// A value that satisfies the JSON schema, as far as its usual keywords go.
Json sample(const Json& schema, Rng& rng);

}  // namespace weir::sim
