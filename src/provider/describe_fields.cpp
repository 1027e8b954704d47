#include "provider/describe_fields.h"

#include <algorithm>
#include <array>

namespace weir::provider {

using core::Unbounded;
using Kind = JsonCursor::Kind;

namespace {

// A list of texts or of token lists is as many inputs as it has items; one text, or one list of
// token numbers, is one.
Result<> count_inputs(BodyReader& r) {
    JsonCursor& cursor = r.cursor;
    if (cursor.kind() != Kind::array) return read_content(r);
    std::int64_t items = 0;
    bool tokens = false;
    cursor.enter();
    while (cursor.next_item()) {
        if (items++ == 0) tokens = cursor.kind() == Kind::number;
        if (auto read = read_content(r); !read) return read;
    }
    r.prompts = tokens ? 1 : std::max<std::int64_t>(items, 1);
    return {};
}

}  // namespace

Result<> skip(BodyReader& r) {
    r.cursor.skip();
    return {};
}

// ---- what is in it
// --------------------------------------------------------------------------------

Result<> read_prompt(BodyReader& r) {
    if (r.dialect == core::Dialect::openai_completions) return count_inputs(r);
    // Elsewhere a stored prompt: {"id": …}.
    if (r.cursor.kind() == Kind::object) r.shape.mark(Unbounded::reference);
    return skip(r);
}

Result<> read_input(BodyReader& r) {
    if (r.dialect == core::Dialect::openai_embeddings) return count_inputs(r);
    return r.dialect == core::Dialect::openai_responses ? read_turns(r) : read_content(r);
}

Result<> read_messages(BodyReader& r) {
    bool talks = r.dialect == core::Dialect::openai_chat || r.dialect == core::Dialect::anthropic;
    return talks ? read_turns(r) : read_content(r);
}

Result<> read_prediction(BodyReader& r) {
    if (r.cursor.kind() == Kind::null) return skip(r);
    auto span = r.cursor.skip();
    r.shape.prediction_bytes = span.end - span.begin;
    r.shape.mark(Unbounded::prediction);
    return {};
}

bool is_set(BodyReader& r) {
    Kind kind = r.cursor.kind();
    std::string_view text = r.cursor.text(r.cursor.skip());
    if (kind == Kind::boolean) return text == "true";
    if (kind == Kind::array) return text.find_first_not_of("[] \t\r\n") != std::string_view::npos;
    return kind != Kind::null;
}

Result<> mark_search(BodyReader& r) {
    if (is_set(r)) mark_undeclared_tool(r);
    return {};
}

Result<> read_web_search(BodyReader& r) {
    if (!is_set(r)) return {};
    mark_undeclared_tool(r);
    r.shape.web_search = r.dialect == core::Dialect::openai_chat;
    return {};
}

// {"edits": [{"type"}…]} (Anthropic) or [{"type"}…] (Responses): clearing only takes away;
// compacting, and whatever is not known, may bill a summary by another model (wire.md §0.2).
Result<> read_context_management(BodyReader& r) {
    JsonCursor& cursor = r.cursor;
    if (cursor.kind() == Kind::object) {
        std::string_view raw;
        cursor.enter();
        while (cursor.next_key(raw)) {
            if (auto read = read_context_management(r); !read) return read;
        }
        return {};
    }
    if (cursor.kind() != Kind::array) return skip(r);
    cursor.enter();
    while (cursor.next_item()) {
        if (cursor.kind() != Kind::object) {
            cursor.skip();
            continue;
        }
        bool clears = false;
        std::string_view raw;
        std::string scratch;
        cursor.enter();
        while (cursor.next_key(raw)) {
            bool is_type = folded_key(raw, scratch) == "type";
            Word word = Word::read(cursor);
            if (is_type) clears = word.starts_with("clear_");
            if (is_type && !clears) r.shape.mark(Unbounded::compaction);
        }
        if (!clears) r.shape.mark(Unbounded::compaction);
    }
    return {};
}

// ---- how it is priced
// -----------------------------------------------------------------------------

Result<> read_service_tier(BodyReader& r) {
    r.shape.service_tier = Word::read(r.cursor).text();
    return {};
}

Result<> read_speed(BodyReader& r) {
    r.shape.speed = Word::read(r.cursor).text();
    return {};
}

Result<> read_geo(BodyReader& r) {
    r.shape.geo = Word::read(r.cursor).text();
    return {};
}

Result<> read_cache_control(BodyReader& r) {
    read_cache_mark(r);
    return {};
}

Result<> read_cache_retention(BodyReader& r) {
    if (Word::read(r.cursor).is("24h")) r.shape.wants_long_cache = true;
    return {};
}

Result<> read_modalities(BodyReader& r) {
    JsonCursor& cursor = r.cursor;
    if (cursor.kind() != Kind::array) return skip(r);
    cursor.enter();
    while (cursor.next_item()) {
        if (Word::read(cursor).is("audio")) r.shape.audio_output = true;
    }
    return {};
}

Result<> read_audio(BodyReader& r) {
    if (is_set(r)) r.shape.audio_output = true;
    return {};
}

// ---- what a cut answer would spoil
// ------------------------------------------------------------------

// {"type": "json_schema" | "json_object", …}, itself or under `format`.
Result<> read_format(BodyReader& r) {
    JsonCursor& cursor = r.cursor;
    if (cursor.kind() != Kind::object) return skip(r);
    std::string_view raw;
    std::string scratch;
    cursor.enter();
    while (cursor.next_key(raw)) {
        std::string_view key = folded_key(raw, scratch);
        if (key == "format") {
            if (auto read = read_format(r); !read) return read;
            continue;
        }
        bool is_type = key == "type";
        if (Word::read(cursor).starts_with("json") && is_type) r.shape.structured_output = true;
    }
    return {};
}

// "required", or an object that names a tool or says any (of an allowed_tools list, too).
Result<> read_tool_choice(BodyReader& r) {
    JsonCursor& cursor = r.cursor;
    if (cursor.kind() == Kind::string) {
        r.shape.forced_tool = Word::read(cursor).is("required");
        return {};
    }
    if (cursor.kind() != Kind::object) return skip(r);
    std::string_view raw;
    cursor.enter();
    while (cursor.next_key(raw)) {
        Word word = Word::read(cursor);
        if (raw == "type") r.shape.forced_tool = !word.is("auto") && !word.is("none");
    }
    return {};
}

// ---- whose it is --------------------------------------------------------------------------------

Result<> read_user(BodyReader& r) {
    Word word = Word::read(r.cursor);
    if (r.shape.user.empty() && word.text().size() <= 256) r.shape.user = word.text();
    return {};
}

Result<> read_cache_key(BodyReader& r) {
    Word word = Word::read(r.cursor);
    if (word.text().size() <= 256) r.cache_key = word.text();
    return {};
}

Result<> read_metadata_member(BodyReader& r) {
    (void)r.cursor.kind();
    std::uint32_t begin = r.cursor.offset();
    read_metadata(r);
    r.shape.metadata_value = {begin, r.cursor.offset()};
    return {};
}

Result<> read_client_metadata_member(BodyReader& r) {
    read_client_metadata(r);
    return {};
}

}  // namespace weir::provider
