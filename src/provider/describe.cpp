// A request body, read once from its first byte to its last (ledger.md §0.2, §1.2; wire.md §1,
// §3.1). Every key of the top level that bears on model, output, price or reach stands in kKeys
// with its reader; everything else is only checked to be JSON.
#include <algorithm>
#include <array>
#include <simdjson.h>

#include "provider/describe_fields.h"
#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::CallShape;
using core::Dialect;
using core::Endpoint;
using core::Unbounded;
using Kind = JsonCursor::Kind;

constexpr std::size_t kModelMax = 256;

bool is_chat(const BodyReader& r) { return r.dialect == Dialect::openai_chat; }
bool is_completions(const BodyReader& r) { return r.dialect == Dialect::openai_completions; }
bool is_responses(const BodyReader& r) { return r.dialect == Dialect::openai_responses; }
bool is_anthropic(const BodyReader& r) { return r.dialect == Dialect::anthropic; }

// ---- the call itself ---------------------------------------------------------------------------

Result<> read_model(BodyReader& r) {
    constexpr std::string_view kMust = "a model name: a string of 1 to 256 printable characters";
    if (r.cursor.kind() != Kind::string) return std::unexpected(invalid("model", kMust));
    std::uint32_t begin = r.cursor.offset();
    Word word = Word::read(r.cursor);
    r.shape.model_value = {begin, r.cursor.offset()};
    r.shape.model = word.text();
    bool printable = std::ranges::none_of(
        r.shape.model, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (r.shape.model.empty() || r.shape.model.size() > kModelMax || !printable) {
        return std::unexpected(invalid("model", kMust));
    }
    return {};
}

// Absent and null are false; anything but a boolean is refused, since servers differ on "true"
// and 1.
Result<bool> read_flag(JsonCursor& cursor, std::string_view name) {
    if (cursor.kind() == Kind::boolean) return cursor.boolean();
    if (cursor.kind() != Kind::null) return std::unexpected(invalid(name, "true or false"));
    cursor.skip();
    return false;
}

Result<> read_stream(BodyReader& r) {
    auto flag = read_flag(r.cursor, "stream");
    if (!flag) return std::unexpected(flag.error());
    r.shape.stream = *flag;
    return {};
}

Result<> read_stream_options(BodyReader& r) {
    constexpr std::array<std::string_view, 1> kWatched{"include_usage"};
    JsonCursor& cursor = r.cursor;
    Kind kind = cursor.kind();
    std::uint32_t begin = cursor.offset();
    if (kind == Kind::null) {
        r.shape.stream_options_value = cursor.skip();
        return {};
    }
    if (kind != Kind::object) return std::unexpected(invalid("stream_options", "an object"));
    KeyWatch watch{kWatched};
    std::string_view raw;
    cursor.enter();
    while (cursor.next_key(raw)) {
        auto key = watch.see(raw);
        if (!key) return std::unexpected(key.error());
        if (*key != 0) {
            cursor.skip();
            continue;
        }
        (void)cursor.kind();  // passes white space, so that the offset is the value's
        std::uint32_t value = cursor.offset();
        auto flag = read_flag(cursor, "stream_options.include_usage");
        if (!flag) return std::unexpected(flag.error());
        r.shape.include_usage = *flag;
        r.shape.include_usage_value = {value, cursor.offset()};
    }
    r.shape.stream_options_value = {begin, cursor.offset()};
    return {};
}

// ---- how much -----------------------------------------------------------------------------------

// Reads one name of the max output; the larger of two counts. 0 is kept: Anthropic warms its cache
// so.
Result<> read_max(BodyReader& r, std::string_view name, core::Span key) {
    (void)r.cursor.kind();
    std::uint32_t begin = r.cursor.offset();
    auto value = read_count(r.cursor, name, 0);
    if (!value) return std::unexpected(value.error());
    core::Span span{begin, r.cursor.offset()};
    r.shape.max_output_sites.push_back({key, span, name == "max_tokens"});
    r.shape.max_output_value = span;
    if (*value) r.shape.max_output = std::max(r.shape.max_output.value_or(0), **value);
    return {};
}

Result<> read_n(BodyReader& r) {
    auto value = read_count(r.cursor, "n", 1);
    if (!value) return std::unexpected(value.error());
    r.n = *value;
    return {};
}

Result<> read_best_of(BodyReader& r) {
    auto value = read_count(r.cursor, "best_of", 1);
    if (!value) return std::unexpected(value.error());
    r.best_of = *value;
    return {};
}

Result<> read_max_tool_calls(BodyReader& r) {
    auto value = read_count(r.cursor, "max_tool_calls", 0);
    if (!value) return std::unexpected(value.error());
    r.max_tool_calls = *value;
    return {};
}

Result<> read_thinking(BodyReader& r) {
    constexpr std::array<std::string_view, 2> kWatched{"budget_tokens", "type"};
    JsonCursor& cursor = r.cursor;
    if (cursor.kind() != Kind::object) return skip(r);
    KeyWatch watch{kWatched};
    std::string_view raw;
    cursor.enter();
    while (cursor.next_key(raw)) {
        auto key = watch.see(raw);
        if (!key) return std::unexpected(key.error());
        if (*key != 0) {
            cursor.skip();
            continue;
        }
        auto value = read_count(cursor, "thinking.budget_tokens", 0);
        if (!value) return std::unexpected(value.error());
        r.shape.thinking_budget = value->value_or(0);
    }
    return {};
}

// Of the older chat API: run by the client.
Result<> read_functions(BodyReader& r) {
    r.shape.tools = true;
    return skip(r);
}

// ---- the table
// --------------------------------------------------------------------------------------

using Reader = Result<> (*)(BodyReader&);
struct KeyRow {
    std::string_view name;
    Reader read;
    bool no_text = false;
};
constexpr bool kNoText = true;  // says how to answer, and goes to no model
// The three names of the max output are read with their key (see `member`).
constexpr std::size_t kMaxNames = 3;
constexpr std::array kKeys{
    KeyRow{"max_tokens", nullptr, kNoText},
    KeyRow{"max_completion_tokens", nullptr, kNoText},
    KeyRow{"max_output_tokens", nullptr, kNoText},
    KeyRow{"model", read_model, kNoText},
    KeyRow{"stream", read_stream, kNoText},
    KeyRow{"messages", read_messages},
    KeyRow{"input", read_input},
    KeyRow{"system", read_content},
    KeyRow{"instructions", read_content},
    KeyRow{"prompt", read_prompt},
    KeyRow{"tools", read_tools},
    KeyRow{"functions", read_functions},
    KeyRow{"tool_choice", read_tool_choice},
    KeyRow{"stream_options", read_stream_options, kNoText},
    KeyRow{"metadata", read_metadata_member, kNoText},
    KeyRow{"client_metadata", read_client_metadata_member, kNoText},
    KeyRow{"user", read_user, kNoText},
    KeyRow{"safety_identifier", read_user, kNoText},
    KeyRow{"prompt_cache_key", read_cache_key, kNoText},
    KeyRow{"n", read_n, kNoText},
    KeyRow{"best_of", read_best_of, kNoText},
    KeyRow{"thinking", read_thinking},
    KeyRow{"service_tier", read_service_tier, kNoText},
    KeyRow{"speed", read_speed, kNoText},
    KeyRow{"inference_geo", read_geo, kNoText},
    KeyRow{"cache_control", read_cache_control},
    KeyRow{"prompt_cache_options", read_cache_control},
    KeyRow{"prompt_cache_retention", read_cache_retention, kNoText},
    KeyRow{"response_format", read_format},
    KeyRow{"text", read_format},
    KeyRow{"output_format", read_format},
    KeyRow{"output_config", read_format},
    KeyRow{"modalities", read_modalities},
    KeyRow{"audio", read_audio},
    KeyRow{"prediction", read_prediction},
    KeyRow{"max_tool_calls", read_max_tool_calls},
    KeyRow{"context_management", read_context_management},
    KeyRow{"previous_response_id", mark_if_set<Unbounded::reference>},
    KeyRow{"conversation", mark_if_set<Unbounded::reference>},
    KeyRow{"thread", mark_if_set<Unbounded::reference>},
    KeyRow{"container", mark_if_set<Unbounded::reference>},
    KeyRow{"data_sources", mark_if_set<Unbounded::reference>},
    KeyRow{"extra_body", read_content},
    KeyRow{"background", mark_if_set<Unbounded::background>},
    KeyRow{"compaction", mark_if_set<Unbounded::compaction>},
    KeyRow{"fallbacks", mark_if_set<Unbounded::other_model>},
    KeyRow{"models", mark_if_set<Unbounded::other_model>},
    KeyRow{"route", mark_if_set<Unbounded::other_model>},
    KeyRow{"plugins", mark_search},
    KeyRow{"web_search_options", read_web_search},
    KeyRow{"search_parameters", mark_search},
    KeyRow{"enable_search", mark_search},
    KeyRow{"mcp_servers", mark_search},
};
static_assert(kKeys.size() <= 64);

constexpr auto kNames = [] {
    std::array<std::string_view, kKeys.size()> names;
    std::ranges::transform(kKeys, names.begin(), &KeyRow::name);
    return names;
}();

// A name that this endpoint does not know limits nothing and must not count.
bool is_max_output_here(const BodyReader& r, std::string_view name) {
    if (name == "max_output_tokens") return is_responses(r);
    if (name == "max_completion_tokens") return is_chat(r);
    return is_chat(r) || is_completions(r) || is_anthropic(r);
}

Result<> member(BodyReader& r, std::size_t index, std::string_view raw) {
    if (index >= kMaxNames) return kKeys[index].read(r);
    if (!is_max_output_here(r, kKeys[index].name)) return skip(r);
    std::uint32_t begin = r.offset_of(raw) - 1;
    auto end = static_cast<std::uint32_t>(begin + raw.size() + 2);
    return read_max(r, kKeys[index].name, {begin, end});
}

Result<> read_top_level(BodyReader& r) {
    JsonCursor& cursor = r.cursor;
    if (cursor.kind() != Kind::object) {
        return fail(ErrorCode::malformed_json, "The request body must be a JSON object.");
    }
    cursor.enter();
    r.shape.object_start = cursor.offset();
    r.shape.object_empty = true;
    KeyWatch watch{kNames};
    std::string_view raw;
    while (cursor.next_key(raw)) {
        r.shape.object_empty = false;
        auto key = watch.see(raw);
        if (!key) return std::unexpected(key.error());
        if (*key == KeyWatch::kOther) {
            cursor.skip();
            continue;
        }
        const std::uint32_t begin = r.offset_of(raw) - 1;
        if (kKeys[*key].name == "metadata") {
            r.shape.metadata_key = {begin, static_cast<std::uint32_t>(begin + raw.size() + 2)};
        }
        auto read = member(r, *key, raw);
        // What stopped the reading of a value may be that it is no JSON at all.
        if (!cursor.ok()) break;
        if (!read) return read;
        if (kKeys[*key].no_text) {
            r.shape.no_text_bytes += cursor.offset() - begin;
            silence(r, raw);
        }
    }
    if (!cursor.at_end()) return fail(ErrorCode::malformed_json);
    return {};
}

// What only all keys together say.
Result<> conclude(BodyReader& r, Endpoint endpoint) {
    CallShape& shape = r.shape;
    if (shape.model_value.empty()) {
        return fail(ErrorCode::invalid_parameter, "`model` is missing: name the model to call.");
    }
    if (is_chat(r) && searches_by_itself(shape.model)) mark_undeclared_tool(r);
    shape.inputs = r.prompts;
    if (is_chat(r) || is_completions(r)) {
        std::int64_t each = std::max(r.n.value_or(1), r.best_of.value_or(1));
        if (__builtin_mul_overflow(each, is_completions(r) ? r.prompts : 1, &shape.choices)) {
            return std::unexpected(invalid("n", "smaller: the call asks for too many answers"));
        }
    }
    // An embedding or a count has no output.
    if (endpoint == Endpoint::embeddings || endpoint == Endpoint::count_tokens ||
        endpoint == Endpoint::responses_input_tokens) {
        shape.max_output = 0;
    }
    if (r.max_tool_calls && is_responses(r)) {
        shape.server_tool_uses = *r.max_tool_calls;
        shape.server_tools_undeclared = r.undeclared_mcp;
    }
    // Tools that a message carries are read behind it.
    std::ranges::sort(shape.silent, {}, &core::Span::begin);
    // A sum that leaves one out is no bound.
    if (shape.server_tools_undeclared) shape.server_tool_uses = 0;
    if (shape.session.empty()) shape.session = r.cache_key;
    return {};
}

}  // namespace

Result<CallShape> describe(Endpoint endpoint, std::string_view body) {
    if (body.size() > UINT32_MAX) return fail(ErrorCode::body_too_large);
    if (!simdjson::validate_utf8(body.data(), body.size())) {
        return fail(ErrorCode::malformed_json, "The request body is not valid UTF-8.");
    }
    CallShape shape;
    shape.endpoint = endpoint;
    BodyReader reader{.body = body,
                      .cursor = JsonCursor{body},
                      .shape = shape,
                      .dialect = core::dialect_of(endpoint),
                      .max_tool_calls = {},
                      .n = {},
                      .best_of = {},
                      .cache_key = {}};
    if (auto read = read_top_level(reader); !read) return std::unexpected(read.error());
    if (auto read = conclude(reader, endpoint); !read) return std::unexpected(read.error());
    return shape;
}

}  // namespace weir::provider
