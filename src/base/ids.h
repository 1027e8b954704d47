// Names of things that outlive a process.
//   CallId      one client request: (epoch of the process start, worker, running number)
//   AttemptId   one try at a provider inside it; also the id of its hold and of its ledger entry
// Both are minted by Weir, never taken from a client, and never used twice (ledger.md L7): the
// epoch is written and synced before the first call of a start.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

struct CallId {
    std::uint32_t epoch = 0;
    std::uint16_t worker = 0;
    std::uint64_t seq = 0;  // of that worker in that epoch, from 1; < 2^48

    constexpr auto operator<=>(const CallId&) const = default;
    constexpr bool is_null() const { return seq == 0; }
    std::string text() const;  // "call_" and 20 characters of Crockford base 32
    static std::optional<CallId> parse(std::string_view text);
};

struct AttemptId {
    CallId call;
    std::uint16_t ordinal = 0;  // from 1

    constexpr auto operator<=>(const AttemptId&) const = default;
    std::string text() const;  // "call_….2"
    static std::optional<AttemptId> parse(std::string_view text);
};

}  // namespace weir

template <>
struct std::hash<weir::CallId> {
    std::size_t operator()(const weir::CallId& id) const noexcept {
        std::uint64_t h = id.seq * 0x9E3779B97F4A7C15ull;
        h ^= (std::uint64_t{id.epoch} << 16 | id.worker) * 0xC2B2AE3D27D4EB4Full;
        return h ^ (h >> 29);
    }
};
template <>
struct std::hash<weir::AttemptId> {
    std::size_t operator()(const weir::AttemptId& id) const noexcept {
        return std::hash<weir::CallId>{}(id.call) ^ (std::size_t{id.ordinal} << 1);
    }
};
