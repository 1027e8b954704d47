// Message content of every dialect, searched in one walk (ledger.md B1; wire.md §3.1, §5.4).
#include <array>

#include "provider/describe_parts.h"

namespace weir::provider {
namespace {

using core::Unbounded;
using Kind = JsonCursor::Kind;

// Values that belong to the application, not to the provider: arguments and schemas may hold any
// key, "file_id" or "image_url" among them, and mean nothing by it. Exact spelling only: a
// disguised one is searched like everything else.
bool is_opaque(std::string_view raw) {
    constexpr std::array<std::string_view, 7> kOpaque{
        "input", "input_schema", "parameters", "schema", "arguments", "json_schema", "action"};
    for (auto name : kOpaque) {
        if (raw == name) return true;
    }
    return false;
}

bool is_image_type(const Word& type) {
    return type.is("image") || type.is("image_url") || type.is("input_image") ||
           type.is("computer_screenshot");
}

bool is_file_type(const Word& type) {
    return type.is("document") || type.is("file") || type.is("input_file") ||
           type.is("video_url") || type.is("input_video") || type.is("video");
}

bool is_audio_type(const Word& type) { return type.is("input_audio") || type.is("audio_url"); }

// Types of Responses items that stand for input kept at the provider.
bool is_reference_type(const Word& type) {
    return type.is("item_reference") || type.is("image_generation_call") ||
           type.is("container_upload");
}

bool is_media_key(std::string_view key) {
    return key == "image_url" || key == "video_url" || key == "audio_url" || key == "file_url";
}

bool is_reference_key(std::string_view key) {
    return key == "file_id" || key == "cached_content" || key == "cachedcontent" ||
           key == "vector_store_ids" || key == "container_id";
}

std::int64_t length(core::Span span) { return span.end - span.begin; }

// What one object says about itself, decided when all of it was read.
struct Part {
    std::string type;
    bool image = false;
    bool file = false;
    bool carries_tools = false;
    bool url = false;
    std::string source_type;
    core::Span tools;
    std::int64_t data_bytes = 0;        // of `data`, and of what stands in `source`
    std::int64_t inline_url_bytes = 0;  // of "data:…"
};

class ContentWalk {
 public:
    explicit ContentWalk(BodyReader& reader) : reader_(reader), cursor_(reader.cursor) {}

    Result<> value() {
        switch (cursor_.kind()) {
            case Kind::array: {
                cursor_.enter();
                while (cursor_.next_item()) {
                    if (auto read = value(); !read) return read;
                }
                return {};
            }
            case Kind::object: {
                Part part;
                return object(part);
            }
            default:
                cursor_.skip();
                return {};
        }
    }

 private:
    Result<> object(Part& part) {
        std::string_view raw;
        cursor_.enter();
        while (cursor_.next_key(raw)) {
            if (auto read = member(raw, part); !read) return read;
        }
        // Anthropic's text documents are as long as their bytes; all else is pages or frames.
        if (part.file && part.source_type != "text" && part.source_type != "content") {
            reader_.shape.mark(Unbounded::document);
        }
        if (part.url && part.type == "url") reader_.shape.mark(Unbounded::remote_media);
        if (part.image) {
            std::int64_t source = part.source_type == "base64" ? part.data_bytes : 0;
            reader_.shape.no_text_bytes += source + part.inline_url_bytes;
        }
        if (part.carries_tools && !part.tools.empty()) return nested_tools(part.tools);
        return {};
    }

    Result<> member(std::string_view raw, Part& part) {
        std::string scratch;
        std::string_view key = folded_key(raw, scratch);
        if (key == "type") {
            Word word = Word::read(cursor_);
            type_seen(word, part);
            part.type = word.text();
        } else if (key == "source" && cursor_.kind() == Kind::object) {
            Part source;
            auto read = object(source);
            part.source_type = std::move(source.type);
            part.data_bytes += source.data_bytes;
            return read;
        } else if (key == "data" && cursor_.kind() == Kind::string) {
            part.data_bytes += length(cursor_.skip());
        } else if (is_media_key(key)) {
            return media(part);
        } else if (is_reference_key(key)) {
            mark_unless_null(Unbounded::reference);
        } else if (key == "file_data") {
            mark_unless_null(Unbounded::document);
        } else if (key == "url") {
            part.url = true;
            cursor_.skip();
        } else if (key == "cache_control" || key == "prompt_cache_breakpoint") {
            read_cache_mark(reader_);
            silence(reader_, raw);
        } else if (key == "tools") {
            part.tools = cursor_.skip();
        } else if (is_opaque(raw)) {
            cursor_.skip();
        } else {
            return value();
        }
        return {};
    }

    void type_seen(const Word& type, Part& part) {
        auto& shape = reader_.shape;
        if (is_image_type(type)) {
            ++shape.images;
            part.image = true;
        }
        if (is_audio_type(type)) shape.audio_input = true;
        if (is_file_type(type)) part.file = true;
        if (is_reference_type(type)) shape.mark(Unbounded::reference);
        if (type.is("compaction_trigger")) shape.mark(Unbounded::compaction);
        if (type.is("tool_addition")) shape.mark(Unbounded::unknown_tool);
        if (type.is("additional_tools") || type.is("tool_search_output")) part.carries_tools = true;
    }

    // "https://…", "data:…" or {"url": …}.
    Result<> media(Part& part) {
        if (cursor_.kind() == Kind::string) {
            const std::uint32_t begin = cursor_.offset();
            if (Word::read(cursor_).starts_with("data:")) {
                part.inline_url_bytes += cursor_.offset() - begin;
            } else {
                reader_.shape.mark(Unbounded::remote_media);
            }
            return {};
        }
        if (cursor_.kind() != Kind::object) {
            cursor_.skip();
            return {};
        }
        std::string_view raw;
        std::string scratch;
        cursor_.enter();
        while (cursor_.next_key(raw)) {
            if (folded_key(raw, scratch) == "url") {
                if (auto read = media(part); !read) return read;
            } else {
                cursor_.skip();
            }
        }
        return {};
    }

    void mark_unless_null(Unbounded bit) {
        if (cursor_.kind() != Kind::null) reader_.shape.mark(bit);
        cursor_.skip();
    }

    Result<> nested_tools(core::Span span) {
        JsonCursor outside = cursor_;
        reader_.cursor = JsonCursor{outside.text(span)};
        auto read = read_tools(reader_);
        reader_.cursor = outside;
        return read;
    }

    BodyReader& reader_;
    JsonCursor& cursor_;
};

}  // namespace

void read_cache_mark(BodyReader& reader) {
    JsonCursor& cursor = reader.cursor;
    if (cursor.kind() != Kind::object) {
        cursor.skip();
        return;
    }
    reader.shape.wants_cache = true;
    std::string_view raw;
    std::string scratch;
    cursor.enter();
    while (cursor.next_key(raw)) {
        bool is_ttl = folded_key(raw, scratch) == "ttl";
        Word word = Word::read(cursor);
        // Whatever is not known to be short may be long.
        if (is_ttl && !word.is("5m") && !word.is("30m")) reader.shape.wants_long_cache = true;
    }
}

Result<> read_content(BodyReader& reader) { return ContentWalk{reader}.value(); }

Result<> read_turns(BodyReader& reader) {
    if (reader.cursor.kind() != Kind::array) return read_content(reader);
    core::CallShape& shape = reader.shape;
    reader.cursor.enter();
    while (reader.cursor.next_item()) {
        (void)reader.cursor.kind();  // passes white space, so that the offset is the value's
        const core::Turn before{.span = {reader.cursor.offset(), 0},
                                .images = shape.images,
                                .no_text_bytes = shape.no_text_bytes};
        if (auto read = read_content(reader); !read) return read;
        shape.turns.push_back({.span = {before.span.begin, reader.cursor.offset()},
                               .images = shape.images - before.images,
                               .no_text_bytes = shape.no_text_bytes - before.no_text_bytes});
    }
    return {};
}

// With one comma, so that what is left reads as if the member had never been there.
void silence(BodyReader& reader, std::string_view raw) {
    std::uint32_t begin = reader.offset_of(raw) - 1;
    std::uint32_t end = reader.cursor.offset();
    auto is_space = [](char c) {
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
    };
    std::uint32_t comma = begin;
    while (comma > 0 && is_space(reader.body[comma - 1])) --comma;
    if (comma > 0 && reader.body[comma - 1] == ',') {
        begin = comma - 1;
    } else {
        while (end < reader.body.size() && is_space(reader.body[end])) ++end;
        if (end < reader.body.size() && reader.body[end] == ',') ++end;
    }
    reader.shape.silent.push_back({begin, end});
}

}  // namespace weir::provider
