// Which header says what: the one table of attribution headers (product.md §3.12; those of agents
// are in wire.md §4). Internal to core/attribute.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/attribution.h"

namespace weir::core {

enum class AliasKind : std::uint8_t {
    value,        // the value of one dimension
    pairs,        // k=v,k=v; malformed is an error
    loose_pairs,  // k=v, k:v or a bare name, comma-separated
    json,         // a flat JSON object
    property,     // the rest of the header's name is the tag's name
    baggage,      // W3C baggage
    traceparent,  // W3C trace context
    unread,       // ours or another gateway's, and not attribution
};

struct Alias {
    std::string_view name;  // lower case; a prefix, for `property` and `unread`
    AliasKind kind = AliasKind::value;
    Dimension dimension = Dimension::team;
    Source source = Source::header;
    bool strict = false;   // Weir's own: a bad value is an error, not dropped
    bool forward = false;  // the provider may see it: it is not a gateway's header
};

// Rows in order of precedence, at most kAliasesMax.
inline constexpr std::size_t kAliasesMax = 48;
std::size_t alias_count();
const Alias& alias_at(std::size_t index);
// Index of the row for a header name in any case.
std::optional<std::size_t> alias_named(std::string_view header_name);

// What a baggage member, a body's weir.* key and a tag named like a dimension say.
struct MemberMeaning {
    std::optional<Dimension> dimension;  // empty: a tag named `tag`
    std::string_view tag;
};
// Names from OpenTelemetry and weir.*; nullopt: not for Weir.
std::optional<MemberMeaning> baggage_meaning(std::string_view name);

}  // namespace weir::core
