#include "provider/usage_json.h"

#include <cstring>

namespace weir::provider {

namespace {

constexpr std::int64_t kCountMax = std::int64_t{1} << 53;
constexpr std::size_t kNameBytesMax = 256;
// One that has read a larger document is not kept.
constexpr std::size_t kBufferKeptMax = std::size_t{256} << 10;

}  // namespace

struct JsonReader::Tools {
    json::parser parser;
    json::document document;
    std::string buffer;
    std::size_t size = 0;
};

std::vector<std::unique_ptr<JsonReader::Tools>>& JsonReader::idle() {
    thread_local std::vector<std::unique_ptr<Tools>> idle;
    return idle;
}

JsonReader::JsonReader() {
    if (idle().empty()) {
        tools_ = std::make_unique<Tools>();
    } else {
        tools_ = std::move(idle().back());
        idle().pop_back();
    }
}

JsonReader::~JsonReader() {
    if (tools_->buffer.size() <= kBufferKeptMax) idle().push_back(std::move(tools_));
}

bool JsonReader::intact() { return tools_->document.is_alive(); }

std::string_view JsonReader::text() const {
    return std::string_view(tools_->buffer).substr(0, tools_->size);
}

std::optional<json::object> JsonReader::object(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    auto& [parser, document, buffer, size] = *tools_;
    const std::size_t padded = text.size() + simdjson::SIMDJSON_PADDING;
    if (buffer.size() < padded) buffer.resize(padded);
    size = text.size();
    std::memcpy(buffer.data(), text.data(), text.size());
    std::memset(buffer.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    const simdjson::padded_string_view view(buffer.data(), text.size(), buffer.size());
    if (parser.iterate(view).get(document) != simdjson::SUCCESS) return std::nullopt;
    json::json_type type{};
    if (document.type().get(type) != simdjson::SUCCESS) return std::nullopt;
    json::object object;
    if (type == json::json_type::object) {
        if (document.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
        return object;
    }
    if (type != json::json_type::array) return std::nullopt;
    json::array array;
    if (document.get_array().get(array) != simdjson::SUCCESS) return std::nullopt;
    for (auto result : array) {
        json::value element;
        if (std::move(result).get(element) != simdjson::SUCCESS) break;
        return object_of(element);
    }
    return std::nullopt;
}

bool is_null(json::value value) {
    json::json_type type{};
    return value.type().get(type) == simdjson::SUCCESS && type == json::json_type::null;
}

bool is_object(json::value value) {
    json::json_type type{};
    return value.type().get(type) == simdjson::SUCCESS && type == json::json_type::object;
}

std::optional<json::object> object_of(json::value value) {
    json::object object;
    if (!is_object(value) || value.get_object().get(object) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    return object;
}

std::optional<std::int64_t> read_count(json::value value, bool& absurd) {
    if (is_null(value)) return std::nullopt;
    // Read from the digits themselves: a number that no integer holds must not fail the document.
    std::string_view token = value.raw_json_token();
    while (!token.empty() && (token.back() <= ' ')) token.remove_suffix(1);
    std::int64_t count = 0;
    bool valid = !token.empty() && token.size() <= 16;
    for (const char c : token) {
        if (!valid) break;
        valid = c >= '0' && c <= '9';
        if (valid) count = count * 10 + (c - '0');
    }
    if (valid && count <= kCountMax) return count;
    absurd = true;
    return std::nullopt;
}

void read_name(json::value value, std::string& out) {
    json::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS || type != json::json_type::string) return;
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS || text.size() > kNameBytesMax) return;
    out.assign(text);
}

}  // namespace weir::provider
