// JSON written by appending: error bodies, answers of the admin API, log lines. Always valid JSON:
// bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::codec {

// `text` in quotes, escaped.
void append_json_string(std::string& out, std::string_view text);

// Puts the commas. The caller keeps objects and arrays balanced and gives a key before each value
// of an object. Owner: the caller of `out`, which it outlives.
class JsonWriter {
 public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);

    JsonWriter& string(std::string_view value);
    JsonWriter& integer(std::int64_t value);
    JsonWriter& unsigned_integer(std::uint64_t value);
    JsonWriter& number(double value);  // the shortest that reads back; null if not finite
    JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
    JsonWriter& null() { return raw("null"); }
    // A value that is JSON already: a decimal number as text, a body passed on.
    JsonWriter& raw(std::string_view json);

    // key() and value in one.
    JsonWriter& field(std::string_view name, std::string_view value) {
        return key(name).string(value);
    }
    JsonWriter& field(std::string_view name, const char* value) { return key(name).string(value); }
    JsonWriter& field(std::string_view name, std::int64_t value) {
        return key(name).integer(value);
    }
    JsonWriter& field(std::string_view name, int value) { return key(name).integer(value); }
    JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }

 private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string& out_;
    bool comma_ = false;  // a value stands before the present place
};

}  // namespace weir::codec
