// Request bodies: what describe takes is JSON to another reader too, and says the same; what it
// calls malformed is so. The first byte is the endpoint, the rest the body.
#include "core/conversation.h"
#include "fuzz/endpoints.h"
#include "fuzz/json_oracle.h"
#include "fuzz/target.h"
#include "provider/count_request.h"
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

// Turns stand in order and apart; what is silent is cut out of neither more nor less than once.
void check_turns(std::string_view body, const CallShape& shape) {
    std::uint32_t at = 0;
    for (const auto& turn : shape.turns) {
        WEIR_CHECK(turn.span.begin >= at && turn.no_text_bytes >= 0 && turn.images >= 0);
        at = turn.span.end;
        WEIR_CHECK(turn.no_text_bytes <= static_cast<std::int64_t>(cut(body, turn.span).size()));
        WEIR_CHECK(!parse_json(cut(body, turn.span)).is_discarded());
    }
    at = 0;
    for (Span silent : shape.silent) {
        WEIR_CHECK(silent.begin >= at && !cut(body, silent).empty());
        at = silent.begin;
    }
    WEIR_CHECK(shape.no_text_bytes <= static_cast<std::int64_t>(body.size()));
    const auto chain = weir::core::conversation_chain(body, shape, "team", 1);
    WEIR_CHECK(chain.size() == shape.turns.size() + 1);
}

// What a counter is asked is a body of the same endpoint, with the same turns.
void check_count_request(std::string_view body, const CallShape& shape) {
    if (weir::provider::count_path(weir::core::Vendor::anthropic, shape.endpoint).empty()) return;
    const std::string asked = weir::provider::count_request(body, shape.endpoint, shape.model);
    auto again = weir::provider::describe(shape.endpoint, asked);
    WEIR_CHECK(again && again->turns.size() == shape.turns.size());
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
    (void)weir::provider::read_count_answer(body);
    if (!oracle_is_sure(body)) return 0;
    if (shape) {
        check_spans(body, *shape);
        check_turns(body, *shape);
        check_count_request(body, *shape);
    }
    Json json = parse_json(body);
    if (shape) {
        WEIR_CHECK(!json.is_discarded());
        check_shape(json, body, *shape);
    } else if (shape.error().code() == weir::ErrorCode::malformed_json) {
        WEIR_CHECK(!json.is_object() || depth_of(body) >= weir::provider::JsonCursor::kMaxDepth);
    }
    return 0;
}
