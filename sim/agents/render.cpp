#include "sim/agents/render.h"

#include <array>

#include "sim/provider/json.h"

namespace weir::agents {
namespace {

using sim::Json;

Json parameters_of(const Tool& tool) {
    Json properties = Json::object();
    properties[std::string{tool.parameter}] = Json{{"type", "string"}};
    return Json{{"type", "object"},
                {"properties", std::move(properties)},
                {"required", Json::array({tool.parameter})}};
}

Json function_of(const Tool& tool) {
    return Json{
        {"name", tool.name}, {"description", tool.about}, {"parameters", parameters_of(tool)}};
}

// ---- OpenAI chat ----------------------------------------------------------------------------

Json chat_message(const Message& message) {
    switch (message.kind) {
        case Message::Kind::user:
            return Json{{"role", "user"}, {"content", message.text.text()}};
        case Message::Kind::tool_result:
            return Json{{"role", "tool"},
                        {"tool_call_id", message.call_id},
                        {"content", message.text.text()}};
        case Message::Kind::assistant:
        case Message::Kind::tool_call:
            break;
    }
    return Json{{"role", "assistant"}, {"content", message.text.text()}};
}

Json chat_tool_call(const Message& message) {
    return Json{{"id", message.call_id},
                {"type", "function"},
                {"function", Json{{"name", message.tool}, {"arguments", message.text.text()}}}};
}

Json chat_messages(const Conversation& talk) {
    Json out = Json::array({Json{{"role", "system"}, {"content", talk.system().text()}}});
    bool calling = false;  // the last message calls tools
    for (const Message& message : talk.messages()) {
        if (message.kind != Message::Kind::tool_call) {
            out.push_back(chat_message(message));
            calling = false;
            continue;
        }
        if (!calling) {
            out.push_back(
                Json{{"role", "assistant"}, {"content", nullptr}, {"tool_calls", Json::array()}});
        }
        calling = true;
        out.back()["tool_calls"].push_back(chat_tool_call(message));
    }
    return out;
}

Json chat_body(const Ask& ask) {
    Json body{{"model", ask.model},
              {"messages", chat_messages(*ask.conversation)},
              {"max_completion_tokens", ask.max_output}};
    if (ask.stream) body["stream"] = true;
    for (const Tool& tool : ask.conversation->tools()) {
        body["tools"].push_back(Json{{"type", "function"}, {"function", function_of(tool)}});
    }
    return body;
}

// ---- OpenAI responses -----------------------------------------------------------------------

// What is read off a document: strings, all required.
Json document_schema() {
    constexpr std::array<std::string_view, 20> kFields{"supplier",
                                                       "supplier_vat",
                                                       "supplier_address",
                                                       "customer",
                                                       "customer_address",
                                                       "number",
                                                       "issued",
                                                       "due",
                                                       "currency",
                                                       "net",
                                                       "vat",
                                                       "total",
                                                       "iban",
                                                       "terms",
                                                       "order",
                                                       "delivery",
                                                       "reference",
                                                       "contact",
                                                       "language",
                                                       "remarks"};
    Json properties = Json::object();
    Json required = Json::array();
    for (std::string_view field : kFields) {
        properties[std::string{field}] = Json{{"type", "string"}};
        required.push_back(field);
    }
    return Json{{"type", "object"},
                {"properties", std::move(properties)},
                {"required", std::move(required)},
                {"additionalProperties", false}};
}

Json responses_body(const Ask& ask) {
    Json input = Json::array();
    for (const Message& message : ask.conversation->messages()) {
        bool user = message.kind == Message::Kind::user;
        input.push_back(
            Json{{"role", user ? "user" : "assistant"}, {"content", message.text.text()}});
    }
    Json body{{"model", ask.model},
              {"instructions", ask.conversation->system().text()},
              {"input", std::move(input)},
              {"max_output_tokens", ask.max_output}};
    if (ask.stream) body["stream"] = true;
    if (ask.structured) {
        Json schema = document_schema();
        body["text"]["format"] = Json{{"type", "json_schema"},
                                      {"name", "document"},
                                      {"strict", true},
                                      {"schema", std::move(schema)}};
    }
    return body;
}

Json embeddings_body(const Ask& ask) {
    Json input = Json::array();
    for (const Passage& passage : ask.inputs) input.push_back(passage.text());
    return Json{{"model", ask.model}, {"input", std::move(input)}, {"encoding_format", "base64"}};
}

// ---- Anthropic messages ---------------------------------------------------------------------

Json anthropic_block(const Message& message) {
    switch (message.kind) {
        case Message::Kind::tool_call: {
            Json input = Json::parse(message.text.text(), nullptr, false);
            if (!input.is_object()) input = Json::object();
            return Json{{"type", "tool_use"},
                        {"id", message.call_id},
                        {"name", message.tool},
                        {"input", std::move(input)}};
        }
        case Message::Kind::tool_result:
            return Json{{"type", "tool_result"},
                        {"tool_use_id", message.call_id},
                        {"content", message.text.text()}};
        case Message::Kind::user:
        case Message::Kind::assistant:
            break;
    }
    return Json{{"type", "text"}, {"text", message.text.text()}};
}

// Roles alternate: what one role says in a row is one message of several blocks.
Json anthropic_messages(const Conversation& talk) {
    Json out = Json::array();
    for (const Message& message : talk.messages()) {
        bool user =
            message.kind == Message::Kind::user || message.kind == Message::Kind::tool_result;
        std::string_view role = user ? "user" : "assistant";
        if (out.empty() || sim::string_at(out.back(), "role") != role) {
            out.push_back(Json{{"role", role}, {"content", Json::array()}});
        }
        out.back()["content"].push_back(anthropic_block(message));
    }
    return out;
}

Json messages_body(const Ask& ask) {
    const Json mark{{"type", "ephemeral"}};
    const Conversation& talk = *ask.conversation;
    Json system{{"type", "text"}, {"text", talk.system().text()}, {"cache_control", mark}};
    Json body{{"model", ask.model},
              {"max_tokens", ask.max_output},
              {"system", Json::array({std::move(system)})},
              {"messages", anthropic_messages(talk)}};
    if (ask.stream) body["stream"] = true;
    body["messages"].back()["content"].back()["cache_control"] = mark;
    for (const Tool& tool : talk.tools()) {
        body["tools"].push_back(Json{{"name", tool.name},
                                     {"description", tool.about},
                                     {"input_schema", parameters_of(tool)}});
    }
    return body;
}

}  // namespace

http::ClientRequest render(const Ask& ask, std::string_view key) {
    http::ClientRequest request;
    request.method = "POST";
    request.fields = label_fields(ask.labels);
    Json body;
    switch (ask.endpoint) {
        case core::Endpoint::messages:
            request.target = "/v1/messages";
            body = messages_body(ask);
            break;
        case core::Endpoint::responses:
            request.target = "/v1/responses";
            body = responses_body(ask);
            break;
        case core::Endpoint::embeddings:
            request.target = "/v1/embeddings";
            body = embeddings_body(ask);
            break;
        default:
            request.target = "/v1/chat/completions";
            body = chat_body(ask);
    }
    request.body = sim::dump(body);
    auto field = [&request](std::string_view name, std::string value) {
        request.fields.emplace_back(name, std::move(value));
    };
    if (ask.endpoint == core::Endpoint::messages) {
        field("x-api-key", std::string{key});
        field("anthropic-version", "2023-06-01");
    } else {
        field("authorization", "Bearer " + std::string{key});
    }
    field("content-type", "application/json");
    field("user-agent", ask.user_agent);
    if (ask.conversation != nullptr) {
        field("x-sim-output", std::to_string(ask.script.output));
        field("x-sim-reasoning", std::to_string(ask.script.reasoning));
        field("x-sim-tool", ask.script.tool.empty() ? "none" : ask.script.tool);
    }
    return request;
}

}  // namespace weir::agents
