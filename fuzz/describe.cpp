// Request bodies: what describe takes is JSON to another reader too, and says the same; what it
// calls malformed is so. The first byte is the endpoint, the rest the body.
#include "fuzz/endpoints.h"
#include "fuzz/json_oracle.h"
#include "fuzz/target.h"
#include "provider/json_cursor.h"
#include "provider/provider.h"

namespace weir::fuzz {
namespace {

using core::CallShape;
using core::Span;

std::string_view cut(std::string_view body, Span span) {
    WEIR_CHECK(span.begin <= span.end && span.end <= body.size());
    return body.substr(span.begin, span.end - span.begin);
}

bool is_true(const Json& object, const char* name) {
    auto member = object.find(name);
    return member != object.end() && member->is_boolean() && member->get<bool>();
}

void check_spans(std::string_view body, const CallShape& shape) {
    WEIR_CHECK(shape.object_start > 0 && body.at(shape.object_start - 1) == '{');
    WEIR_CHECK(!shape.model_value.empty() && !shape.object_empty);
    for (const auto& site : shape.max_output_sites) {
        Json key = parse_json(cut(body, site.key));
        WEIR_CHECK(key.is_string());
        WEIR_CHECK(site.is_max_tokens == (key == "max_tokens"));
        Json value = parse_json(cut(body, site.value));
        WEIR_CHECK(value.is_null() || value.is_number_integer());
        if (!value.is_null())
            WEIR_CHECK(shape.max_output >= value.get<std::int64_t>() || shape.max_output == 0);
    }
    if (!shape.metadata_key.empty()) WEIR_CHECK(cut(body, shape.metadata_key) == "\"metadata\"");
    Json options = parse_json(cut(body, shape.stream_options_value));
    WEIR_CHECK(shape.stream_options_value.empty() || options.is_object() || options.is_null());
    if (!shape.include_usage_value.empty())
        WEIR_CHECK(shape.include_usage_value.begin > shape.stream_options_value.begin &&
                   shape.include_usage_value.end < shape.stream_options_value.end);
}

void check_shape(const Json& json, std::string_view body, const CallShape& shape) {
    WEIR_CHECK(json.is_object());
    WEIR_CHECK(json.value("model", Json{}) == shape.model);
    WEIR_CHECK(parse_json(cut(body, shape.model_value)) == shape.model);
    WEIR_CHECK(is_true(json, "stream") == shape.stream);
    if (auto options = json.find("stream_options"); options != json.end() && options->is_object())
        WEIR_CHECK(is_true(*options, "include_usage") == shape.include_usage);
    WEIR_CHECK(shape.choices >= 1 && shape.inputs >= 1 && shape.images >= 0);
    WEIR_CHECK(shape.max_output.value_or(0) >= 0 && shape.server_tool_uses >= 0);
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    if (size == 0) return 0;
    std::string_view body = text_of(data + 1, size - 1);
    auto shape = weir::provider::describe(endpoint_of(data[0]), body);
    if (shape) check_spans(body, *shape);
    if (!oracle_is_sure(body)) return 0;
    Json json = parse_json(body);
    if (shape) {
        WEIR_CHECK(!json.is_discarded());
        check_shape(json, body, *shape);
    } else if (shape.error().code() == weir::ErrorCode::malformed_json) {
        WEIR_CHECK(!json.is_object() || depth_of(body) >= weir::provider::JsonCursor::kMaxDepth);
    }
    return 0;
}
