// Rewritten bodies: still a body that Weir would take, the same JSON but for the keys that were to
// change, and stable when rewritten again. First byte: endpoint; second: what to change.
#include "fuzz/endpoints.h"
#include "fuzz/json_oracle.h"
#include "fuzz/target.h"
#include "provider/provider.h"

namespace weir::fuzz {
namespace {

using core::CallShape;
using core::Endpoint;
using core::Quirks;
using provider::Rewrite;

constexpr std::int64_t kLimit = 812;

struct Plan {
    Rewrite rewrite;
    Quirks quirks;
};

Plan plan_of(std::uint8_t byte) {
    Plan plan;
    if ((byte & 1) != 0) plan.rewrite.model = "other \"model\"";
    plan.rewrite.inject_include_usage = (byte & 2) != 0;
    if ((byte & 4) != 0) plan.rewrite.max_output = kLimit;
    plan.rewrite.strip_weir_metadata = (byte & 8) != 0;
    plan.quirks.stream_options = (byte & 16) == 0;
    plan.quirks.max_completion_tokens = (byte & 32) == 0;
    return plan;
}

void check_same_json(const Rewrite& rewrite, Json before, Json after) {
    if (!rewrite.model) WEIR_CHECK(before["model"] == after["model"]);
    if (!rewrite.strip_weir_metadata)
        WEIR_CHECK(before.value("metadata", Json{}) == after.value("metadata", Json{}));
    auto metadata = before.find("metadata");
    if (metadata != before.end() && metadata->is_object()) {
        Json kept = Json::object();
        for (const auto& [name, value] : metadata->items()) {
            if (!rewrite.strip_weir_metadata || !name.starts_with("weir.")) kept[name] = value;
        }
        WEIR_CHECK(after.value("metadata", Json::object()) == kept);
    }
    for (const char* name : {"model", "stream_options", "metadata", "max_tokens",
                             "max_completion_tokens", "max_output_tokens"}) {
        before.erase(name);
        after.erase(name);
    }
    WEIR_CHECK(before == after);
}

void check_shapes(const Plan& plan, const CallShape& before, const CallShape& after) {
    const Rewrite& rewrite = plan.rewrite;
    WEIR_CHECK(after.model == rewrite.model.value_or(before.model));
    WEIR_CHECK(after.stream == before.stream && after.choices == before.choices);
    WEIR_CHECK(after.unbounded == before.unbounded);
    bool chat =
        before.endpoint == Endpoint::chat_completions || before.endpoint == Endpoint::completions;
    if (rewrite.inject_include_usage && chat && before.stream && plan.quirks.stream_options)
        WEIR_CHECK(after.include_usage);
    bool has_output =
        chat || before.endpoint == Endpoint::responses || before.endpoint == Endpoint::messages;
    if (rewrite.max_output && has_output) WEIR_CHECK(after.max_output == kLimit);
    if (!rewrite.max_output) WEIR_CHECK(after.max_output == before.max_output);
    if (rewrite.strip_weir_metadata) WEIR_CHECK(after.weir_metadata.empty());
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    using namespace weir::provider;
    if (size < 2) return 0;
    auto endpoint = endpoint_of(data[0]);
    Plan plan = plan_of(data[1]);
    std::string_view body = text_of(data + 2, size - 2);
    auto shape = describe(endpoint, body);
    if (!shape) return 0;
    std::string out = rewrite(body, *shape, plan.quirks, plan.rewrite);
    WEIR_CHECK(rewrite_changes(body, *shape, plan.quirks, plan.rewrite) == (out != body));
    auto again = describe(endpoint, out);
    WEIR_CHECK(again.has_value());
    check_shapes(plan, *shape, *again);
    WEIR_CHECK(rewrite(out, *again, plan.quirks, plan.rewrite) == out);
    if (!oracle_is_sure(body)) return 0;
    Json before = parse_json(body);
    Json after = parse_json(out);
    WEIR_CHECK(!before.is_discarded() && !after.is_discarded());
    check_same_json(plan.rewrite, before, after);
    return 0;
}
