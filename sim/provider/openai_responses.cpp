// POST /v1/responses, /v1/responses/input_tokens and /v1/responses/compact.
#include <algorithm>

#include "sim/provider/dialect.h"
#include "sim/provider/text.h"

namespace weir::sim {
namespace {

constexpr std::int64_t kSearchInput = 2400;  // tokens that the results of one search add
constexpr std::size_t kResponsesMost = 100'000;

void read_tools(const Json& body, Ask& ask) {
    for (const Json& entry : array_at(body, "tools")) {
        std::string type = string_at(entry, "type");
        if (type.starts_with("web_search")) ask.searches_most = 3;
        if (type != "function" && type != "custom") continue;
        Tool tool{.name = string_at(entry, "name"), .schema = Json{{"type", "object"}}};
        tool.custom = type == "custom";
        if (const Json* parameters = member(entry, "parameters")) tool.schema = *parameters;
        ask.tools.push_back(std::move(tool));
    }
    if (auto most = integer_at(body, "max_tool_calls")) {
        ask.searches_most = std::min(ask.searches_most, *most);
    }
    if (const Json* choice = member(body, "tool_choice")) {
        if (*choice == "none") ask.tool_choice = ToolChoice::none;
        if (*choice == "required") ask.tool_choice = ToolChoice::required;
        std::string name = string_at(*choice, "name");
        if (!name.empty()) {
            ask.tool_choice = ToolChoice::required;
            ask.forced_tool = std::move(name);
        }
    }
    const Json* parallel = member(body, "parallel_tool_calls");
    ask.parallel_tools = parallel == nullptr || flag_at(body, "parallel_tool_calls");
    for (const Json& item : array_at(body, "input")) {
        std::string type = string_at(item, "type");
        if (string_at(item, "role") == "user") ask.tool_rounds = 0;
        if (type == "function_call" || type == "custom_tool_call") ++ask.tool_rounds;
    }
}

Result<Ask> read_ask(const Call& call) {
    Ask ask;
    auto limit = limit_at(call.body, "max_output_tokens", 16);
    if (!limit) return std::unexpected(limit.error());
    ask.max_output = *limit;
    read_tools(call.body, ask);
    if (const Json* text = member(call.body, "text")) {
        if (const Json* format = member(*text, "format")) {
            ask.schema = member(*format, "schema");
            ask.json_object = string_at(*format, "type") == "json_object";
        }
    }
    ask.reasons = openai_reasons(call);
    return ask;
}

// The prompt, and what a stored response stands for.
Prompt read_prompt(const Call& call, World& world) {
    Prompt prompt = responses_prompt(call.body, world.settings.seed);
    std::string previous = string_at(call.body, "previous_response_id");
    if (auto found = world.responses.find(previous); found != world.responses.end()) {
        prompt.tokens += found->second;
        prompt.chain = hash_text(previous, prompt.chain);
    }
    return prompt;
}

Json usage_object(const Charge& charge, std::int64_t output, std::int64_t reasoning) {
    return Json{{"input_tokens", charge.prompt()},
                {"input_tokens_details", Json{{"cached_tokens", charge.cache_read},
                                              {"cache_write_tokens", charge.cache_write_short}}},
                {"output_tokens", output},
                {"output_tokens_details", Json{{"reasoning_tokens", reasoning}}},
                {"total_tokens", charge.prompt() + output}};
}

// The request's own setting, or what the vendor says where there is none.
Json setting(const Json& body, std::string_view key, const Json& otherwise) {
    const Json* given = member(body, key);
    return given != nullptr ? *given : otherwise;
}

class Response {
 public:
    Response(const Call& call, const Draft& draft, Charge charge, std::uint64_t seed,
             std::int64_t tokens_per_chunk)
        : call_(call),
          draft_(draft),
          choice_(draft.choices.front()),
          charge_(std::move(charge)),
          seed_(seed),
          tokens_per_chunk_(tokens_per_chunk) {}

    std::string id() const { return id_text("resp_sim", seed_, 40); }

    Answer whole() {
        Answer answer;
        set_usage(call_, finished(), final_usage(), half_usage(), answer);
        answer.pieces = draft_.tokens / tokens_per_chunk_ + 1;
        return answer;
    }

    Answer streamed() {
        answer_.stream = true;
        answer_.content_type = "text/event-stream; charset=utf-8";
        Json begun = envelope("in_progress");
        begun["service_tier"] = "auto";
        if (!call_.faults.has(Fault::no_usage)) begun["usage"] = nullptr;
        emit(Json{{"type", "response.created"}, {"response", begun}}, true);
        emit(Json{{"type", "response.in_progress"}, {"response", begun}});
        for (std::size_t i = 0; i < choice_.parts.size(); ++i) item(choice_.parts[i], i);
        end(std::move(begun));
        return std::move(answer_);
    }

 private:
    bool cut() const { return choice_.stop == Stop::length; }
    Json final_usage() const { return usage_object(charge_, draft_.tokens, draft_.reasoning); }
    Json half_usage() const {
        std::int64_t half = draft_.tokens / 2;
        return usage_object(charge_, half, std::min(half, draft_.reasoning));
    }
    std::string item_id(std::string_view prefix, std::size_t index) const {
        return id_text(prefix, seed_ + 17 * index + 5, 40);
    }

    Json envelope(std::string_view status) const {
        const Json& body = call_.body;
        Json incomplete;
        if (status == "incomplete") incomplete = Json{{"reason", "max_output_tokens"}};
        Json out{{"id", id()},
                 {"object", "response"},
                 {"created_at", call_.created},
                 {"status", status},
                 {"background", false},
                 {"error", nullptr},
                 {"incomplete_details", incomplete},
                 {"model", charge_.model},
                 {"output", Json::array()}};
        for (const char* key :
             {"instructions", "max_output_tokens", "max_tool_calls", "previous_response_id",
              "prompt_cache_key", "safety_identifier", "user"}) {
            out[key] = setting(body, key, nullptr);
        }
        out["parallel_tool_calls"] = setting(body, "parallel_tool_calls", true);
        out["reasoning"] =
            setting(body, "reasoning", Json{{"effort", nullptr}, {"summary", nullptr}});
        out["service_tier"] = charge_.tier;
        out["store"] = setting(body, "store", true);
        out["temperature"] = setting(body, "temperature", 1.0);
        out["text"] = setting(body, "text", Json{{"format", Json{{"type", "text"}}}});
        out["tool_choice"] = setting(body, "tool_choice", "auto");
        out["tools"] = setting(body, "tools", Json::array());
        out["top_p"] = setting(body, "top_p", 1.0);
        out["truncation"] = setting(body, "truncation", "disabled");
        out["metadata"] = setting(body, "metadata", Json::object());
        return out;
    }
    Json finished() const {
        Json body = envelope(cut() ? "incomplete" : "completed");
        for (std::size_t i = 0; i < choice_.parts.size(); ++i) {
            body["output"].push_back(item_object(choice_.parts[i], i, true));
        }
        if (draft_.searches > 0) {
            Json images{{"input_tokens", 0},
                        {"input_tokens_details", Json{{"image_tokens", 0}, {"text_tokens", 0}}},
                        {"output_tokens", 0},
                        {"total_tokens", 0}};
            body["tool_usage"] = Json{{"image_gen", std::move(images)},
                                      {"web_search", Json{{"num_requests", draft_.searches}}}};
        }
        return body;
    }

    // As it is added (empty) or done.
    Json item_object(const Part& part, std::size_t index, bool done) const {
        std::string_view status =
            done ? (cut() && last(index) ? "incomplete" : "completed") : "in_progress";
        switch (part.kind) {
            case Part::Kind::reasoning:
                return reasoning_item(index);
            case Part::Kind::search: {
                Json item{
                    {"id", item_id("ws_", index)}, {"type", "web_search_call"}, {"status", status}};
                item["action"] = Json{{"type", "search"}, {"query", part.text}};
                return item;
            }
            case Part::Kind::tool: {
                Json item{{"id", item_id(part.custom ? "ctc_" : "fc_", index)},
                          {"type", part.custom ? "custom_tool_call" : "function_call"},
                          {"status", status},
                          {"call_id", item_id("call_", index).substr(0, 29)},
                          {"name", part.name}};
                item[part.custom ? "input" : "arguments"] = done ? part.text : "";
                return item;
            }
            case Part::Kind::text:
            case Part::Kind::refusal:
                break;
        }
        Json content = Json::array();
        if (done) content.push_back(part_object(part, part.text));
        return Json{{"id", item_id("msg_", index)},
                    {"type", "message"},
                    {"status", status},
                    {"content", std::move(content)},
                    {"role", "assistant"}};
    }
    Json reasoning_item(std::size_t index) const {
        Json item{{"id", item_id("rs_", index)}, {"type", "reasoning"}, {"summary", Json::array()}};
        for (const Json& wanted : array_at(call_.body, "include")) {
            if (wanted == "reasoning.encrypted_content") {
                item["encrypted_content"] = id_text("gAAAA", seed_ + index, 120);
            }
        }
        return item;
    }
    static Json part_object(const Part& part, std::string_view text) {
        if (part.kind == Part::Kind::refusal) {
            return Json{{"type", "refusal"}, {"refusal", text}};
        }
        return Json{{"type", "output_text"},
                    {"annotations", Json::array()},
                    {"logprobs", Json::array()},
                    {"text", text}};
    }
    bool last(std::size_t index) const { return index + 1 == choice_.parts.size(); }

    void emit(Json data, bool paced = false, Step::Kind kind = Step::Kind::content) {
        std::string type = string_at(data, "type");
        data["sequence_number"] = sequence_++;
        answer_.steps.push_back({.bytes = "event: " + type + "\ndata: " + dump(data) + "\n\n",
                                 .output = generated_,
                                 .kind = kind,
                                 .paced = paced});
    }

    void item(const Part& part, std::size_t index) {
        emit(Json{{"type", "response.output_item.added"},
                  {"output_index", index},
                  {"item", item_object(part, index, false)}});
        switch (part.kind) {
            case Part::Kind::reasoning:
                silence(part);
                break;
            case Part::Kind::search:
                for (const char* state : {"in_progress", "searching", "completed"}) {
                    emit(at(std::string{"response.web_search_call."} + state, "ws_", index));
                }
                silence(part);
                break;
            case Part::Kind::tool:
                tool_call(part, index);
                break;
            case Part::Kind::text:
            case Part::Kind::refusal:
                message(part, index);
                break;
        }
        emit(Json{{"type", "response.output_item.done"},
                  {"output_index", index},
                  {"item", item_object(part, index, true)}});
    }
    // An event about an item.
    Json at(std::string type, std::string_view prefix, std::size_t index) const {
        return Json{{"type", std::move(type)},
                    {"output_index", index},
                    {"item_id", item_id(prefix, index)}};
    }
    // Time passes, and nothing is to be seen.
    void silence(const Part& part) {
        for (std::int64_t left = part.tokens; left > 0; left -= tokens_per_chunk_) {
            generated_ += std::min(left, tokens_per_chunk_);
            Step step;
            step.output = generated_;
            answer_.steps.push_back(std::move(step));
        }
    }
    void deltas(const Part& part, const Json& event) {
        std::int64_t left = part.tokens;
        auto pieces = pieces_of(part.text, tokens_per_chunk_);
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            bool is_last = i + 1 == pieces.size();
            std::int64_t tokens = is_last ? left : std::min(left, output_tokens(pieces[i]));
            left -= tokens;
            generated_ += tokens;
            Json one = event;
            one["delta"] = pieces[i];
            emit(std::move(one), true);
        }
    }
    void tool_call(const Part& part, std::size_t index) {
        std::string name =
            part.custom ? "response.custom_tool_call_input" : "response.function_call_arguments";
        std::string_view prefix = part.custom ? "ctc_" : "fc_";
        deltas(part, at(name + ".delta", prefix, index));
        Json done = at(name + ".done", prefix, index);
        done[part.custom ? "input" : "arguments"] = part.text;
        if (!part.custom) done["name"] = part.name;
        emit(std::move(done));
    }
    void message(const Part& part, std::size_t index) {
        bool text = part.kind == Part::Kind::text;
        std::string name = text ? "response.output_text" : "response.refusal";
        auto in_part = [&](std::string type) {
            Json event = at(std::move(type), "msg_", index);
            event["content_index"] = 0;
            return event;
        };
        Json added = in_part("response.content_part.added");
        added["part"] = part_object(part, "");
        emit(std::move(added));
        Json delta = in_part(name + ".delta");
        if (text) delta["logprobs"] = Json::array();
        deltas(part, delta);
        Json done = in_part(name + ".done");
        if (text) done["logprobs"] = Json::array();
        done[text ? "text" : "refusal"] = part.text;
        emit(std::move(done));
        Json ended = in_part("response.content_part.done");
        ended["part"] = part_object(part, part.text);
        emit(std::move(ended));
    }

    void end(Json begun) {
        const Faults& faults = call_.faults;
        if (faults.has(Fault::usage_twice) || faults.has(Fault::usage_every_chunk)) {
            begun["usage"] = half_usage();
            emit(Json{{"type", "response.in_progress"}, {"response", begun}});
        }
        Json body = finished();
        if (!faults.has(Fault::no_usage)) {
            body["usage"] = faults.has(Fault::usage_null) ? Json{} : final_usage();
        }
        emit(Json{{"type", cut() ? "response.incomplete" : "response.completed"},
                  {"response", std::move(body)}},
             false, Step::Kind::usage);
        if (faults.has(Fault::error_after_200)) prepare_failure();
    }
    void prepare_failure() {
        std::int64_t number = call_.faults.argument(Fault::error_after_200);
        Json error{{"type", "error"},
                   {"code", "server_error"},
                   {"message", "The server had an error."},
                   {"param", nullptr},
                   {"sequence_number", number}};
        Json body = envelope("failed");
        body["error"] = Json{{"code", "server_error"}, {"message", "The server had an error."}};
        body["usage"] = nullptr;
        Json failed{{"type", "response.failed"},
                    {"response", std::move(body)},
                    {"sequence_number", number + 1}};
        answer_.error_event = "event: error\ndata: " + dump(error) +
                              "\n\nevent: response.failed\ndata: " + dump(failed) + "\n\n";
    }

    const Call& call_;
    const Draft& draft_;
    const Choice& choice_;
    Charge charge_;
    std::uint64_t seed_;
    std::int64_t tokens_per_chunk_;
    std::int64_t sequence_ = 0;
    std::int64_t generated_ = 0;
    Answer answer_;
};

}  // namespace

Answer answer_responses(const Call& call, World& world) {
    auto ask = read_ask(call);
    if (!ask) return error_answer(false, 400, ask.error().message(), call.request_id);
    Prompt prompt = read_prompt(call, world);
    Draft draft = make_draft(*ask, call.wish, world.settings, prompt.chain);
    Charge charge = openai_charge(call, prompt, draft, world);
    charge.input += draft.searches * kSearchInput;
    Response response{call, draft, charge, prompt.chain, world.settings.tokens_per_chunk};
    Answer answer = call.streams() ? response.streamed() : response.whole();
    if (world.responses.size() > kResponsesMost) world.responses.clear();
    world.responses[response.id()] = prompt.tokens + draft.tokens - draft.reasoning;
    answer.charges.web_searches = draft.searches;
    answer.charges.lines.push_back(std::move(charge));
    return answer;
}

Answer answer_input_tokens(const Call& call, World& world) {
    return json_answer(Json{{"object", "response.input_tokens"},
                            {"input_tokens", read_prompt(call, world).tokens}});
}

Answer answer_compact(const Call& call, World& world) {
    Prompt prompt = read_prompt(call, world);
    Draft draft = make_draft(Ask{}, call.wish, world.settings, prompt.chain);
    Charge charge = openai_charge(call, prompt, draft, world);
    Json item{{"id", id_text("cmp_", prompt.chain, 40)},
              {"type", "compaction"},
              {"encrypted_content", draft.choices.front().parts.front().text}};
    Json body{{"id", id_text("resp_sim", prompt.chain, 40)},
              {"object", "response.compaction"},
              {"created_at", call.created},
              {"output", Json::array({std::move(item)})}};
    Answer answer;
    set_usage(call, std::move(body), usage_object(charge, draft.tokens, draft.reasoning),
              usage_object(charge, draft.tokens / 2, 0), answer);
    answer.charges.lines.push_back(std::move(charge));
    return answer;
}

}  // namespace weir::sim
