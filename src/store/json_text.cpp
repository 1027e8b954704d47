#include "store/json_text.h"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

namespace weir::store {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// Length of the UTF-8 sequence at `at`; 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return static_cast<unsigned char>(text[i]);
    };
    const unsigned char first = byte(at);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) return 0;
    }
    const unsigned char second = byte(at + 1);
    if (first == 0xE0 && second < 0xA0) return 0;  // overlong
    if (first == 0xED && second > 0x9F) return 0;  // surrogate
    if (first == 0xF0 && second < 0x90) return 0;  // overlong
    if (first == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
    return length;
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        default:
            out += "\\u00";
            out += kHex[static_cast<unsigned char>(c) >> 4];
            out += kHex[static_cast<unsigned char>(c) & 15];
    }
}

bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\';
}

void append_number(std::string& out, std::int64_t value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), end.ptr);
}

// Quoted: 128 bits do not fit what most readers take a JSON number for.
void append_int128(std::string& out, Int128 value) {
    out += '"';
    const auto narrow = static_cast<std::int64_t>(value);
    if (Int128{narrow} == value) {
        append_number(out, narrow);
    } else {
        out += to_string(value);
    }
    out += '"';
}

void append_instance(std::string& out, std::string_view instance) {
    if (is_utf8(instance)) {
        out += ",\"instance\":";
        append_json_string(out, instance);
        return;
    }
    out += ",\"instance_hex\":\"";
    for (const char c : instance) {
        out += kHex[static_cast<unsigned char>(c) >> 4];
        out += kHex[static_cast<unsigned char>(c) & 15];
    }
    out += '"';
}

void append_part(std::string& out, const core::HoldPart& part) {
    out += "{\"budget\":\"";
    out += std::to_string(part.budget_id);
    out += '"';
    append_instance(out, part.instance);
    out += ",\"window\":[";
    append_number(out, part.window.start);
    out += ',';
    append_number(out, part.window.end);
    out += "],\"unit\":\"";
    out += core::budget_unit_name(part.unit);
    out += "\",\"held\":";
    append_int128(out, part.held);
    out += ",\"amount\":";
    append_int128(out, part.amount);
    out += ",\"settled\":";
    append_int128(out, part.settled);
    out += ",\"others_held\":";
    append_int128(out, part.others_held);
    if (part.blocks) out += ",\"blocks\":true";
    if (part.refused) out += ",\"refused\":true";
    out += '}';
}

using nlohmann::json;

std::string text_of(const json& object, const char* name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

bool flag_of(const json& object, const char* name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_boolean() && it->get<bool>();
}

std::optional<std::string> bytes_of_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) return std::nullopt;
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const auto high = kHex.find(hex[i]);
        const auto low = kHex.find(hex[i + 1]);
        if (high == kHex.npos || low == kHex.npos) return std::nullopt;
        out += static_cast<char>(high << 4 | low);
    }
    return out;
}

std::optional<core::BudgetUnit> unit_named(std::string_view name) {
    for (const auto unit : core::kBudgetUnits) {
        if (core::budget_unit_name(unit) == name) return unit;
    }
    return std::nullopt;
}

std::optional<std::string> instance_of(const json& object) {
    if (object.contains("instance_hex")) return bytes_of_hex(text_of(object, "instance_hex"));
    return text_of(object, "instance");
}

std::optional<std::uint64_t> id_of(std::string_view text) {
    std::uint64_t id = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), id);
    if (end.ec != std::errc{} || end.ptr != text.data() + text.size()) return std::nullopt;
    return id;
}

std::optional<core::HoldPart> part_of(const json& object) {
    if (!object.is_object()) return std::nullopt;
    core::HoldPart part;
    const auto id = id_of(text_of(object, "budget"));
    const auto unit = unit_named(text_of(object, "unit"));
    auto instance = instance_of(object);
    const auto window = object.find("window");
    if (!id || !unit || !instance || window == object.end() || !window->is_array() ||
        window->size() != 2 || !(*window)[0].is_number_integer() ||
        !(*window)[1].is_number_integer()) {
        return std::nullopt;
    }
    const auto held = parse_int128(text_of(object, "held"));
    const auto amount = parse_int128(text_of(object, "amount"));
    const auto settled = parse_int128(text_of(object, "settled"));
    const auto others = parse_int128(text_of(object, "others_held"));
    if (!held || !amount || !settled || !others) return std::nullopt;
    part.budget_id = *id;
    part.instance = std::move(*instance);
    part.window = {(*window)[0].get<std::int64_t>(), (*window)[1].get<std::int64_t>()};
    part.unit = *unit;
    part.held = *held;
    part.amount = *amount;
    part.settled = *settled;
    part.others_held = *others;
    part.blocks = flag_of(object, "blocks");
    part.refused = flag_of(object, "refused");
    return part;
}

}  // namespace

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = utf8_length(text, i);
        if (length == 0) return false;
        i += length;
    }
    return true;
}

bool is_reason(std::string_view text) {
    constexpr std::size_t kMost = 500;
    return text.size() <= kMost && is_utf8(text);
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        std::size_t run = i;
        while (run < text.size() && is_plain(text[run])) ++run;
        out.append(text.substr(i, run - i));
        if (run == text.size()) break;
        i = run;
        const std::size_t length = utf8_length(text, i);
        if (length == 1) {
            append_escaped(out, text[i]);
        } else if (length == 0) {
            out += "\xEF\xBF\xBD";
        } else {
            out.append(text.substr(i, length));
        }
        i += length == 0 ? 1 : length;
    }
    out += '"';
}

void append_parts(std::string& out, const std::vector<core::HoldPart>& parts) {
    out += '[';
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i != 0) out += ',';
        append_part(out, parts[i]);
    }
    out += ']';
}

Result<std::vector<core::HoldPart>> parse_parts(std::string_view text) {
    std::vector<core::HoldPart> parts;
    if (text.empty()) return parts;
    const json array = json::parse(text, nullptr, false);
    if (!array.is_array())
        return fail(ErrorCode::corrupt, "figures of a decision are not readable");
    for (const json& object : array) {
        auto part = part_of(object);
        if (!part) return fail(ErrorCode::corrupt, "figures of a decision are not readable");
        parts.push_back(std::move(*part));
    }
    return parts;
}

void append_tags(std::string& out, const Tags& tags) {
    out += '[';
    for (std::size_t i = 0; i < tags.size(); ++i) {
        out += i == 0 ? "[" : ",[";
        append_json_string(out, tags[i].first);
        out += ',';
        append_json_string(out, tags[i].second);
        out += ']';
    }
    out += ']';
}

Tags parse_tags(std::string_view text) {
    Tags tags;
    const json array = json::parse(text, nullptr, false);
    if (!array.is_array()) return tags;
    for (const json& pair : array) {
        if (!pair.is_array() || pair.size() != 2) continue;
        if (!pair[0].is_string() || !pair[1].is_string()) continue;
        tags.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
    return tags;
}

void append_strings(std::string& out, const std::vector<std::string>& values) {
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != 0) out += ',';
        append_json_string(out, values[i]);
    }
    out += ']';
}

std::vector<std::string> parse_strings(std::string_view text) {
    std::vector<std::string> values;
    const json array = json::parse(text, nullptr, false);
    if (!array.is_array()) return values;
    for (const json& value : array) {
        if (value.is_string()) values.push_back(value.get<std::string>());
    }
    return values;
}

void append_object(std::string& out, const Tags& members) {
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (i != 0) out += ',';
        append_json_string(out, members[i].first);
        out += ':';
        append_json_string(out, members[i].second);
    }
    out += '}';
}

Tags parse_object(std::string_view text) {
    Tags members;
    const json object = json::parse(text, nullptr, false);
    if (!object.is_object()) return members;
    for (const auto& [name, value] : object.items()) {
        if (value.is_string()) members.emplace_back(name, value.get<std::string>());
    }
    return members;
}

void append_usage_lines(std::string& out, const std::vector<core::UsageLine>& lines) {
    out += '[';
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const core::UsageLine& line = lines[i];
        out += i == 0 ? "{\"model\":" : ",{\"model\":";
        append_json_string(out, line.model);
        out += ",\"tier\":";
        append_json_string(out, line.tier);
        out += ",\"speed\":";
        append_json_string(out, line.speed);
        out += ",\"geo\":";
        append_json_string(out, line.geo);
        out += ",\"role\":";
        append_json_string(out, core::line_role_name(line.role));
        for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
            if (line.tokens[c] == 0) continue;
            out += ",\"";
            out += core::token_class_name(static_cast<core::TokenClass>(c));
            out += "\":";
            append_number(out, line.tokens[c]);
        }
        out += '}';
    }
    out += ']';
}

}  // namespace weir::store
