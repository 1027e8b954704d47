#include "provider/count_text.h"

#include <algorithm>

#include "provider/json_cursor.h"

namespace weir::provider {
namespace {

// Below it a string's bytes are bound enough.
constexpr std::size_t kBytesWorthIt = 16;

// What the strings below a value save.
class Saving {
 public:
    Saving(const Vocabulary& vocabulary, std::string_view json)
        : vocabulary_(vocabulary), cursor_(json) {}

    std::int64_t of_value() {
        switch (cursor_.kind()) {
            case JsonCursor::Kind::object:
                return of_object();
            case JsonCursor::Kind::array:
                return of_array();
            case JsonCursor::Kind::string:
                return of_string();
            default:
                cursor_.skip();
                return 0;
        }
    }
    bool ok() const { return cursor_.ok(); }

 private:
    std::int64_t of_object() {
        std::int64_t saved = 0;
        std::string_view key;
        cursor_.enter();
        while (cursor_.next_key(key)) saved += of_value();
        return saved;
    }
    std::int64_t of_array() {
        std::int64_t saved = 0;
        cursor_.enter();
        while (cursor_.next_item()) saved += of_value();
        return saved;
    }
    std::int64_t of_string() {
        const std::string_view raw = cursor_.string();
        if (raw.size() < kBytesWorthIt) return 0;
        const auto text = json_unescape(raw);
        if (!text) return 0;
        const auto bytes = static_cast<std::int64_t>(raw.size());
        return bytes - std::min(bytes, vocabulary_.count(*text));
    }

    const Vocabulary& vocabulary_;
    JsonCursor cursor_;
};

}  // namespace

std::int64_t count_json(const Vocabulary& vocabulary, std::string_view json) {
    const auto bytes = static_cast<std::int64_t>(json.size());
    Saving saving{vocabulary, json};
    const std::int64_t saved = saving.of_value();
    return saving.ok() ? bytes - saved : bytes;
}

}  // namespace weir::provider
