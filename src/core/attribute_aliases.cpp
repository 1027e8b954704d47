#include "core/attribute_aliases.h"

#include <algorithm>
#include <array>

namespace weir::core {
namespace {

using enum AliasKind;

constexpr Alias own(std::string_view name, Dimension d) {
    return {.name = name, .dimension = d, .strict = true};
}
constexpr Alias foreign(std::string_view name, Dimension d) {
    return {.name = name, .dimension = d};
}
constexpr Alias session(std::string_view name) {
    return {.name = name,
            .dimension = Dimension::trajectory,
            .source = Source::session,
            .forward = true};
}

constexpr auto kAliases = std::to_array<Alias>({
    own("x-weir-trajectory", Dimension::trajectory),
    own("x-weir-goal", Dimension::goal),
    own("x-weir-agent", Dimension::agent),
    own("x-weir-task-type", Dimension::task_type),
    own("x-weir-application", Dimension::application),
    own("x-weir-customer", Dimension::customer),
    own("x-weir-version", Dimension::version),
    own("x-weir-environment", Dimension::environment),
    own("x-weir-team", Dimension::team),
    own("x-weir-user", Dimension::user),
    {.name = "x-weir-tags", .kind = pairs, .strict = true},

    foreign("x-litellm-session-id", Dimension::trajectory),
    foreign("x-litellm-trace-id", Dimension::trajectory),
    foreign("x-litellm-customer-id", Dimension::customer),
    foreign("x-litellm-end-user-id", Dimension::customer),
    {.name = "x-litellm-tags", .kind = loose_pairs},
    {.name = "x-litellm-spend-logs-metadata", .kind = json},
    foreign("x-portkey-trace-id", Dimension::trajectory),
    {.name = "x-portkey-metadata", .kind = json},
    {.name = "cf-aig-metadata", .kind = json},
    foreign("helicone-session-id", Dimension::trajectory),
    foreign("helicone-user-id", Dimension::customer),
    foreign("x-session-id", Dimension::trajectory),

    session("x-claude-code-session-id"),
    session("session-id"),  // Codex; its sub-agents share it
    session("thread-id"),
    session("session_id"),       // pi, earlier Codex
    session("conversation_id"),  // earlier Codex
    session("x-session-affinity"),

    {.name = "baggage", .kind = AliasKind::baggage, .source = Source::baggage},
    {.name = "traceparent",
     .kind = AliasKind::traceparent,
     .dimension = Dimension::trajectory,
     .source = Source::traceparent,
     .forward = true},

    // Prefixes, tried after the whole names.
    {.name = "helicone-property-", .kind = property},
    {.name = "x-weir-", .kind = unread},
    {.name = "x-litellm-", .kind = unread},
    {.name = "x-portkey-", .kind = unread},
    {.name = "cf-aig-", .kind = unread},
    {.name = "helicone-", .kind = unread},
});
static_assert(kAliases.size() <= kAliasesMax);

constexpr bool is_prefix(const Alias& alias) {
    return alias.kind == property || alias.kind == unread;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::size_t kSlots = 256;
constexpr std::uint8_t kEmpty = 255;

// By length and three characters: enough to tell the rows apart, and short names cost no less.
constexpr std::size_t slot_of(std::string_view name) {
    std::size_t h = name.size();
    for (const std::size_t at : {name.size() / 4, name.size() / 2, name.size() - 1}) {
        h = h * 31 + static_cast<unsigned char>(lower(name[at]));
    }
    return (h ^ (h >> 8)) % kSlots;
}

// Whole names by hash, so that the many headers that mean nothing here cost one look.
constexpr std::array<std::uint8_t, kSlots> kIndex = [] {
    std::array<std::uint8_t, kSlots> index{};
    index.fill(kEmpty);
    for (std::size_t i = 0; i < kAliases.size(); ++i) {
        if (is_prefix(kAliases[i])) continue;
        std::size_t slot = slot_of(kAliases[i].name);
        while (index[slot] != kEmpty) slot = (slot + 1) % kSlots;
        index[slot] = static_cast<std::uint8_t>(i);
    }
    return index;
}();

constexpr std::size_t kPrefixes = std::ranges::count_if(kAliases, is_prefix);
constexpr std::array<std::uint8_t, kPrefixes> kPrefixIndex = [] {
    std::array<std::uint8_t, kPrefixes> index{};
    std::size_t n = 0;
    for (std::size_t i = 0; i < kAliases.size(); ++i) {
        if (is_prefix(kAliases[i])) index[n++] = static_cast<std::uint8_t>(i);
    }
    return index;
}();

// `name` in any case begins with `prefix` in lower case.
bool starts_with(std::string_view name, std::string_view prefix) {
    return name.size() >= prefix.size() &&
           std::ranges::equal(prefix, name.substr(0, prefix.size()), {}, {}, lower);
}

struct MemberRow {
    std::string_view name;
    Dimension dimension;
};
constexpr auto kMembers = std::to_array<MemberRow>({
    {"gen_ai.conversation.id", Dimension::trajectory},
    {"session.id", Dimension::trajectory},
    {"gen_ai.agent.name", Dimension::agent},
    {"service.name", Dimension::application},
    {"service.version", Dimension::version},
    {"user.id", Dimension::customer},
    {"deployment.environment.name", Dimension::environment},
    {"deployment.environment", Dimension::environment},
});

}  // namespace

std::size_t alias_count() { return kAliases.size(); }
const Alias& alias_at(std::size_t index) { return kAliases[index]; }

std::optional<std::size_t> alias_named(std::string_view header_name) {
    constexpr std::string_view kFirst = "xchstbXCHSTB";
    if (header_name.empty() || !kFirst.contains(header_name[0])) return std::nullopt;
    for (std::size_t slot = slot_of(header_name); kIndex[slot] != kEmpty;
         slot = (slot + 1) % kSlots) {
        const std::string_view name = kAliases[kIndex[slot]].name;
        if (name.size() == header_name.size() && starts_with(header_name, name)) {
            return kIndex[slot];
        }
    }
    for (const std::size_t i : kPrefixIndex) {
        if (starts_with(header_name, kAliases[i].name)) return i;
    }
    return std::nullopt;
}

std::optional<MemberMeaning> baggage_meaning(std::string_view name) {
    constexpr std::string_view kOwn = "weir.";
    constexpr std::string_view kTag = "tag.";
    if (name.starts_with(kOwn)) {
        name.remove_prefix(kOwn.size());
        if (name.starts_with(kTag)) {
            return MemberMeaning{.dimension = {}, .tag = name.substr(kTag.size())};
        }
        const std::optional<Dimension> dimension = dimension_named(name);
        if (!dimension) return std::nullopt;
        return MemberMeaning{.dimension = dimension, .tag = {}};
    }
    const auto* row = std::ranges::find(kMembers, name, &MemberRow::name);
    if (row == kMembers.end()) return std::nullopt;
    return MemberMeaning{.dimension = row->dimension, .tag = {}};
}

}  // namespace weir::core
