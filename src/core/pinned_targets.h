// Where each trajectory's calls go: prompt caches live at the provider, so the choice is made once
// and kept while its target is well (product.md §3.10). One for the process; the caller's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace weir::core {

// A table of fixed size: among a few of one place the longest unused makes room, and its trajectory
// is chosen for anew.
class PinnedTargets {
 public:
    // No provider keeps a cache for longer (wire.md §2.1).
    static constexpr Duration kKept = std::chrono::hours{24};
    explicit PinnedTargets(std::size_t entries_max = std::size_t{1} << 17);

    // `trajectory` and `target`: hashes of their names; never 0.
    std::optional<std::uint64_t> find(std::uint64_t trajectory, MonoTime now);
    void pin(std::uint64_t trajectory, std::uint64_t target, MonoTime now);

 private:
    static constexpr std::size_t kWays = 4;
    struct Entry {
        std::uint64_t trajectory = 0;
        std::uint64_t target = 0;
        MonoTime used{};
    };
    Entry* ways(std::uint64_t trajectory);

    const std::size_t places_;    // a power of two
    std::vector<Entry> entries_;  // empty until the first is pinned: most routes have one target
};

}  // namespace weir::core
