#include "base/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace weir {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t up = row[j];
            row[j] =
                std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
            diagonal = up;
        }
    }
    return row[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
    // What is longer than any word of ours was not mistyped: the work stays bounded.
    constexpr std::size_t kWordMax = 64;
    if (word.size() > kWordMax) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t best_distance = 1 + word.size() / 3;
    for (std::string_view candidate : candidates) {
        std::size_t distance = edit_distance(word, candidate);
        if (distance <= best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
    const std::optional<std::string_view> meant = nearest(word, candidates);
    if (!meant) return {};
    return " (did you mean '" + std::string{*meant} + "'?)";
}

}  // namespace weir
