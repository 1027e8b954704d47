#include "sim/world/dialects.h"

#include <fmt/format.h>

#include "sim/world/sample_policy.h"

namespace weir::world {
namespace {

std::string chat_usage(const Spent& s) {
    std::int64_t prompt = s.input + s.cache_read + s.cache_write;
    return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                       R"("prompt_tokens_details":{{"cached_tokens":{}}},)"
                       R"("completion_tokens_details":{{"reasoning_tokens":0}}}})",
                       prompt, s.output, prompt + s.output, s.cache_read);
}

std::string responses_usage(const Spent& s) {
    std::int64_t input = s.input + s.cache_read + s.cache_write;
    return fmt::format(R"({{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{}}},)"
                       R"("output_tokens":{},"output_tokens_details":{{"reasoning_tokens":0}},)"
                       R"("total_tokens":{}}})",
                       input, s.cache_read, s.output, input + s.output);
}

std::string messages_usage(const Spent& s, std::int64_t output) {
    return fmt::format(
        R"({{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},)"
        R"("output_tokens":{}}})",
        s.input, s.cache_write, s.cache_read, output);
}

std::string data_event(std::string_view json) { return fmt::format("data: {}\n\n", json); }
std::string event(std::string_view name, std::string_view json) {
    return fmt::format("event: {}\ndata: {}\n\n", name, json);
}

std::string response_object(const Spent& s, std::string_view status, std::string_view usage) {
    return fmt::format(
        R"({{"id":"resp_1","object":"response","status":"{}","model":"{}",)"
        R"("service_tier":"default","output":[{{"type":"message","id":"msg_1",)"
        R"("role":"assistant","content":[{{"type":"output_text","text":"word"}}]}}],"usage":{}}})",
        status, s.model, usage);
}

}  // namespace

Int128 cost_of(const Spent& spent) {
    const ModelPrice* price = price_of(spent.model);
    if (price == nullptr) return 0;
    std::int64_t read = price->cache_read > 0 ? price->cache_read : price->input;
    std::int64_t write = price->cache_write > 0 ? price->cache_write : price->input;
    return Int128{spent.input} * price->input + Int128{spent.cache_read} * read +
           Int128{spent.cache_write} * write + Int128{spent.output} * price->output;
}

std::string chat_answer(const Spent& s) {
    return fmt::format(
        R"({{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"{}",)"
        R"("choices":[{{"index":0,"message":{{"role":"assistant","content":"word"}},)"
        R"("finish_reason":"stop"}}],"usage":{}}})",
        s.model, chat_usage(s));
}

std::string completion_answer(const Spent& s) {
    return fmt::format(
        R"({{"id":"cmpl-1","object":"text_completion","created":1,"model":"{}",)"
        R"("choices":[{{"index":0,"text":"word","finish_reason":"stop"}}],"usage":{}}})",
        s.model, chat_usage(s));
}

std::string responses_answer(const Spent& s) {
    return response_object(s, "completed", responses_usage(s));
}

std::string messages_answer(const Spent& s) {
    return fmt::format(R"({{"id":"msg_1","type":"message","role":"assistant","model":"{}",)"
                       R"("content":[{{"type":"text","text":"word"}}],"stop_reason":"end_turn",)"
                       R"("stop_sequence":null,"usage":{}}})",
                       s.model, messages_usage(s, s.output));
}

std::string embeddings_answer(const Spent& s) {
    return fmt::format(
        R"({{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[0.5]}}],)"
        R"("model":"{}","usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
        s.model, s.input, s.input);
}

std::vector<std::string> chat_events(const Spent& s, const StreamSays& says) {
    std::vector<std::string> events;
    std::string_view null_usage = says.usage ? R"(,"usage":null)" : "";
    auto delta = [&](std::string_view choice) {
        events.push_back(data_event(fmt::format(
            R"({{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"{}",)"
            R"("choices":[{}]{}}})",
            s.model, choice, null_usage)));
    };
    for (int i = 0; i < says.pieces; ++i) {
        delta(R"({"index":0,"delta":{"content":"word "},"finish_reason":null})");
    }
    delta(fmt::format(R"({{"index":0,"delta":{{}},"finish_reason":"{}"}})", says.finish));
    int times = says.usage ? (says.repeat_usage ? 2 : 1) : 0;
    for (int i = 0; i < times; ++i) {
        events.push_back(data_event(fmt::format(
            R"({{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"{}",)"
            R"("choices":[],"usage":{}}})",
            s.model, chat_usage(s))));
    }
    if (says.end) events.push_back(data_event("[DONE]"));
    return events;
}

std::vector<std::string> responses_events(const Spent& s, const StreamSays& says) {
    std::vector<std::string> events;
    int number = 0;
    auto add = [&](std::string_view name, std::string_view rest) {
        events.push_back(event(
            name, fmt::format(R"({{"type":"{}","sequence_number":{},{}}})", name, number++, rest)));
    };
    add("response.created",
        fmt::format(R"("response":{})", response_object(s, "in_progress", "null")));
    for (int i = 0; i < says.pieces; ++i) {
        add("response.output_text.delta",
            R"("item_id":"msg_1","output_index":0,"content_index":0,"delta":"word ")");
    }
    if (!says.end) return events;
    std::string usage = says.usage ? responses_usage(s) : "null";
    for (int i = 0; i < (says.repeat_usage ? 2 : 1); ++i) {
        add("response.completed",
            fmt::format(R"("response":{})", response_object(s, "completed", usage)));
    }
    return events;
}

std::vector<std::string> messages_events(const Spent& s, const StreamSays& says) {
    std::vector<std::string> events;
    events.push_back(
        event("message_start",
              fmt::format(R"({{"type":"message_start","message":{{"id":"msg_1","type":"message",)"
                          R"("role":"assistant","model":"{}","content":[],"stop_reason":null,)"
                          R"("stop_sequence":null{}}}}})",
                          s.model,
                          says.usage ? fmt::format(R"(,"usage":{})", messages_usage(s, 1)) : "")));
    events.push_back(event("content_block_start", R"({"type":"content_block_start","index":0,)"
                                                  R"("content_block":{"type":"text","text":""}})"));
    for (int i = 0; i < says.pieces; ++i) {
        events.push_back(event("content_block_delta",
                               R"({"type":"content_block_delta","index":0,)"
                               R"("delta":{"type":"text_delta","text":"word "}})"));
    }
    if (!says.end) return events;
    events.push_back(event("content_block_stop", R"({"type":"content_block_stop","index":0})"));
    for (int i = 0; i < (says.repeat_usage ? 2 : 1); ++i) {
        events.push_back(event(
            "message_delta",
            fmt::format(
                R"({{"type":"message_delta","delta":{{"stop_reason":"end_turn",)"
                R"("stop_sequence":null}}{}}})",
                says.usage ? fmt::format(R"(,"usage":{{"output_tokens":{}}})", s.output) : "")));
    }
    events.push_back(event("message_stop", R"({"type":"message_stop"})"));
    return events;
}

std::string chat_error_event() {
    return data_event(R"({"error":{"message":"the server had an error","type":"server_error"}})");
}
std::string responses_error_event() {
    return event("response.failed",
                 R"({"type":"response.failed","sequence_number":9,"response":{"id":"resp_1",)"
                 R"("object":"response","status":"failed","error":{"code":"server_error",)"
                 R"("message":"the server had an error"},"model":"sim-small","output":[],)"
                 R"("usage":null}})");
}
std::string messages_error_event() {
    return event("error",
                 R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})");
}

std::string openai_error(std::string_view type, std::string_view message) {
    return fmt::format(R"({{"error":{{"message":"{}","type":"{}","param":null,"code":null}}}})",
                       message, type);
}
std::string anthropic_error(std::string_view type, std::string_view message) {
    return fmt::format(R"({{"type":"error","error":{{"type":"{}","message":"{}"}}}})", type,
                       message);
}

}  // namespace weir::world
