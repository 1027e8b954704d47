#include "admin/fields.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <set>

#include "base/nearest.h"
#include "codec/url.h"

namespace weir::admin {
namespace {

constexpr int kDepthMax = 64;

Result<std::string> decode(std::string_view text) {
    std::string blanks{text};
    std::ranges::replace(blanks, '+', ' ');
    return codec::percent_decode(blanks);
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Notes names that an object gives twice, of which a tree would keep only one.
struct RepeatWatch {
    std::set<std::string> seen;
    std::string repeated;
    bool too_deep = false;

    bool operator()(int depth, Json::parse_event_t event, const Json& value) {
        if (depth > kDepthMax) too_deep = true;
        if (event == Json::parse_event_t::key && depth == 1) {
            auto name = value.get<std::string>();
            if (!seen.insert(name).second && repeated.empty()) repeated = std::move(name);
        }
        return !too_deep;
    }
};

}  // namespace

void Fields::complain(std::string what) {
    if (!problem_) problem_ = Error{ErrorCode::invalid_parameter, std::move(what)};
}

Result<> Fields::problem() const {
    if (problem_) return std::unexpected(*problem_);
    return {};
}

void Fields::check_name(std::string_view name, const Names& allowed) {
    if (std::ranges::find(allowed, name) != allowed.end()) return;
    // What a stranger sent is shown in part only.
    complain(fmt::format("There is no {} '{}' here{}.", from_query_ ? "parameter" : "field",
                         name.substr(0, 64), did_you_mean(name, allowed)));
}

Fields Fields::of_query(std::string_view query, const Names& allowed) {
    Fields fields;
    fields.from_query_ = true;
    if (query.starts_with('?')) query.remove_prefix(1);
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        const Result<std::string> name = decode(pair.substr(0, equals));
        const Result<std::string> value = decode(pair.substr(std::min(equals + 1, pair.size())));
        if (!name || !value) {
            fields.complain("The query string is not percent-encoded UTF-8.");
            return fields;
        }
        fields.check_name(*name, allowed);
        if (fields.problem_) return fields;
        if (fields.values_.contains(*name)) {
            fields.complain(fmt::format("'{}' is given twice.", *name));
            return fields;
        }
        fields.values_[*name] = *value;
    }
    return fields;
}

Fields Fields::of_body(std::string_view body, const Names& allowed) {
    Fields fields;
    if (body.empty()) return fields;
    RepeatWatch watch;
    Json parsed = Json::parse(body, std::ref(watch), false);
    if (parsed.is_discarded() || watch.too_deep) {
        fields.problem_ = Error{ErrorCode::malformed_json};
        return fields;
    }
    if (!parsed.is_object()) {
        fields.problem_ = Error{ErrorCode::malformed_json, "The body must be a JSON object."};
        return fields;
    }
    if (!watch.repeated.empty()) {
        fields.complain(fmt::format("'{}' is given twice.", watch.repeated.substr(0, 64)));
    }
    for (const auto& [name, value] : parsed.items()) fields.check_name(name, allowed);
    fields.values_ = std::move(parsed);
    return fields;
}

const Json* Fields::find(std::string_view name) const {
    auto at = values_.find(std::string{name});
    return at == values_.end() || at->is_null() ? nullptr : &*at;
}

bool Fields::has(std::string_view name) const { return find(name) != nullptr; }

std::optional<std::string> Fields::text(std::string_view name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) {
        complain(fmt::format("'{}' must be a string.", name));
        return std::nullopt;
    }
    auto out = value->get<std::string>();
    constexpr std::size_t kTextMax = 4'096;
    const bool control =
        std::ranges::any_of(out, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
    if (out.size() > kTextMax || control) {
        complain(fmt::format("'{}' must be text of at most {} bytes without control characters.",
                             name, kTextMax));
    }
    return out;
}

std::string Fields::text_or(std::string_view name, std::string_view fallback) {
    return text(name).value_or(std::string{fallback});
}

std::string Fields::required(std::string_view name) {
    std::string out = text(name).value_or("");
    if (out.empty()) complain(fmt::format("'{}' is required.", name));
    return out;
}

bool Fields::flag(std::string_view name) {
    const Json* value = find(name);
    if (value == nullptr) return false;
    if (value->is_boolean()) return value->get<bool>();
    if (from_query_) {
        const auto& word = value->get_ref<const std::string&>();
        if (word.empty() || word == "true" || word == "1") return true;
        if (word == "false" || word == "0") return false;
    }
    complain(fmt::format("'{}' must be true or false.", name));
    return false;
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least,
                                            std::int64_t most) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    std::optional<std::int64_t> number;
    if (from_query_) {
        number = whole_number(value->get_ref<const std::string&>());
    } else if (value->is_number_unsigned()) {
        auto big = value->get<std::uint64_t>();
        if (big <= std::uint64_t{INT64_MAX}) number = static_cast<std::int64_t>(big);
    } else if (value->is_number_integer()) {
        number = value->get<std::int64_t>();
    }
    if (!number || *number < least || *number > most) {
        complain(fmt::format("'{}' must be a whole number from {} to {}.", name, least, most));
        return std::nullopt;
    }
    return number;
}

std::optional<UnixTime> Fields::time(std::string_view name) {
    const std::optional<std::string> value = text(name);
    if (!value) return std::nullopt;
    const std::optional<UnixTime> instant = parse_rfc3339(*value);
    if (!instant) {
        complain(fmt::format(
            "'{}' must be a time such as 2026-11-24T18:00:00Z, or a date: 2026-11-24.", name));
    }
    return instant;
}

std::optional<Money> Fields::usd(std::string_view name) {
    const std::optional<std::string> value = text(name);
    if (!value) return std::nullopt;
    const Result<Money> money = Money::parse_usd(*value);
    if (!money) {
        complain(
            fmt::format("'{}' must be an amount in dollars as text, such as \"0.0425\".", name));
        return std::nullopt;
    }
    return *money;
}

std::vector<std::string> Fields::list(std::string_view name) {
    std::vector<std::string> out;
    const Json* value = find(name);
    if (value == nullptr) return out;
    if (from_query_) {
        for (std::string_view rest = value->get_ref<const std::string&>(); !rest.empty();) {
            const std::size_t end = std::min(rest.find(','), rest.size());
            if (end > 0) out.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        return out;
    }
    const bool strings = value->is_array() && std::ranges::all_of(*value, [](const Json& item) {
                             return item.is_string() && !item.get_ref<const std::string&>().empty();
                         });
    if (!strings) {
        complain(fmt::format("'{}' must be an array of strings.", name));
        return out;
    }
    for (const Json& item : *value) out.push_back(item.get<std::string>());
    return out;
}

std::map<std::string, std::optional<std::string>> Fields::members(std::string_view name) {
    std::map<std::string, std::optional<std::string>> out;
    const Json* value = find(name);
    if (value == nullptr) return out;
    const bool strings = value->is_object() && std::ranges::all_of(*value, [](const Json& member) {
                             return member.is_string() || member.is_null();
                         });
    if (!strings) {
        complain(fmt::format("'{}' must be an object of strings.", name));
        return out;
    }
    for (const auto& [key, member] : value->items()) {
        out[key] = member.is_null() ? std::nullopt : std::optional{member.get<std::string>()};
    }
    return out;
}

std::map<std::string, std::vector<std::string>> Fields::lists(std::string_view name) {
    std::map<std::string, std::vector<std::string>> out;
    const Json* value = find(name);
    if (value == nullptr) return out;
    const auto is_text = [](const Json& item) {
        return item.is_string() && !item.get_ref<const std::string&>().empty();
    };
    const auto is_list = [&is_text](const Json& member) {
        return member.is_array() && !member.empty() && std::ranges::all_of(member, is_text);
    };
    for (const auto& [key, member] : value->items()) {
        if (!value->is_object() || (!is_text(member) && !is_list(member))) {
            complain(fmt::format("'{}' must be an object of strings, or of arrays of them.", name));
            return {};
        }
        out[key] = member.is_string() ? std::vector{member.get<std::string>()}
                                      : member.get<std::vector<std::string>>();
    }
    return out;
}

std::vector<std::pair<std::string, std::string>> Fields::objects(std::string_view name) {
    std::vector<std::pair<std::string, std::string>> out;
    const Json* value = find(name);
    if (value == nullptr) return out;
    const bool objects = value->is_object() && std::ranges::all_of(*value, [](const Json& member) {
                             return member.is_object();
                         });
    if (!objects) {
        complain(fmt::format("'{}' must be an object of objects.", name));
        return out;
    }
    for (const auto& [key, member] : value->items()) out.emplace_back(key, to_text(member));
    return out;
}

std::optional<std::string> Fields::document(std::string_view name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) return value->get<std::string>();
    if (value->is_structured()) return to_text(*value);
    complain(fmt::format("'{}' must be a document: text, or JSON.", name));
    return std::nullopt;
}

}  // namespace weir::admin
