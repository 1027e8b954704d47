// Whose call is it: merges what the key, headers, URL and body say, in order of trust (design.md
// §8).
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "core/attribution.h"
#include "core/call.h"
#include "core/policy.h"

namespace weir::core {

using HeaderView = std::pair<std::string_view, std::string_view>;

struct AttributionInput {
    const Policy* policy = nullptr;
    const KeyRecord* key = nullptr;
    std::span<const HeaderView> headers;  // names in any case
    std::string_view url_tags;            // of /t/<tag=value,…>/v1/…, still percent-encoded
    const CallShape* shape = nullptr;     // may be null
};

// Errors: invalid_parameter (a value longer than 256 bytes or with control characters, more than 32
// tags, malformed x-weir-tags).
Result<Attribution> attribute(const AttributionInput& in);

// Is the call's environment lenient, by a trusted source (product.md §3.1–2)? An environment that
// is unassigned blocks.
bool environment_is_lenient(const Policy& policy, const Attribution& attribution);

// Is this header one of Weir's own or an alias (product.md §3.12), never to be sent to a provider?
bool is_attribution_header(std::string_view name);

}  // namespace weir::core
