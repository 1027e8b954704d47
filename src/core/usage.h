// What one response consumed, in ten disjoint token classes and a few per-request units
// (wire.md §2.1). One response can bill several models, so usage is a list of lines.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::core {

enum class TokenClass : std::uint8_t {
    input,  // uncached text (and image, document where priced as text)
    cache_read,
    cache_write_short,  // default TTL: Anthropic and Bedrock 5 min, OpenAI 30 min
    cache_write_long,   // 1 h, 12 h
    input_audio,
    input_image,
    cache_read_audio,
    output,  // text and reasoning
    output_audio,
    output_image,
};
inline constexpr std::size_t kTokenClasses = 10;
std::string_view token_class_name(TokenClass c);
constexpr bool is_output(TokenClass c) { return c >= TokenClass::output; }

enum class UnitKind : std::uint8_t {
    web_search,
    web_fetch,
    file_search,
    grounding_query,
    maps_query,
    image,
    code_exec_second,
    request,  // a fee for the call itself; `rate` counts it, no meter does
};
inline constexpr std::size_t kUnitKinds = 8;
std::string_view unit_kind_name(UnitKind k);

// Why a line stands in the response (wire.md §0.2, §0.3).
enum class LineRole : std::uint8_t {
    main,
    compaction,
    advisor,
    fallback,
    declined_hop,
    tool_image
};
std::string_view line_role_name(LineRole r);

struct UsageLine {
    std::string model;  // as billed: the response's own name; empty = the model asked for
    std::string tier;   // served: "", standard, priority, batch, flex, …
    std::string speed;  // "", standard, fast
    std::string geo;    // "", us, …
    LineRole role = LineRole::main;
    std::array<std::int64_t, kTokenClasses> tokens{};

    std::int64_t& of(TokenClass c) { return tokens[static_cast<std::size_t>(c)]; }
    std::int64_t of(TokenClass c) const { return tokens[static_cast<std::size_t>(c)]; }
    // Everything that fills the context: all input classes. Selects the context band.
    std::int64_t input_total() const;
    std::int64_t output_total() const;
    bool operator==(const UsageLine&) const = default;
};

// How much of the usage is known (wire.md §2.1). Never zeros in place of a measurement.
enum class Completeness : std::uint8_t {
    none,           // nothing was generated: refused before work, or an error that bills nothing
    estimated,      // no usage seen
    partial,        // some usage seen, not the final one
    exact_drained,  // client gone, provider read to its end
    exact,          // the final usage was seen
};
std::string_view completeness_name(Completeness c);

// Marks on usage that an auditor must see. A bit set.
enum class UsageNote : std::uint16_t {
    inconsistent = 1 << 0,        // the provider's own figures contradict each other
    ttl_split_inferred = 1 << 1,  // cache writes by TTL were inferred, upwards
    repeated = 1 << 2,            // usage came more than once; the last counted
    unknown_fields = 1 << 3,      // fields that may bear on cost and that Weir does not know
    search_count_inferred = 1 << 4,
};

struct Usage {
    std::vector<UsageLine> lines;
    std::array<std::int64_t, kUnitKinds> units{};
    Completeness completeness = Completeness::none;
    std::uint16_t notes = 0;
    // Shown, never priced: part of output.
    std::int64_t reasoning_tokens = 0;
    std::string response_id;
    std::string finish_reason;

    void note(UsageNote n) {
        notes = static_cast<std::uint16_t>(notes | static_cast<std::uint16_t>(n));
    }
    bool has(UsageNote n) const { return (notes & static_cast<std::uint16_t>(n)) != 0; }
    std::int64_t unit(UnitKind k) const { return units[static_cast<std::size_t>(k)]; }
    std::int64_t& unit(UnitKind k) { return units[static_cast<std::size_t>(k)]; }
    bool is_exact() const { return completeness >= Completeness::exact_drained; }
};

}  // namespace weir::core
