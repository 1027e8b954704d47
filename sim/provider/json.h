// Reading and writing JSON in the simulated provider. Readers give nothing, rather than throw, for
// what is absent or of another kind.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace weir::sim {

// In the order of the text, and of two equal keys the last value, as in the vendors' languages.
using Json = nlohmann::ordered_json;

// nullptr: `value` is no object, or it has no such member, or that is null.
const Json* member(const Json& value, std::string_view key);
std::string string_at(const Json& value, std::string_view key, std::string_view otherwise = {});
std::optional<std::int64_t> integer_at(const Json& value, std::string_view key);
bool flag_at(const Json& value, std::string_view key);
// The array there, or an empty one.
const Json& array_at(const Json& value, std::string_view key);
std::string dump(const Json& value);

// How a request body is read.
enum class Reading : std::uint8_t {
    python,  // of two equal keys the last counts
    go,      // also of keys that differ in case only; of limits the largest, so that it costs most
};
// Discarded (see Json::is_discarded) if it is not JSON.
Json read_body(std::string_view text, Reading reading);

}  // namespace weir::sim
