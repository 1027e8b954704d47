// How long answers really are, by model and task type: learned from those that ended. A call that
// does not fit any more can be admitted with less output than it asked for, if that is still
// enough for most of its kind (ledger.md §2, "Policy, exactly"). What is learned chooses among safe
// verdicts and never makes a bound, so that it may be stale or wrong without danger.
//
// An answer that ended because it reached its maximum says only that it would have been longer: it
// counts as censored (Kaplan–Meier), or clamped answers would teach that answers are short.
//
// Thread: one at a time. Keeps the latest some ten thousand answers of each kind, of at most
// `kinds_max` kinds; beyond those nothing is learned.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weir::core {

// In tokens; 0: not known yet.
struct UsualOutput {
    std::int64_t most = 0;  // seven of ten answers are no longer
    std::int64_t rare = 0;  // 99 of 100 are no longer
};

class OutputLengths {
 public:
    explicit OutputLengths(std::size_t kinds_max = 1'024) : kinds_max_(kinds_max) {}

    // `cut`: it ended at its maximum.
    void ended(std::string_view model, std::string_view task_type, std::int64_t tokens, bool cut);
    UsualOutput usual(std::string_view model, std::string_view task_type) const;

 private:
    // So many to an octave: a bucket's upper edge is at most 1/32 above what fell into it.
    static constexpr int kBits = 5;
    static constexpr std::size_t kParts = std::size_t{1} << kBits;
    static constexpr std::size_t kBuckets = 20 * kParts;  // up to twelve million tokens
    struct Kind {
        std::array<std::uint32_t, kBuckets> whole{};
        std::array<std::uint32_t, kBuckets> cut{};
        std::uint32_t wholes = 0;
        std::uint32_t all = 0;
    };
    static std::size_t bucket_of(std::int64_t tokens);
    static std::int64_t upper_edge(std::size_t bucket);
    static std::int64_t quantile(const Kind& kind, double q);
    static void age(Kind& kind);
    static std::string name_of(std::string_view model, std::string_view task_type);

    std::size_t kinds_max_;
    std::unordered_map<std::string, Kind> kinds_;
};

}  // namespace weir::core
