// Asking a provider how many tokens an input has, which costs nothing (wire.md §1.2, §1.4). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/call.h"
#include "core/policy.h"

namespace weir::provider {

// Where such a provider counts the input of such a call, under its prefix; empty: nowhere.
std::string_view count_path(core::Vendor vendor, core::Endpoint endpoint);
// The question: of a body that was described, what makes up its input, as it came.
std::string count_request(std::string_view body, core::Endpoint endpoint, std::string_view model);
std::optional<std::int64_t> read_count_answer(std::string_view body);

}  // namespace weir::provider
