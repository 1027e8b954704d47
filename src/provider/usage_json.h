// Providers' JSON, read without trust. Errors: what cannot be read is absent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::provider {

namespace json = simdjson::ondemand;

// Borrows a parser and a padded buffer of its thread for as long as it lives: on the stack of who
// reads one document, never across a wait. A further document costs no allocation, and a stream
// that waits holds nothing of the dozen kilobytes that a parser has.
class JsonReader {
 public:
    JsonReader();
    ~JsonReader();
    JsonReader(const JsonReader&) = delete;

    // The top-level object, or the first object of a top-level array (some servers wrap errors so);
    // nullopt: neither. Valid until the next call. `text` may start with a byte-order mark.
    std::optional<json::object> object(std::string_view text);
    // After walking the object: false if it was torn or malformed anywhere it was looked at.
    // Figures of such a text may be torn themselves ("40" of "400") and must not count.
    bool intact();
    // The copy that the last object's values are read from, without a byte-order mark.
    std::string_view text() const;

 private:
    struct Tools;
    static std::vector<std::unique_ptr<Tools>>& idle();  // of this thread

    std::unique_ptr<Tools> tools_;
};

// Calls f(key, value) for every field, keys unescaped. False: the object broke off here; a break
// deeper down is told by JsonReader::intact() alone.
template <class F>
bool each_field(json::object object, F&& f) {
    for (auto result : object) {
        json::field field;
        if (std::move(result).get(field) != simdjson::SUCCESS) return false;
        std::string_view key;
        if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
        f(key, field.value());
    }
    return true;
}

// Calls f(object) for every object in the array `value`, if it is one.
template <class F>
void each_object(json::value value, F&& f) {
    json::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return;
    for (auto result : array) {
        json::value element;
        if (std::move(result).get(element) != simdjson::SUCCESS) return;
        json::object object;
        if (element.get_object().get(object) == simdjson::SUCCESS) f(object);
    }
}

bool is_null(json::value value);
bool is_object(json::value value);
std::optional<json::object> object_of(json::value value);

// A count of tokens or requests: a whole number from 0 to 2^53. null is absent; anything else sets
// `absurd` and is absent too.
std::optional<std::int64_t> read_count(json::value value, bool& absurd);

// A short name (id, model, reason); untouched if the value is no string, or one above 256 bytes.
void read_name(json::value value, std::string& out);

}  // namespace weir::provider
