#include "provider/usage_json.h"

#include <cstring>

namespace weir::provider {

namespace {

constexpr std::int64_t kCountMax = std::int64_t{1} << 53;
constexpr std::size_t kNameBytesMax = 256;

}  // namespace

std::optional<json::object> JsonReader::object(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const std::size_t padded = text.size() + simdjson::SIMDJSON_PADDING;
    if (buffer_.size() < padded) buffer_.resize(padded);
    size_ = text.size();
    std::memcpy(buffer_.data(), text.data(), text.size());
    std::memset(buffer_.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    const simdjson::padded_string_view view(buffer_.data(), text.size(), buffer_.size());
    if (parser_.iterate(view).get(document_) != simdjson::SUCCESS) return std::nullopt;
    json::json_type type{};
    if (document_.type().get(type) != simdjson::SUCCESS) return std::nullopt;
    json::object object;
    if (type == json::json_type::object) {
        if (document_.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
        return object;
    }
    if (type != json::json_type::array) return std::nullopt;
    json::array array;
    if (document_.get_array().get(array) != simdjson::SUCCESS) return std::nullopt;
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
