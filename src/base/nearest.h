// What a mistyped word was probably meant to be. Pure. Thread: any.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

// The candidate with the smallest edit distance, the last of equals, if it is near enough to be
// meant: a third of the word's letters and one more may differ.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

// " (did you mean 'x'?)", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace weir
