// The pieces that describe is made of; private to this room.
//
// Two ways of reading keys. Objects whose keys decide cost (the top level, a tool, thinking, …) are
// watched: each key once, spelled exactly (KeyWatch). Message content is only searched for what
// makes a call dearer than its bytes: there every occurrence counts, however it is spelled, so that
// a second one can hide nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "core/call.h"
#include "provider/json_cursor.h"

namespace weir::provider {

// Everything the readers of one body share. `body` is valid UTF-8.
struct BodyReader {
    std::string_view body;
    JsonCursor cursor;
    core::CallShape& shape;
    core::Dialect dialect = core::Dialect::openai_chat;

    // What `finish` decides from, once all keys were seen.
    std::optional<std::int64_t> max_tool_calls;
    bool undeclared_mcp = false;
    std::int64_t prompts = 1;
    std::optional<std::int64_t> n;
    std::optional<std::int64_t> best_of;
    std::string cache_key;  // weakest session name

    std::uint32_t offset_of(std::string_view raw) const {
        return static_cast<std::uint32_t>(raw.data() - body.data());
    }
};

// A string value unescaped, without a copy where it holds no escape. Any other kind of value is
// skipped and gives an empty word.
class Word {
 public:
    static Word read(JsonCursor& cursor);
    std::string_view text() const { return escaped_ ? std::string_view{owned_} : raw_; }
    bool is(std::string_view other) const { return text() == other; }
    bool starts_with(std::string_view prefix) const { return text().starts_with(prefix); }

 private:
    std::string_view raw_;
    std::string owned_;
    bool escaped_ = false;
};

// A key as the most lenient server could read it: unescaped and in lower case, with the two letters
// outside ASCII that Go's decoder folds into it. Plain keys are returned as they are.
std::string_view folded_key(std::string_view raw, std::string& scratch);

// Watches the keys of one object. `names` outlives it; at most 64.
class KeyWatch {
 public:
    static constexpr std::size_t kOther = SIZE_MAX;
    explicit KeyWatch(std::span<const std::string_view> names) : names_(names) {}
    // Index into names, or kOther for a key that is not watched. Errors: ambiguous_json.
    Result<std::size_t> see(std::string_view raw);

 private:
    std::span<const std::string_view> names_;
    std::uint64_t seen_ = 0;
    std::string scratch_;
};

// A whole number from `least` to 2^53, or null. Errors: invalid_parameter, naming `name`.
Result<std::optional<std::int64_t>> read_count(JsonCursor& cursor, std::string_view name,
                                               std::int64_t least);
Error invalid(std::string_view name, std::string_view must);

// Reads any value of messages, input, system …: counts images, marks what bytes do not bound.
Result<> read_content(BodyReader& reader);
// The same of a conversation, and where each of its turns stands.
Result<> read_turns(BodyReader& reader);
// The member whose key was `raw` and whose value was just read says nothing to a model.
void silence(BodyReader& reader, std::string_view raw);
// Reads `tools`. Errors: ambiguous_json, invalid_parameter.
Result<> read_tools(BodyReader& reader);

// A tool of the provider's that runs without a declared number of uses.
void mark_undeclared_tool(BodyReader& reader);

// Reads a cache_control object.
void read_cache_mark(BodyReader& reader);

// Identity fields: never an error, never trusted.
void read_metadata(BodyReader& reader);
void read_client_metadata(BodyReader& reader);

}  // namespace weir::provider
