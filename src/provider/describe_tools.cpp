// Which tools the client runs itself and which run at the provider, where each use feeds the
// context again (ledger.md B2). The closed lists are the published request types of both vendors; a
// type that is on neither list is unknown, never harmless.
#include <algorithm>
#include <array>

#include "provider/describe_parts.h"
#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::Unbounded;
using Kind = JsonCursor::Kind;

enum class RunBy : std::uint8_t { client, provider, unknown };

// `prefix` followed by a date: "bash_20250124".
bool is_dated(std::string_view type, std::string_view prefix) {
    if (!type.starts_with(prefix)) return false;
    auto date = type.substr(prefix.size());
    return date.size() == 8 &&
           std::ranges::all_of(date, [](char c) { return c >= '0' && c <= '9'; });
}

template <std::size_t N>
bool is_one_of(std::string_view type, const std::array<std::string_view, N>& names) {
    return std::ranges::find(names, type) != names.end();
}

RunBy anthropic_tool(std::string_view type) {
    constexpr std::array<std::string_view, 5> kClient{"bash_", "text_editor_", "computer_",
                                                      "computer_toolset_", "memory_"};
    constexpr std::array<std::string_view, 6> kProvider{"web_search_",
                                                        "web_fetch_",
                                                        "code_execution_",
                                                        "advisor_",
                                                        "tool_search_tool_bm25_",
                                                        "tool_search_tool_regex_"};
    if (type.empty() || type == "custom") return RunBy::client;
    if (std::ranges::any_of(kClient, [&](auto p) { return is_dated(type, p); }))
        return RunBy::client;
    if (std::ranges::any_of(kProvider, [&](auto p) { return is_dated(type, p); })) {
        return RunBy::provider;
    }
    if (type == "mcp_toolset" || type == "tool_search_tool_bm25" ||
        type == "tool_search_tool_regex") {
        return RunBy::provider;
    }
    return RunBy::unknown;
}

RunBy openai_tool(std::string_view type) {
    constexpr std::array<std::string_view, 7> kClient{
        "function", "custom",    "local_shell",         "apply_patch",
        "computer", "namespace", "computer_use_preview"};
    constexpr std::array<std::string_view, 12> kProvider{"file_search", "code_interpreter",
                                                         "mcp",         "image_generation",
                                                         "shell",       "programmatic_tool_calling",
                                                         "tool_search", "browser_search",
                                                         "x_search",    "code_execution",
                                                         "live_search", "web_fetch"};
    if (is_one_of(type, kClient)) return RunBy::client;
    if (is_one_of(type, kProvider) || type.starts_with("web_search")) return RunBy::provider;
    return RunBy::unknown;
}

enum Key : std::size_t {
    type,
    max_uses,
    tools,
    execution,
    environment,
    cache_control,
    caching,
    key_count
};
constexpr std::array<std::string_view, key_count> kNames{
    "type", "max_uses", "tools", "execution", "environment", "cache_control", "caching"};

// What one tool says.
struct Tool {
    std::string type;
    std::optional<std::int64_t> max_uses;
    bool at_client = false;  // execution: client, or a local shell
};

class ToolReader {
 public:
    explicit ToolReader(BodyReader& reader) : reader_(reader), cursor_(reader.cursor) {}

    Result<> list() {
        if (cursor_.kind() != Kind::array) {
            if (cursor_.kind() != Kind::null) reader_.shape.mark(Unbounded::unknown_tool);
            cursor_.skip();
            return {};
        }
        cursor_.enter();
        while (cursor_.next_item()) {
            if (auto read = tool(); !read) return read;
        }
        return {};
    }

 private:
    Result<> tool() {
        if (cursor_.kind() != Kind::object) {
            reader_.shape.mark(Unbounded::unknown_tool);
            cursor_.skip();
            return {};
        }
        Tool tool;
        KeyWatch watch{kNames};
        std::string_view raw;
        cursor_.enter();
        while (cursor_.next_key(raw)) {
            auto key = watch.see(raw);
            if (!key) return std::unexpected(key.error());
            if (auto read = member(*key, tool); !read) return read;
        }
        count(tool);
        return {};
    }

    Result<> member(std::size_t key, Tool& tool) {
        switch (key) {
            case Key::type:
                tool.type = Word::read(cursor_).text();
                return {};
            case Key::max_uses: {
                auto uses = read_count(cursor_, "max_uses", 0);
                if (!uses) return std::unexpected(uses.error());
                tool.max_uses = *uses;
                return {};
            }
            case Key::tools:
                return list();
            case Key::execution:
                tool.at_client = Word::read(cursor_).is("client");
                return {};
            case Key::environment:
                return local_environment(tool);
            case Key::cache_control:
            case Key::caching:
                read_cache_mark(reader_);
                return {};
            default:
                cursor_.skip();
                return {};
        }
    }

    // A shell is the client's only where it says so: {"type": "local"}.
    Result<> local_environment(Tool& tool) {
        constexpr std::array<std::string_view, 1> kType{"type"};
        if (cursor_.kind() != Kind::object) {
            cursor_.skip();
            return {};
        }
        KeyWatch watch{kType};
        std::string_view raw;
        cursor_.enter();
        while (cursor_.next_key(raw)) {
            auto key = watch.see(raw);
            if (!key) return std::unexpected(key.error());
            Word word = Word::read(cursor_);
            if (*key == 0) tool.at_client = word.is("local");
        }
        return {};
    }

    void count(const Tool& tool) {
        auto& shape = reader_.shape;
        RunBy by = reader_.dialect == core::Dialect::anthropic ? anthropic_tool(tool.type)
                                                               : openai_tool(tool.type);
        if (tool.at_client && (tool.type == "shell" || tool.type == "tool_search")) return;
        if (by == RunBy::client) return;
        if (by == RunBy::unknown) {
            shape.mark(Unbounded::unknown_tool);
            return;
        }
        shape.mark(Unbounded::server_tool);
        if (tool.type.starts_with("advisor_") || tool.type == "image_generation") {
            shape.mark(Unbounded::other_model);
        }
        if (tool.type == "file_search") shape.mark(Unbounded::reference);
        if (tool.type == "mcp" || tool.type == "mcp_toolset") reader_.undeclared_mcp = true;
        if (!tool.max_uses) {
            shape.server_tools_undeclared = true;
        } else if (__builtin_add_overflow(shape.server_tool_uses, *tool.max_uses,
                                          &shape.server_tool_uses)) {
            shape.server_tools_undeclared = true;
        }
    }

    BodyReader& reader_;
    JsonCursor& cursor_;
};

}  // namespace

void mark_undeclared_tool(BodyReader& reader) {
    reader.shape.mark_undeclared_tool();
    reader.undeclared_mcp = true;  // max_tool_calls does not speak of it
}

bool searches_by_itself(std::string_view model) { return model.contains("-search-preview"); }

Result<> read_tools(BodyReader& reader) {
    reader.shape.tools = true;
    return ToolReader{reader}.list();
}

}  // namespace weir::provider
