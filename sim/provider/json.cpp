#include "sim/provider/json.h"

#include <algorithm>
#include <array>

namespace weir::sim {
namespace {

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

bool is_limit(std::string_view key) {
    constexpr std::array<std::string_view, 5> kLimits{"max_tokens", "max_completion_tokens",
                                                      "max_output_tokens", "n", "best_of"};
    return std::ranges::find(kLimits, key) != kLimits.end();
}

// Gathers the top level by folded keys while the text is parsed.
class Folder {
 public:
    bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
        if (depth != 1) return true;
        if (event == Json::parse_event_t::key) {
            key_ = lower(parsed.get<std::string>());
        } else if (event == Json::parse_event_t::value ||
                   event == Json::parse_event_t::object_end ||
                   event == Json::parse_event_t::array_end) {
            take(parsed);
        }
        return true;
    }
    Json folded() && { return std::move(folded_); }

 private:
    void take(const Json& value) {
        const Json* before = member(folded_, key_);
        bool keep = before != nullptr && is_limit(key_) && before->is_number_integer() &&
                    value.is_number_integer() &&
                    before->get<std::int64_t>() > value.get<std::int64_t>();
        if (!keep) folded_[key_] = value;
    }
    std::string key_;
    Json folded_ = Json::object();
};

}  // namespace

const Json* member(const Json& value, std::string_view key) {
    if (!value.is_object()) return nullptr;
    auto found = value.find(key);
    return found == value.end() || found->is_null() ? nullptr : &*found;
}

std::string string_at(const Json& value, std::string_view key, std::string_view otherwise) {
    const Json* found = member(value, key);
    return found != nullptr && found->is_string() ? found->get<std::string>()
                                                  : std::string{otherwise};
}

std::optional<std::int64_t> integer_at(const Json& value, std::string_view key) {
    const Json* found = member(value, key);
    if (found == nullptr || !found->is_number_integer()) return std::nullopt;
    return found->get<std::int64_t>();
}

bool flag_at(const Json& value, std::string_view key) {
    const Json* found = member(value, key);
    return found != nullptr && found->is_boolean() && found->get<bool>();
}

const Json& array_at(const Json& value, std::string_view key) {
    static const Json kEmpty = Json::array();
    const Json* found = member(value, key);
    return found != nullptr && found->is_array() ? *found : kEmpty;
}

std::string dump(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json read_body(std::string_view text, Reading reading) {
    if (reading == Reading::python) return Json::parse(text, nullptr, false);
    Folder folder;
    auto each = [&](int depth, Json::parse_event_t event, Json& parsed) {
        return folder(depth, event, parsed);
    };
    Json body = Json::parse(text, each, false);
    return body.is_object() ? std::move(folder).folded() : body;
}

}  // namespace weir::sim
