// POST /v1/chat/completions.
#include <algorithm>
#include <deque>

#include "sim/provider/dialect.h"
#include "sim/provider/text.h"

namespace weir::sim {
namespace {

Tool tool_of(const Json& entry) {
    Tool tool;
    if (const Json* custom = member(entry, "custom")) {
        tool.name = string_at(*custom, "name");
        tool.custom = true;
        return tool;
    }
    const Json* function = member(entry, "function");
    const Json& shape = function != nullptr ? *function : entry;  // `functions` has no wrapper
    tool.name = string_at(shape, "name");
    if (const Json* parameters = member(shape, "parameters")) tool.schema = *parameters;
    if (!tool.schema.is_object()) tool.schema = Json{{"type", "object"}};
    return tool;
}

void read_tools(const Json& body, Ask& ask) {
    for (const char* key : {"tools", "functions"}) {
        for (const Json& entry : array_at(body, key)) ask.tools.push_back(tool_of(entry));
    }
    for (const char* key : {"tool_choice", "function_call"}) {
        const Json* choice = member(body, key);
        if (choice == nullptr) continue;
        if (*choice == "none") ask.tool_choice = ToolChoice::none;
        if (*choice == "required") ask.tool_choice = ToolChoice::required;
        if (!choice->is_object()) continue;
        if (const Json* allowed = member(*choice, "allowed_tools")) {
            if (string_at(*allowed, "mode") == "required") ask.tool_choice = ToolChoice::required;
            continue;
        }
        ask.tool_choice = ToolChoice::required;
        ask.forced_tool = tool_of(*choice).name;
    }
    const Json* parallel = member(body, "parallel_tool_calls");
    ask.parallel_tools = parallel == nullptr || flag_at(body, "parallel_tool_calls");
    for (const Json& message : array_at(body, "messages")) {
        if (string_at(message, "role") == "user") ask.tool_rounds = 0;
        if (member(message, "tool_calls") != nullptr) ++ask.tool_rounds;
    }
}

Result<Ask> read_ask(const Call& call) {
    const Json& body = call.body;
    Ask ask;
    if (array_at(body, "messages").empty()) {
        return fail(ErrorCode::invalid_parameter, "Missing required parameter: 'messages'.");
    }
    for (const char* key : {"max_tokens", "max_completion_tokens"}) {
        auto limit = limit_at(body, key, 1);
        if (!limit) return std::unexpected(limit.error());
        if (*limit) ask.max_output = std::max(ask.max_output.value_or(0), **limit);
    }
    auto n = limit_at(body, "n", 1);
    if (!n) return std::unexpected(n.error());
    ask.choices = std::min<std::int64_t>(n->value_or(1), 128);
    read_tools(body, ask);
    if (const Json* format = member(body, "response_format")) {
        ask.json_object = string_at(*format, "type") == "json_object";
        if (const Json* named = member(*format, "json_schema")) {
            ask.schema = member(*named, "schema");
        }
    }
    add_stops(body, "stop", ask);
    ask.reasons = openai_reasons(call);
    return ask;
}

std::string_view finish_reason(Stop stop) {
    if (stop == Stop::length) return "length";
    return stop == Stop::tools ? "tool_calls" : "stop";
}

Json usage_object(const Charge& charge, std::int64_t output, std::int64_t reasoning) {
    Json prompt{{"cached_tokens", charge.cache_read}, {"audio_tokens", charge.input_audio}};
    if (charge.cache_write_short > 0) prompt["cache_write_tokens"] = charge.cache_write_short;
    Json completion{{"reasoning_tokens", reasoning},
                    {"audio_tokens", 0},
                    {"accepted_prediction_tokens", 0},
                    {"rejected_prediction_tokens", 0}};
    return Json{{"prompt_tokens", charge.prompt()},
                {"completion_tokens", output},
                {"total_tokens", charge.prompt() + output},
                {"prompt_tokens_details", std::move(prompt)},
                {"completion_tokens_details", std::move(completion)}};
}

class ChatAnswer {
 public:
    ChatAnswer(const Call& call, const Draft& draft, Charge charge, std::uint64_t seed,
               std::int64_t tokens_per_chunk)
        : call_(call),
          draft_(draft),
          charge_(std::move(charge)),
          seed_(seed),
          tokens_per_chunk_(tokens_per_chunk) {}

    Answer whole() {
        Json body = envelope("chat.completion");
        for (std::size_t i = 0; i < draft_.choices.size(); ++i) {
            const Choice& choice = draft_.choices[i];
            body["choices"].push_back(Json{{"index", i},
                                           {"message", message_of(choice, i)},
                                           {"logprobs", nullptr},
                                           {"finish_reason", finish_reason(choice.stop)}});
        }
        body["service_tier"] = charge_.tier;
        body["system_fingerprint"] = id_text("fp_", 7, 10);
        Answer answer;
        set_usage(call_, std::move(body), final_usage(), usage_after(draft_.tokens / 2), answer);
        answer.pieces = draft_.tokens / tokens_per_chunk_ + 1;
        return answer;
    }

    Answer streamed() {
        answer_.stream = true;
        answer_.content_type = "text/event-stream; charset=utf-8";
        if (const Json* options = member(call_.body, "stream_options")) {
            include_usage_ = flag_at(*options, "include_usage");
        }
        if (call_.faults.has(Fault::prompt_filter)) write_prompt_filter();
        std::deque<std::deque<Chunk>> choices;
        for (std::size_t i = 0; i < draft_.choices.size(); ++i) choices.push_back(chunks_of(i));
        while (!choices.empty()) {  // the choices take turns
            for (auto& chunks : choices) {
                write(chunks.front());
                chunks.pop_front();
            }
            std::erase_if(choices, [](const auto& chunks) { return chunks.empty(); });
        }
        end();
        return std::move(answer_);
    }

 private:
    struct Chunk {
        Json choices;             // null: nothing to be seen, as with reasoning
        std::int64_t tokens = 0;  // generated for it
    };

    Json envelope(std::string_view object) const {
        return Json{{"id", id_text("chatcmpl-sim", seed_, 24)},
                    {"object", object},
                    {"created", call_.created},
                    {"model", charge_.model},
                    {"choices", Json::array()}};
    }
    Json final_usage() const { return usage_object(charge_, draft_.tokens, draft_.reasoning); }
    Json usage_after(std::int64_t output) const {
        return usage_object(charge_, output, std::min(output, draft_.reasoning));
    }
    std::string tool_id(std::size_t choice, std::size_t part) const {
        return id_text("call_", seed_ + 31 * choice + part + 1, 24);
    }

    Json message_of(const Choice& choice, std::size_t index) const {
        Json content;
        Json refusal;
        Json calls = Json::array();
        for (std::size_t i = 0; i < choice.parts.size(); ++i) {
            const Part& part = choice.parts[i];
            if (part.kind == Part::Kind::text) content = part.text;
            if (part.kind == Part::Kind::refusal) refusal = part.text;
            if (part.kind == Part::Kind::tool)
                calls.push_back(call_object(part, tool_id(index, i)));
        }
        Json message{{"role", "assistant"},
                     {"content", content},
                     {"refusal", refusal},
                     {"annotations", Json::array()}};
        if (!calls.empty()) message["tool_calls"] = std::move(calls);
        return message;
    }
    static Json call_object(const Part& part, std::string id) {
        Json call{{"id", std::move(id)}, {"type", part.custom ? "custom" : "function"}};
        if (part.custom) {
            call["custom"] = Json{{"name", part.name}, {"input", part.text}};
        } else {
            call["function"] = Json{{"name", part.name}, {"arguments", part.text}};
        }
        return call;
    }

    static Json choice_chunk(std::size_t index, Json delta, Json finish = nullptr) {
        return Json::array({Json{{"index", index},
                                 {"delta", std::move(delta)},
                                 {"logprobs", nullptr},
                                 {"finish_reason", std::move(finish)}}});
    }

    std::deque<Chunk> chunks_of(std::size_t index) const {
        const Choice& choice = draft_.choices[index];
        std::deque<Chunk> out;
        Json role{{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}};
        if (choice.has(Part::Kind::tool)) role["content"] = nullptr;
        out.push_back({.choices = choice_chunk(index, std::move(role))});
        std::size_t tools = 0;
        for (std::size_t i = 0; i < choice.parts.size(); ++i) {
            const Part& part = choice.parts[i];
            if (part.kind == Part::Kind::tool) {
                Json call = call_object(part, tool_id(index, i));
                call[part.custom ? "custom" : "function"][part.custom ? "input" : "arguments"] = "";
                Json numbered{{"index", tools}};
                numbered.update(call);
                out.push_back({.choices = choice_chunk(
                                   index, Json{{"tool_calls", Json::array({numbered})}})});
            }
            add_pieces(part, index, tools, out);
            if (part.kind == Part::Kind::tool) ++tools;
        }
        out.push_back({.choices = choice_chunk(index, Json::object(), finish_reason(choice.stop))});
        return out;
    }

    void add_pieces(const Part& part, std::size_t index, std::size_t tool,
                    std::deque<Chunk>& out) const {
        std::int64_t left = part.tokens;
        auto pieces = pieces_of(part.text, tokens_per_chunk_);
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            bool last = i + 1 == pieces.size();
            std::int64_t tokens = last ? left : std::min(left, output_tokens(pieces[i]));
            left -= tokens;
            Json delta = delta_of(part, pieces[i], tool);
            Json choices = delta.is_null() ? Json{} : choice_chunk(index, std::move(delta));
            out.push_back({.choices = std::move(choices), .tokens = tokens});
        }
    }
    static Json delta_of(const Part& part, std::string_view piece, std::size_t tool) {
        switch (part.kind) {
            case Part::Kind::text:
                return Json{{"content", piece}};
            case Part::Kind::refusal:
                return Json{{"refusal", piece}};
            case Part::Kind::tool: {
                Json call{{"index", tool}};
                call[part.custom ? "custom" : "function"] =
                    Json{{part.custom ? "input" : "arguments", piece}};
                return Json{{"tool_calls", Json::array({std::move(call)})}};
            }
            case Part::Kind::reasoning:
            case Part::Kind::search:
                return nullptr;
        }
        return nullptr;
    }

    void write(const Chunk& chunk) {
        generated_ += chunk.tokens;
        Step step;
        step.output = generated_;
        if (!chunk.choices.is_null()) {
            Json body = envelope("chat.completion.chunk");
            body["choices"] = chunk.choices;
            if (call_.faults.has(Fault::usage_every_chunk)) {
                body["usage"] = usage_after(generated_);
            } else if (include_usage_ && !call_.faults.has(Fault::no_usage)) {
                body["usage"] = nullptr;
            }
            step.bytes = event(std::move(body));
        }
        answer_.steps.push_back(std::move(step));
    }
    std::string event(Json body) const {
        body["service_tier"] = charge_.tier;
        body["system_fingerprint"] = id_text("fp_", 7, 10);
        return "data: " + dump(body) + "\n\n";
    }
    void write_prompt_filter() {
        Json safe{{"hate", Json{{"filtered", false}, {"severity", "safe"}}}};
        Json result{{"prompt_index", 0}, {"content_filter_results", std::move(safe)}};
        Json body{{"choices", Json::array()},
                  {"created", 0},
                  {"id", ""},
                  {"model", ""},
                  {"object", ""},
                  {"prompt_filter_results", Json::array({std::move(result)})}};
        answer_.steps.push_back({.bytes = "data: " + dump(body) + "\n\n"});
    }
    void write_usage(Json usage) {
        Json body = envelope("chat.completion.chunk");
        body["usage"] = std::move(usage);
        answer_.steps.push_back({.bytes = event(std::move(body)),
                                 .output = generated_,
                                 .kind = Step::Kind::usage,
                                 .paced = false});
    }

    void end() {
        const Faults& faults = call_.faults;
        bool every = faults.has(Fault::usage_every_chunk);
        if (every && !answer_.steps.empty()) answer_.steps.back().kind = Step::Kind::usage;
        if (include_usage_ && !faults.has(Fault::no_usage)) {
            if (faults.has(Fault::usage_twice)) write_usage(usage_after(generated_ / 2));
            write_usage(faults.has(Fault::usage_null) ? Json{} : final_usage());
        }
        answer_.steps.push_back({.bytes = "data: [DONE]\n\n",
                                 .output = generated_,
                                 .kind = Step::Kind::end,
                                 .paced = false});
    }

    const Call& call_;
    const Draft& draft_;
    Charge charge_;
    std::uint64_t seed_;
    std::int64_t tokens_per_chunk_;
    bool include_usage_ = false;
    std::int64_t generated_ = 0;
    Answer answer_;
};

}  // namespace

Answer answer_chat(const Call& call, World& world) {
    auto ask = read_ask(call);
    if (!ask) return error_answer(false, 400, ask.error().message(), call.request_id);
    Prompt prompt = chat_prompt(call.body, world.settings.seed);
    Draft draft = make_draft(*ask, call.wish, world.settings, prompt.chain);
    Charge charge = openai_charge(call, prompt, draft, world);
    ChatAnswer chat{call, draft, charge, prompt.chain, world.settings.tokens_per_chunk};
    Answer answer = call.streams() ? chat.streamed() : chat.whole();
    answer.charges.lines.push_back(std::move(charge));
    return answer;
}

}  // namespace weir::sim
