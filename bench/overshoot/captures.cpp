// Captured requests made whole: where the capture cut a string or kept only the names of tools,
// something of the same size is put in.
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "bench/overshoot/agents.h"

namespace weir::overshoot {
namespace {

using Json = nlohmann::json;

// "text…<+5363 chars>" and "text…<5363 chars>"
std::string whole_text(const std::string& text) {
    static const std::regex kCut("^([^]*)…<(\\+?)(\\d+) chars>$");
    std::smatch match;
    if (!std::regex_match(text, match, kCut)) return text;
    const std::string kept = match[1];
    const std::size_t size = std::stoul(match[3]);
    const std::size_t more = match[2].length() > 0 ? size : size - std::min(size, kept.size());
    std::string filler;
    while (filler.size() < more) filler += "the quick brown fox ";
    return kept + filler.substr(0, more);
}

void make_whole(Json& value) {
    if (value.is_string()) value = whole_text(value.get<std::string>());
    if (value.is_structured()) {
        for (Json& inner : value) make_whole(inner);
    }
}

bool has_key(const Json& tools, std::string_view key) {
    const Json keys = tools.value("first_keys", Json::array());
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// Codex's search runs at OpenAI without a limit, which no blocking budget can admit.
bool runs_at_provider(const std::string& name) { return name == "web_search"; }

Json tool_of(const Json& tools, const std::string& name, const std::string& text) {
    const Json schema{{"type", "object"}, {"properties", Json::object()}};
    if (has_key(tools, "input_schema")) {
        return {{"name", name}, {"description", text}, {"input_schema", schema}};
    }
    if (has_key(tools, "function")) {
        return {{"type", "function"},
                {"function", {{"name", name}, {"description", text}, {"parameters", schema}}}};
    }
    return {{"type", "function"}, {"name", name}, {"description", text}, {"parameters", schema}};
}

// Tools under their names, and described at such length that the whole is as large as it was.
void put_tools(Json& body, std::int64_t bytes) {
    const Json listed = body["tools"];
    std::vector<std::string> names;
    for (const Json& name : listed["names"]) {
        if (!runs_at_provider(name)) names.push_back(name);
    }
    auto with = [&](std::size_t text) {
        Json tools = Json::array();
        for (const std::string& name : names) {
            tools.push_back(tool_of(listed, name, std::string(text, 'd')));
        }
        return tools;
    };
    body["tools"] = with(0);
    const auto missing = bytes - static_cast<std::int64_t>(body.dump().size());
    if (missing <= 0 || names.empty()) return;
    body["tools"] = with(static_cast<std::size_t>(missing) / names.size());
}

Capture capture_of(std::string agent, const Json& row) {
    Capture capture{.agent = std::move(agent), .path = row["url"], .fields = {}, .body = {}};
    for (const auto& [key, field] : row["headers"].items()) {
        const bool listed = field.is_array();
        std::string name = listed ? field[0].get<std::string>() : key;
        std::string value = listed ? field[1] : field;
        std::ranges::transform(name, name.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (name.starts_with("anthropic-") || name == "user-agent" || name.starts_with("x-stain")) {
            capture.fields.emplace_back(std::move(name), std::move(value));
        }
    }
    Json body = row["body"];
    make_whole(body);
    if (body["tools"].is_object()) put_tools(body, row["body_bytes"]);
    capture.body = body.dump();
    return capture;
}

}  // namespace

std::optional<std::vector<Capture>> read_captures(const std::string& directory) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kFiles{
        {{"Claude Code", "agent-claude-code-default-tools.json"},
         {"Codex", "agent-codex-session1.json"},
         {"Qwen Code", "agent-qwen-code-session1.json"}}};
    std::vector<Capture> captures;
    for (const auto& [agent, file] : kFiles) {
        std::ifstream in(std::filesystem::path(directory) / file);
        if (!in) return std::nullopt;
        const Json rows = Json::parse(in);
        const auto first = std::find_if(rows.begin(), rows.end(),
                                        [](const Json& row) { return row.at("method") == "POST"; });
        captures.push_back(capture_of(std::string(agent), *first));
    }
    return captures;
}

}  // namespace weir::overshoot
