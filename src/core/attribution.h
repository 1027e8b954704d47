// Whose call it is: the dimensions by which spend is asked for and budgets are set (product.md §1),
// each with where its value came from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::core {

enum class Dimension : std::uint8_t {
    team,
    application,
    environment,
    task_type,
    agent,
    user,
    customer,
    goal,
    trajectory,
    version,
    key,
    // known only once a target is chosen; budgets and access rules may name them
    provider,
    model,
};
inline constexpr std::size_t kDimensions = 13;
std::string_view dimension_name(Dimension d);
std::optional<Dimension> dimension_named(std::string_view name);

// Order of trust, best first (design.md §8). `key` and `rule` are trusted: they may loosen a
// budget's blocking. Every other source may only tighten.
enum class Source : std::uint8_t {
    none,
    key,
    rule,
    header,
    url,
    baggage,
    body,
    session,  // a known agent's session header
    traceparent,
    inferred,
};
std::string_view source_name(Source s);
constexpr bool is_trusted(Source s) { return s == Source::key || s == Source::rule; }

struct Attribution {
    std::array<std::string, kDimensions> values;
    std::array<Source, kDimensions> sources{};
    std::vector<std::pair<std::string, std::string>> tags;
    // Dimensions that a caller named and that were not believed: the answer says so.
    std::vector<Dimension> ignored;

    const std::string& of(Dimension d) const { return values[static_cast<std::size_t>(d)]; }
    Source source(Dimension d) const { return sources[static_cast<std::size_t>(d)]; }
    // Sets a value that is not set yet; a more trusted source has spoken first.
    // Returns false (and records `ignored` where the values differ) if it was.
    bool offer(Dimension d, std::string_view value, Source source);
};

}  // namespace weir::core
