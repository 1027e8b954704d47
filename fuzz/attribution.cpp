// Attribution headers: whatever a caller says, values stay within their limits, what only the key
// may say is the key's, and nothing is believed twice. The first line is the URL's tags; each
// further one a header, "name: value".
#include <algorithm>

#include "core/attribute.h"
#include "fuzz/target.h"

namespace weir::fuzz {
namespace {

using namespace weir::core;

Policy sample_policy() {
    Policy policy;
    policy.environments.push_back({.name = "production", .aliases = {"prod"}, .lenient = true});
    policy.environments.push_back({.name = "staging", .aliases = {}, .lenient = false});
    return policy;
}

KeyRecord sample_key() {
    KeyRecord key;
    key.id = "abcdefghijkl";
    key.team = "red";
    key.environment = "Prod";
    return key;
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check(const Attribution& a) {
    for (std::size_t i = 0; i < kDimensions; ++i) {
        WEIR_CHECK(a.values[i].size() <= 256 && !has_control(a.values[i]));
        WEIR_CHECK(a.sources[i] != Source::none || a.values[i].empty() ||
                   static_cast<Dimension>(i) == Dimension::environment);
    }
    WEIR_CHECK(a.of(Dimension::team) == "red" && a.source(Dimension::team) == Source::key);
    WEIR_CHECK(a.of(Dimension::key) == "abcdefghijkl");
    WEIR_CHECK(a.of(Dimension::environment) == "production");
    WEIR_CHECK(a.of(Dimension::user).empty());
    WEIR_CHECK(a.of(Dimension::provider).empty() && a.of(Dimension::model).empty());
    WEIR_CHECK(a.tags.size() <= 32);
    for (std::size_t i = 0; i < a.tags.size(); ++i) {
        WEIR_CHECK(!a.tags[i].first.empty() && a.tags[i].first.size() <= 64);
        WEIR_CHECK(a.tags[i].second.size() <= 256 && !has_control(a.tags[i].second));
        for (std::size_t k = 0; k < i; ++k) WEIR_CHECK(a.tags[i].first != a.tags[k].first);
    }
}

std::string_view take_line(std::string_view& text) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    static const Policy policy = sample_policy();
    static const KeyRecord key = sample_key();
    std::string_view text = text_of(data, size);
    AttributionInput in;
    in.policy = &policy;
    in.key = &key;
    in.url_tags = take_line(text);
    std::vector<HeaderView> headers;
    while (!text.empty()) {
        std::string_view line = take_line(text);
        std::size_t colon = std::min(line.find(':'), line.size());
        headers.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
    }
    in.headers = headers;
    auto attribution = attribute(in);
    if (!attribution) {
        WEIR_CHECK(attribution.error().code() == weir::ErrorCode::invalid_parameter);
        return 0;
    }
    check(*attribution);
    WEIR_CHECK(environment_is_lenient(policy, *attribution));
    return 0;
}
