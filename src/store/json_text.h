// The few JSON texts that stand inside SQLite columns: figures of a decision, tags, notes. Written
// by hand because the bookkeeper writes them for every entry; read with a library, for people.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "core/budget.h"
#include "core/usage.h"

namespace weir::store {

// With quotes. Bytes that are not UTF-8 become U+FFFD, so that the text is JSON whatever it holds.
void append_json_string(std::string& out, std::string_view text);

// An array of objects, one a budget. An instance whose bytes are not UTF-8 stands in
// `instance_hex`, so that nothing is lost: recovery reads holds from here.
void append_parts(std::string& out, const std::vector<core::HoldPart>& parts);
// Errors: corrupt.
Result<std::vector<core::HoldPart>> parse_parts(std::string_view json);

using Tags = std::vector<std::pair<std::string, std::string>>;
// An array of [name, value]: order and repeats are kept.
void append_tags(std::string& out, const Tags& tags);
Tags parse_tags(std::string_view json);

void append_strings(std::string& out, const std::vector<std::string>& values);
std::vector<std::string> parse_strings(std::string_view json);

// An object; null and malformed text give an empty one.
void append_object(std::string& out, const Tags& members);
Tags parse_object(std::string_view json);

// Usage lines as they were reported, for responses that bill several models.
void append_usage_lines(std::string& out, const std::vector<core::UsageLine>& lines);

bool is_utf8(std::string_view text);
// What an operator may give as the reason of a change: at most 500 bytes of UTF-8.
bool is_reason(std::string_view text);

}  // namespace weir::store
