#include "provider/count_request.h"

#include <algorithm>
#include <array>
#include <simdjson.h>

#include "codec/json_write.h"
#include "provider/json_cursor.h"

namespace weir::provider {
namespace {

using core::Endpoint;

// What the counting endpoints take of a request; any other member they refuse.
constexpr std::array<std::string_view, 12> kOfMessages{
    "messages",           "model",       "system",        "tools",
    "tool_choice",        "thinking",    "cache_control", "output_config",
    "context_management", "mcp_servers", "output_format", "speed"};
constexpr std::array<std::string_view, 11> kOfResponses{
    "input",      "model",        "instructions",        "tools",
    "text",       "reasoning",    "tool_choice",         "parallel_tool_calls",
    "truncation", "conversation", "previous_response_id"};

bool is_counted(Endpoint endpoint, std::string_view key) {
    auto names = [key](const auto& list) {
        return std::ranges::find(list, key) != list.end();
    };
    return endpoint == Endpoint::messages ? names(kOfMessages) : names(kOfResponses);
}

}  // namespace

std::string_view count_path(core::Vendor vendor, Endpoint endpoint) {
    if (vendor == core::Vendor::anthropic && endpoint == Endpoint::messages) {
        return "/messages/count_tokens";
    }
    if (vendor == core::Vendor::openai && endpoint == Endpoint::responses) {
        return "/responses/input_tokens";
    }
    return {};
}

std::string count_request(std::string_view body, Endpoint endpoint, std::string_view model) {
    std::string out = "{\"model\":";
    codec::append_json_string(out, model);
    JsonCursor cursor{body};
    std::string_view key;
    cursor.enter();
    while (cursor.next_key(key)) {
        (void)cursor.kind();
        std::string_view value = cursor.text(cursor.skip());
        if (key == "model" || !is_counted(endpoint, key)) continue;
        out.append(",\"").append(key).append("\":").append(value);
    }
    out.push_back('}');
    return out;
}

std::optional<std::int64_t> read_count_answer(std::string_view body) {
    simdjson::ondemand::parser parser;
    simdjson::padded_string padded{body};
    std::int64_t tokens = 0;
    auto document = parser.iterate(padded);
    if (document.error() != simdjson::SUCCESS) return std::nullopt;
    if (document["input_tokens"].get_int64().get(tokens) != simdjson::SUCCESS) return std::nullopt;
    return tokens > 0 ? std::optional{tokens} : std::nullopt;
}

}  // namespace weir::provider
