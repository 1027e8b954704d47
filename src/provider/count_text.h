// The most tokens that parts of a request can have, by a vocabulary: its strings as text, what
// stands between them as bytes, which is more than what a chat template puts there (wire.md §5.3).
// Pure. Thread: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "provider/vocabulary.h"

namespace weir::provider {

// `json`: one value, as it was described.
std::int64_t count_json(const Vocabulary& vocabulary, std::string_view json);

}  // namespace weir::provider
