#include "core/usage.h"

#include <limits>
#include <span>

namespace weir::core {
namespace {

constexpr std::array<std::string_view, kTokenClasses> kTokenClassNames{
    "input",        "cache_read",  "cache_write_short", "cache_write_long",
    "input_audio",  "input_image", "cache_read_audio",  "output",
    "output_audio", "output_image"};

constexpr std::array<std::string_view, kUnitKinds> kUnitKindNames{
    "web_search", "web_fetch", "file_search",      "grounding_query",
    "maps_query", "image",     "code_exec_second", "request"};

constexpr std::array<std::string_view, 6> kLineRoleNames{"main",     "compaction",   "advisor",
                                                         "fallback", "declined_hop", "tool_image"};

constexpr std::array<std::string_view, 5> kCompletenessNames{"none", "estimated", "partial",
                                                             "exact_drained", "exact"};

// A value read from a damaged record has no name.
template <std::size_t N>
std::string_view name_in(const std::array<std::string_view, N>& names, std::size_t at) {
    return at < N ? names[at] : std::string_view{"unknown"};
}

// Counts come from other people's JSON: a sum that would overflow stays at the end of the range.
std::int64_t sum_of(std::span<const std::int64_t> counts) {
    std::int64_t sum = 0;
    for (std::int64_t count : counts) {
        if (count > 0 && __builtin_add_overflow(sum, count, &sum)) {
            return std::numeric_limits<std::int64_t>::max();
        }
    }
    return sum;
}

}  // namespace

std::string_view token_class_name(TokenClass c) {
    return name_in(kTokenClassNames, static_cast<std::size_t>(c));
}

std::string_view unit_kind_name(UnitKind k) {
    return name_in(kUnitKindNames, static_cast<std::size_t>(k));
}

std::string_view line_role_name(LineRole r) {
    return name_in(kLineRoleNames, static_cast<std::size_t>(r));
}

std::string_view completeness_name(Completeness c) {
    return name_in(kCompletenessNames, static_cast<std::size_t>(c));
}

std::int64_t UsageLine::input_total() const {
    return sum_of(std::span{tokens}.first(static_cast<std::size_t>(TokenClass::output)));
}

std::int64_t UsageLine::output_total() const {
    return sum_of(std::span{tokens}.subspan(static_cast<std::size_t>(TokenClass::output)));
}

}  // namespace weir::core
