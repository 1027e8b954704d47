// JSON whose numbers are still the text they were written as. Included by price_*.cpp only, which
// keep nlohmann's exceptions to themselves by asking before they take.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::store {

using Json = nlohmann::json;

// Every number becomes a string of its digits; of names that come twice the first counts. Errors:
// config_invalid (malformed, larger than 64 MiB, or nested too deeply).
Result<Json> parse_json_numbers_as_text(std::string_view text);

// Members, or nullptr if `object` is no object or has no such member.
const Json* member(const Json& object, const char* name);
// Text of a string or number member; nullopt if absent or of another type.
std::optional<std::string_view> text_member(const Json& object, const char* name);
// Text of a string or number; nullopt for anything else.
std::optional<std::string_view> text_of(const Json& value);

}  // namespace weir::store
