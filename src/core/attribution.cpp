#include "core/attribution.h"

#include <algorithm>

namespace weir::core {
namespace {

constexpr std::array<std::string_view, kDimensions> kDimensionNames{
    "team", "application", "environment", "task_type", "agent",    "user", "customer",
    "goal", "trajectory",  "version",     "key",       "provider", "model"};

}  // namespace

std::string_view dimension_name(Dimension d) {
    return kDimensionNames[static_cast<std::size_t>(d)];
}

std::optional<Dimension> dimension_named(std::string_view name) {
    const auto* at = std::ranges::find(kDimensionNames, name);
    if (at == kDimensionNames.end()) return std::nullopt;
    return static_cast<Dimension>(at - kDimensionNames.begin());
}

std::string_view source_name(Source s) {
    switch (s) {
        case Source::none:
            return "none";
        case Source::key:
            return "key";
        case Source::rule:
            return "rule";
        case Source::header:
            return "header";
        case Source::url:
            return "url";
        case Source::baggage:
            return "baggage";
        case Source::body:
            return "body";
        case Source::session:
            return "session";
        case Source::traceparent:
            return "traceparent";
        case Source::inferred:
            return "inferred";
    }
    return "none";
}

bool Attribution::offer(Dimension d, std::string_view value, Source source) {
    const auto i = static_cast<std::size_t>(d);
    if (sources[i] == Source::none) {
        values[i] = value;
        sources[i] = source;
        return true;
    }
    if (values[i] != value && std::ranges::find(ignored, d) == ignored.end()) ignored.push_back(d);
    return false;
}

}  // namespace weir::core
