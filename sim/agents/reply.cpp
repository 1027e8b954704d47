#include "codec/sse.h"
#include "sim/agents/render.h"
#include "sim/provider/json.h"

namespace weir::agents {
namespace {

using sim::array_at;
using sim::Json;
using sim::member;
using sim::string_at;

void add_text(std::string text, std::vector<Message>& out) {
    if (text.empty()) return;
    out.push_back({Message::Kind::assistant, Passage{.said = std::move(text)}});
}

void add_tool_call(std::string id, std::string name, std::string arguments,
                   std::vector<Message>& out) {
    Passage text{.said = arguments.empty() ? "{}" : std::move(arguments)};
    out.push_back({Message::Kind::tool_call, std::move(text), std::move(id), std::move(name)});
}

// Of one choice of a chat answer.
void read_chat(const Json& message, std::vector<Message>& out) {
    add_text(string_at(message, "content"), out);
    for (const Json& call : array_at(message, "tool_calls")) {
        const Json* function = member(call, "function");
        if (function == nullptr) continue;
        add_tool_call(string_at(call, "id"), string_at(*function, "name"),
                      string_at(*function, "arguments"), out);
    }
}

void read_responses(const Json& body, std::vector<Message>& out) {
    for (const Json& item : array_at(body, "output")) {
        for (const Json& content : array_at(item, "content")) {
            add_text(string_at(content, "text"), out);
        }
    }
}

void read_anthropic(const Json& body, std::vector<Message>& out) {
    for (const Json& block : array_at(body, "content")) {
        std::string type = string_at(block, "type");
        if (type == "text") add_text(string_at(block, "text"), out);
        if (type != "tool_use") continue;
        const Json* input = member(block, "input");
        add_tool_call(string_at(block, "id"), string_at(block, "name"),
                      input == nullptr ? "{}" : sim::dump(*input), out);
    }
}

// ---- streams: their deltas put together to the whole answer's form ---------------------------

void append_to(Json& object, std::string_view key, const std::string& text) {
    std::string name{key};
    object[name] = string_at(object, key) + text;
}

class ChatStream {
 public:
    void on_event(const Json& event) {
        for (const Json& choice : array_at(event, "choices")) {
            if (const Json* delta = member(choice, "delta")) add(*delta);
        }
    }
    void read(std::vector<Message>& out) const { read_chat(message_, out); }

 private:
    void add(const Json& delta) {
        append_to(message_, "content", string_at(delta, "content"));
        for (const Json& part : array_at(delta, "tool_calls")) {
            auto index = static_cast<std::size_t>(sim::integer_at(part, "index").value_or(0));
            Json& calls = message_["tool_calls"];
            while (calls.size() <= index) calls.push_back(Json{{"function", Json::object()}});
            Json& call = calls[index];
            append_to(call, "id", string_at(part, "id"));
            const Json* function = member(part, "function");
            if (function == nullptr) continue;
            append_to(call["function"], "name", string_at(*function, "name"));
            append_to(call["function"], "arguments", string_at(*function, "arguments"));
        }
    }
    Json message_ = Json::object();
};

class AnthropicStream {
 public:
    void on_event(const Json& event) {
        std::string type = string_at(event, "type");
        const Json* block = member(event, "content_block");
        const Json* delta = member(event, "delta");
        if (type == "content_block_start" && block != nullptr) {
            blocks_.push_back(*block);
            input_.clear();
        } else if (type == "content_block_delta" && delta != nullptr && !blocks_.empty()) {
            if (auto text = string_at(*delta, "text"); !text.empty()) {
                append_to(blocks_.back(), "text", text);
            }
            input_ += string_at(*delta, "partial_json");
        } else if (type == "content_block_stop" && !input_.empty()) {
            Json input = Json::parse(input_, nullptr, false);
            if (input.is_object()) blocks_.back()["input"] = std::move(input);
        }
    }
    void read(std::vector<Message>& out) const { read_anthropic(Json{{"content", blocks_}}, out); }

 private:
    Json blocks_ = Json::array();
    std::string input_;
};

class ResponsesStream {
 public:
    void on_event(const Json& event) {
        const Json* response = member(event, "response");
        if (response != nullptr && string_at(event, "type") == "response.completed") {
            whole_ = *response;
        }
    }
    void read(std::vector<Message>& out) const { read_responses(whole_, out); }

 private:
    Json whole_;
};

// False: the stream told an error, or was no stream.
template <class Stream>
bool read_stream(std::string_view body, std::vector<Message>& out) {
    Stream stream;
    codec::SseParser parser;
    codec::SseEvent event;
    bool good = true;
    parser.feed(body);
    for (auto next = parser.next(event); next && *next; next = parser.next(event)) {
        Json data = Json::parse(event.data, nullptr, false);
        if (!data.is_object()) continue;
        good = good && member(data, "error") == nullptr;
        stream.on_event(data);
    }
    stream.read(out);
    return good && !out.empty();
}

bool read_stream(const Ask& ask, std::string_view body, std::vector<Message>& out) {
    switch (ask.endpoint) {
        case core::Endpoint::messages:
            return read_stream<AnthropicStream>(body, out);
        case core::Endpoint::responses:
            return read_stream<ResponsesStream>(body, out);
        default:
            return read_stream<ChatStream>(body, out);
    }
}

bool read_whole(const Ask& ask, std::string_view text, std::vector<Message>& out) {
    Json body = Json::parse(text, nullptr, false);
    if (!body.is_object()) return false;
    switch (ask.endpoint) {
        case core::Endpoint::messages:
            read_anthropic(body, out);
            break;
        case core::Endpoint::responses:
            read_responses(body, out);
            break;
        default:
            for (const Json& choice : array_at(body, "choices")) {
                if (const Json* message = member(choice, "message")) read_chat(*message, out);
            }
    }
    return true;
}

// What the error calls itself: OpenAI's clients look at `code`, Anthropic's at `type`.
std::string error_name(const Ask& ask, std::string_view text) {
    Json body = Json::parse(text, nullptr, false);
    const Json* error = body.is_object() ? member(body, "error") : nullptr;
    if (error == nullptr) return {};
    std::string type = string_at(*error, "type");
    if (ask.endpoint == core::Endpoint::messages) return type;
    return string_at(*error, "code", type);
}

}  // namespace

Reply read_answer(const Ask& ask, const http::ClientAnswer& answer) {
    Reply reply{.status = answer.status, .body = answer.body};
    if (!reply.ok()) {
        reply.error = error_name(ask, answer.body);
        return reply;
    }
    bool good = ask.stream ? read_stream(ask, answer.body, reply.messages)
                           : read_whole(ask, answer.body, reply.messages);
    if (!good) reply = {.status = 0, .error = "broken_answer"};
    return reply;
}

}  // namespace weir::agents
