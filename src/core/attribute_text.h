// The small texts in which callers say whose call it is: pairs, baggage, traceparent, flat JSON.
// They come from anyone, so every parser survives any bytes. Internal to core/attribute.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weir::core {

std::string_view trimmed(std::string_view text);

// Well-formed UTF-8 without control characters.
bool is_printable(std::string_view text);

// %41 → A; nullopt where malformed.
std::optional<std::string> percent_decoded(std::string_view text);

// Calls `each` for every element between commas, trimmed, the empty ones left out.
void for_each_element(std::string_view list, const std::function<void(std::string_view)>& each);

// The trace id of a W3C traceparent, as it stands; empty where it is not a valid one.
std::string_view trace_id_of(std::string_view traceparent);

using OnMember = std::function<void(std::string_view name, std::string_view value)>;
// Members of one flat JSON object whose values are strings, numbers or booleans; nested values and
// null are passed over. Stops at the first byte that is not JSON: what came before it counts.
void for_each_json_member(std::string_view json, const OnMember& each);

}  // namespace weir::core
