// POST /v1/messages and /v1/messages/count_tokens.
#include <algorithm>

#include "sim/provider/dialect.h"
#include "sim/provider/text.h"

namespace weir::sim {
namespace {

constexpr std::int64_t kSearchInput = 2400;  // tokens that the results of one search add

void read_tools(const Json& body, Ask& ask) {
    for (const Json& entry : array_at(body, "tools")) {
        std::string type = string_at(entry, "type");
        if (type.starts_with("web_search_")) {
            ask.searches_most +=
                std::clamp<std::int64_t>(integer_at(entry, "max_uses").value_or(5), 0, 20);
            continue;
        }
        Tool tool{.name = string_at(entry, "name"), .schema = Json{{"type", "object"}}};
        if (const Json* schema = member(entry, "input_schema")) tool.schema = *schema;
        ask.tools.push_back(std::move(tool));
    }
    if (const Json* choice = member(body, "tool_choice")) {
        std::string type = string_at(*choice, "type");
        if (type == "none") ask.tool_choice = ToolChoice::none;
        if (type == "any" || type == "tool") ask.tool_choice = ToolChoice::required;
        ask.forced_tool = string_at(*choice, "name");
        ask.parallel_tools = !flag_at(*choice, "disable_parallel_tool_use");
    }
}

bool holds(const Json& message, std::string_view type) {
    return std::ranges::any_of(array_at(message, "content"),
                               [&](const Json& block) { return string_at(block, "type") == type; });
}

void count_rounds(const Json& body, Ask& ask) {
    for (const Json& message : array_at(body, "messages")) {
        bool user = string_at(message, "role") == "user";
        if (user && !holds(message, "tool_result")) ask.tool_rounds = 0;
        if (!user && holds(message, "tool_use")) ++ask.tool_rounds;
    }
}

Result<Ask> read_ask(const Json& body) {
    Ask ask;
    if (array_at(body, "messages").empty()) {
        return fail(ErrorCode::invalid_parameter, "messages: at least one message is required");
    }
    auto limit = limit_at(body, "max_tokens", 0);
    if (!limit) return std::unexpected(limit.error());
    if (!*limit) return fail(ErrorCode::invalid_parameter, "max_tokens: Field required");
    ask.max_output = *limit;
    read_tools(body, ask);
    count_rounds(body, ask);
    add_stops(body, "stop_sequences", ask);
    if (const Json* thinking = member(body, "thinking")) {
        std::string type = string_at(*thinking, "type");
        ask.reasons = type == "enabled" || type == "adaptive";
        ask.reasoning_most = integer_at(*thinking, "budget_tokens").value_or(0);
    }
    const Json* format = member(body, "output_format");
    if (const Json* config = member(body, "output_config"); config && format == nullptr) {
        format = member(*config, "format");
    }
    if (format != nullptr) ask.schema = member(*format, "schema");
    return ask;
}

std::string_view stop_reason(Stop stop) {
    switch (stop) {
        case Stop::end:
            return "end_turn";
        case Stop::length:
            return "max_tokens";
        case Stop::tools:
            return "tool_use";
        case Stop::stop_sequence:
            return "stop_sequence";
        case Stop::refusal:
            return "refusal";
    }
    return "end_turn";
}

Charge anthropic_charge(const Call& call, const Prompt& prompt, const Draft& draft, World& world) {
    Charge charge;
    charge.model = model_served(call);
    charge.tier = call.served_tier.empty() ? "standard" : call.served_tier;
    charge.geo = string_at(call.body, "inference_geo");
    charge.speed = string_at(call.body, "speed");
    charge.output = draft.tokens;
    charge.reasoning = draft.reasoning;
    CacheUse use;
    if (world.settings.caching) use = world.cache.use_marked(prompt, world.now);
    charge.cache_read = use.read;
    charge.cache_write_short = use.write_short;
    charge.cache_write_long = use.write_long;
    charge.input = prompt.tokens - use.read - use.write_short - use.write_long;
    return charge;
}

Json usage_object(const Charge& charge, std::int64_t output, std::int64_t reasoning,
                  std::int64_t searches) {
    Json usage{{"input_tokens", charge.input + charge.input_audio},
               {"cache_creation_input_tokens", charge.cache_write_short + charge.cache_write_long},
               {"cache_read_input_tokens", charge.cache_read},
               {"cache_creation", Json{{"ephemeral_5m_input_tokens", charge.cache_write_short},
                                       {"ephemeral_1h_input_tokens", charge.cache_write_long}}},
               {"output_tokens", output},
               {"service_tier", charge.tier},
               {"inference_geo", charge.geo.empty() ? "not_available" : charge.geo}};
    if (reasoning > 0) usage["output_tokens_details"] = Json{{"thinking_tokens", reasoning}};
    if (searches > 0) {
        usage["server_tool_use"] =
            Json{{"web_search_requests", searches}, {"web_fetch_requests", 0}};
    }
    if (!charge.speed.empty()) usage["speed"] = charge.speed;
    return usage;
}

// What other models, or other passes, add to the bill and not to the usage's top level.
void add_iterations(const Call& call, Charges& charges) {
    Charge& main = charges.lines.front();
    Charge more;
    more.model = main.model;
    more.tier = main.tier;
    if (call.iterations == "compaction") {
        more.role = "compaction";
        more.input = 3 * main.prompt() + 500;
        more.output = 200;
    } else if (call.iterations == "advisor") {
        more.role = "advisor";
        more.model = "claude-opus-5-5";
        more.input = main.prompt();
        more.output = 150;
    } else if (call.iterations == "fallback") {
        more.role = "declined_hop";
        more.input = main.prompt();
        main.role = "fallback";
        main.model = "claude-sonnet-5";
    } else {
        return;
    }
    charges.lines.push_back(std::move(more));
}

Json iteration_object(const Charge& charge, std::int64_t output) {
    std::string_view type = "message";
    if (charge.role == "fallback") type = "fallback_message";
    if (charge.role == "advisor") type = "advisor_message";
    if (charge.role == "compaction") type = "compaction";
    Json usage = usage_object(charge, output, 0, 0);
    Json out{{"type", type}};
    if (type != "compaction") out["model"] = charge.model;
    for (const char* key : {"input_tokens", "cache_creation_input_tokens",
                            "cache_read_input_tokens", "cache_creation", "output_tokens"}) {
        out[key] = usage[key];
    }
    return out;
}

class Message {
 public:
    Message(const Call& call, const Draft& draft, const Charges& charges, std::uint64_t seed,
            std::int64_t tokens_per_chunk)
        : call_(call),
          draft_(draft),
          choice_(draft.choices.front()),
          charges_(charges),
          charge_(charges.lines.front()),
          seed_(seed),
          tokens_per_chunk_(tokens_per_chunk) {}

    Answer whole() {
        Json body = envelope();
        for (std::size_t i = 0; i < choice_.parts.size(); ++i) {
            for (Json& block : blocks_of(choice_.parts[i], i)) {
                body["content"].push_back(std::move(block));
            }
        }
        set_stop(body);
        Answer answer;
        set_usage(call_, std::move(body), final_usage(), usage_after(draft_.tokens / 2), answer);
        answer.pieces = draft_.tokens / tokens_per_chunk_ + 1;
        return answer;
    }

    Answer streamed() {
        answer_.stream = true;
        answer_.content_type = "text/event-stream; charset=utf-8";
        start();
        for (std::size_t i = 0; i < choice_.parts.size(); ++i) part(choice_.parts[i], i);
        end();
        return std::move(answer_);
    }

 private:
    Json envelope() const {
        return Json{{"model", charge_.model},   {"id", id_text("msg_sim", seed_, 21)},
                    {"type", "message"},        {"role", "assistant"},
                    {"content", Json::array()}, {"stop_reason", nullptr},
                    {"stop_sequence", nullptr}};
    }
    void set_stop(Json& to) const {
        to["stop_reason"] = stop_reason(choice_.stop);
        Json sequence;
        if (choice_.stop == Stop::stop_sequence) sequence = choice_.stop_sequence;
        to["stop_sequence"] = sequence;
        if (choice_.stop == Stop::refusal) {
            to["stop_details"] = Json{{"type", "refusal"},
                                      {"category", "cyber"},
                                      {"explanation", "The simulated policy declines this."}};
        }
    }
    Json usage_after(std::int64_t output) const {
        return usage_object(charge_, output, std::min(output, draft_.reasoning), draft_.searches);
    }
    Json final_usage() const {
        Json usage = usage_after(draft_.tokens);
        if (charges_.lines.size() > 1) {
            bool declined = charges_.lines[1].role == "declined_hop";
            Json first = iteration_object(charge_, draft_.tokens);
            Json second = iteration_object(charges_.lines[1], charges_.lines[1].output);
            bool second_came_first = declined || charges_.lines[1].role == "compaction";
            if (second_came_first) std::swap(first, second);
            usage["iterations"] = Json::array({std::move(first), std::move(second)});
        }
        return usage;
    }
    std::string tool_id(std::string_view prefix, std::size_t part) const {
        return id_text(prefix, seed_ + part + 1, 22);
    }

    // A search is two blocks: the call and its results.
    std::vector<Json> blocks_of(const Part& part, std::size_t index) const {
        std::string signature = id_text("", seed_ ^ index, 64);
        switch (part.kind) {
            case Part::Kind::reasoning:
                return {
                    Json{{"type", "thinking"}, {"thinking", part.text}, {"signature", signature}}};
            case Part::Kind::text:
                return {Json{{"type", "text"}, {"text", part.text}}};
            case Part::Kind::refusal:
                return {};
            case Part::Kind::tool:
                return {Json{{"type", "tool_use"},
                             {"id", tool_id("toolu_sim", index)},
                             {"name", part.name},
                             {"input", Json::parse(part.text, nullptr, false)},
                             {"caller", Json{{"type", "direct"}}}}};
            case Part::Kind::search:
                return {search_call(part, index), search_result(index)};
        }
        return {};
    }
    Json search_call(const Part& part, std::size_t index) const {
        return Json{{"type", "server_tool_use"},
                    {"id", tool_id("srvtoolu_sim", index)},
                    {"name", "web_search"},
                    {"input", Json{{"query", part.text}}},
                    {"caller", Json{{"type", "direct"}}}};
    }
    Json search_result(std::size_t index) const {
        Json result{{"type", "web_search_result"},
                    {"title", "A page about weirs"},
                    {"url", "https://example.com/weirs"},
                    {"encrypted_content", id_text("", seed_ ^ (index + 99), 80)},
                    {"page_age", nullptr}};
        return Json{{"type", "web_search_tool_result"},
                    {"tool_use_id", tool_id("srvtoolu_sim", index)},
                    {"content", Json::array({std::move(result)})},
                    {"caller", Json{{"type", "direct"}}}};
    }

    void emit(std::string_view name, const Json& data, Step::Kind kind = Step::Kind::content,
              bool paced = false) {
        std::string bytes{"event: "};
        bytes.append(name).append("\ndata: ").append(dump(data)).append("\n\n");
        answer_.steps.push_back({.bytes = std::move(bytes),
                                 .output = std::max(generated_, started_with_),
                                 .kind = kind,
                                 .paced = paced});
    }

    void start() {
        const Faults& faults = call_.faults;
        Json message = envelope();
        started_with_ = std::min<std::int64_t>(draft_.tokens, 1);
        Json usage = usage_object(charge_, started_with_, 0, 0);
        std::int64_t raised = faults.argument(Fault::raise_input) + draft_.searches * kSearchInput;
        if (raised > 0) usage["input_tokens"] = charge_.input - raised;
        if (faults.has(Fault::no_message_delta)) {
            usage = final_usage();
            set_stop(message);
            for (std::size_t i = 0; i < choice_.parts.size(); ++i) {
                for (Json& block : blocks_of(choice_.parts[i], i)) {
                    message["content"].push_back(std::move(block));
                }
            }
            generated_ = draft_.tokens;
        }
        if (faults.has(Fault::usage_null)) usage = nullptr;
        if (!faults.has(Fault::no_usage)) message["usage"] = std::move(usage);
        emit("message_start", Json{{"type", "message_start"}, {"message", std::move(message)}},
             faults.has(Fault::no_message_delta) ? Step::Kind::usage : Step::Kind::content, true);
        if (!faults.has(Fault::no_message_delta)) emit("ping", Json{{"type", "ping"}});
    }

    void part(const Part& part, std::size_t index) {
        if (call_.faults.has(Fault::no_message_delta)) return;
        auto blocks = blocks_of(part, index);
        if (blocks.empty()) {  // a refusal shows nothing
            generated_ += part.tokens;
            return;
        }
        Json signature =
            blocks.front().contains("signature") ? blocks.front()["signature"] : Json{};
        for (Json& block : blocks) {
            bool result = string_at(block, "type") == "web_search_tool_result";
            if (!result) empty(block);
            emit("content_block_start", Json{{"type", "content_block_start"},
                                             {"index", block_},
                                             {"content_block", std::move(block)}});
            if (!result) deltas(part);
            if (!signature.is_null()) {
                delta(Json{{"type", "signature_delta"}, {"signature", signature}}, false);
            }
            emit("content_block_stop", Json{{"type", "content_block_stop"}, {"index", block_}});
            ++block_;
        }
    }
    // What a block is when it starts.
    static void empty(Json& block) {
        for (const char* key : {"text", "thinking", "signature"}) {
            if (block.contains(key)) block[key] = "";
        }
        if (block.contains("input")) block["input"] = Json::object();
    }
    void delta(Json value, bool paced) {
        emit("content_block_delta",
             Json{{"type", "content_block_delta"}, {"index", block_}, {"delta", std::move(value)}},
             Step::Kind::content, paced);
        if (call_.faults.has(Fault::usage_every_chunk)) usage_event(usage_after(generated_), false);
    }
    void deltas(const Part& part) {
        std::string text = part.text;
        if (part.kind == Part::Kind::search) text = dump(Json{{"query", part.text}});
        bool json = part.kind == Part::Kind::tool || part.kind == Part::Kind::search;
        if (json) delta(Json{{"type", "input_json_delta"}, {"partial_json", ""}}, false);
        std::int64_t left = part.tokens;
        auto pieces = pieces_of(text, tokens_per_chunk_);
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            bool last = i + 1 == pieces.size();
            std::int64_t tokens = last ? left : std::min(left, output_tokens(pieces[i]));
            left -= tokens;
            generated_ += tokens;
            if (json) {
                delta(Json{{"type", "input_json_delta"}, {"partial_json", pieces[i]}}, true);
            } else if (part.kind == Part::Kind::reasoning) {
                delta(Json{{"type", "thinking_delta"}, {"thinking", pieces[i]}}, true);
            } else {
                delta(Json{{"type", "text_delta"}, {"text", pieces[i]}}, true);
            }
        }
    }

    void usage_event(Json usage, bool final) {
        Json change{{"stop_reason", nullptr}, {"stop_sequence", nullptr}};
        if (final) set_stop(change);
        Json data{{"type", "message_delta"}, {"delta", std::move(change)}};
        if (usage.is_object()) usage.erase("cache_creation");  // as in the recordings
        if (!call_.faults.has(Fault::no_usage)) data["usage"] = std::move(usage);
        emit("message_delta", std::move(data), final ? Step::Kind::usage : Step::Kind::content);
    }

    void end() {
        const Faults& faults = call_.faults;
        if (!faults.has(Fault::no_message_delta)) {
            if (faults.has(Fault::two_message_delta) || faults.has(Fault::usage_twice)) {
                usage_event(usage_after(generated_ / 2), false);
            }
            usage_event(faults.has(Fault::usage_null) ? Json{} : final_usage(), true);
        }
        emit("message_stop", Json{{"type", "message_stop"}}, Step::Kind::end);
    }

    const Call& call_;
    const Draft& draft_;
    const Choice& choice_;
    const Charges& charges_;
    const Charge& charge_;
    std::uint64_t seed_;
    std::int64_t tokens_per_chunk_;
    std::int64_t generated_ = 0;
    std::int64_t started_with_ = 0;  // output that message_start tells of
    std::size_t block_ = 0;
    Answer answer_;
};

}  // namespace

Answer answer_messages(const Call& call, World& world) {
    auto ask = read_ask(call.body);
    if (!ask) return error_answer(true, 400, ask.error().message(), call.request_id);
    Prompt prompt = anthropic_prompt(call.body, world.settings.seed);
    Draft draft = make_draft(*ask, call.wish, world.settings, prompt.chain);
    Charges charges;
    charges.lines.push_back(anthropic_charge(call, prompt, draft, world));
    charges.web_searches = draft.searches;
    // The results of a search are read too, and so is what a fault adds.
    charges.lines.front().input +=
        draft.searches * kSearchInput + call.faults.argument(Fault::raise_input);
    add_iterations(call, charges);
    Message message{call, draft, charges, prompt.chain, world.settings.tokens_per_chunk};
    Answer answer = call.streams() ? message.streamed() : message.whole();
    answer.charges = std::move(charges);
    return answer;
}

Answer answer_count_tokens(const Call& call, World& world) {
    return json_answer(
        Json{{"input_tokens", anthropic_prompt(call.body, world.settings.seed).tokens}});
}

}  // namespace weir::sim
