// The endpoints, each by its dialect: a call in, an answer and its charges out. Sans-IO; the only
// state is what a provider remembers between calls. What is refused has no charges.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "sim/provider/answer.h"
#include "sim/provider/call.h"
#include "sim/provider/prompt_cache.h"
#include "sim/provider/settings.h"

namespace weir::sim {

struct World {
    const Settings& settings;
    PromptCache cache;
    // Tokens of the conversation that a stored response ends (previous_response_id).
    std::unordered_map<std::string, std::int64_t> responses{};
    UnixTime now{};
};

Answer answer_chat(const Call& call, World& world);
Answer answer_completions(const Call& call, World& world);
Answer answer_embeddings(const Call& call, World& world);
Answer answer_responses(const Call& call, World& world);
Answer answer_input_tokens(const Call& call, World& world);
Answer answer_compact(const Call& call, World& world);
Answer answer_messages(const Call& call, World& world);
Answer answer_count_tokens(const Call& call, World& world);
Answer answer_models(const Call& call, bool anthropic);

Answer answer_call(const Call& call, bool anthropic, World& world);

// An error in the vendor's form; `type` empty: the one that goes with the status.
Answer error_answer(bool anthropic, int status, std::string_view message,
                    std::string_view request_id, std::string_view type = {});
// Headers that identify an answer, and say what the vendor's limits are.
void add_vendor_headers(bool anthropic, std::string_view request_id, Answer& answer);

// ---- shared by the dialects ----

// Chat's, completions' and responses' charges of one answer.
Charge openai_charge(const Call& call, const Prompt& prompt, const Draft& draft, World& world);
std::string openai_served_tier(const Call& call);
bool openai_reasons(const Call& call);
std::string model_served(const Call& call);
// A limit that must be a whole number from `least` on. nullopt: absent. Error: invalid_parameter.
Result<std::optional<std::int64_t>> limit_at(const Json& body, std::string_view key,
                                             std::int64_t least);
void add_stops(const Json& body, std::string_view key, Ask& ask);
Answer json_answer(const Json& body);
// Puts `usage` into the body of a whole answer as the faults have it, and notes where.
void set_usage(const Call& call, Json body, const Json& usage, const Json& half, Answer& answer);

}  // namespace weir::sim
