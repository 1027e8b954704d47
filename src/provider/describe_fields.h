// Readers of single top-level keys; private to describe. Each reads exactly one value. Errors:
// ambiguous_json, invalid_parameter.
#pragma once

#include "provider/describe_parts.h"

namespace weir::provider {

Result<> skip(BodyReader& r);

Result<> read_prompt(BodyReader& r);
Result<> read_input(BodyReader& r);
Result<> read_messages(BodyReader& r);
Result<> read_prediction(BodyReader& r);
// A search, plug-in or server of the provider's, without a declared number of uses.
Result<> mark_search(BodyReader& r);
Result<> read_web_search(BodyReader& r);
Result<> read_context_management(BodyReader& r);
Result<> read_service_tier(BodyReader& r);
Result<> read_speed(BodyReader& r);
Result<> read_geo(BodyReader& r);
Result<> read_cache_control(BodyReader& r);
Result<> read_cache_retention(BodyReader& r);
Result<> read_modalities(BodyReader& r);
Result<> read_audio(BodyReader& r);
Result<> read_format(BodyReader& r);
Result<> read_tool_choice(BodyReader& r);
Result<> read_user(BodyReader& r);
Result<> read_cache_key(BodyReader& r);
Result<> read_metadata_member(BodyReader& r);
Result<> read_client_metadata_member(BodyReader& r);

// Present and neither null, false nor an empty list. Reads the value.
bool is_set(BodyReader& r);

template <core::Unbounded kBit>
Result<> mark_if_set(BodyReader& r) {
    if (is_set(r)) r.shape.mark(kBit);
    return {};
}

}  // namespace weir::provider
