// What every fuzz target shares: the entry point's declaration and ways to cut an input in pieces.
// A target is a file with LLVMFuzzerTestOneInput; it holds its invariants with WEIR_CHECK.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace weir::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline bool lies_within(std::string_view part, std::string_view whole) {
    return part.empty() || (part.data() >= whole.data() &&
                            part.data() + part.size() <= whole.data() + whole.size());
}

// Lengths that add up to the input's: in one, byte by byte, and two ways that depend on the bytes
// alone, so that a finding can be run again from its file.
inline std::vector<std::vector<std::size_t>> ways_to_cut(std::string_view text) {
    std::vector<std::vector<std::size_t>> ways;
    ways.push_back({text.size()});
    ways.emplace_back(text.size(), 1);
    std::uint64_t state = 0xcbf29ce484222325U;
    for (char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    for (std::uint64_t longest : {std::uint64_t{4}, std::uint64_t{40}}) {
        std::vector<std::size_t>& way = ways.emplace_back();
        for (std::size_t at = 0; at < text.size();) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            auto n = static_cast<std::size_t>((state >> 33) % longest + 1);
            way.push_back(n < text.size() - at ? n : text.size() - at);
            at += way.back();
        }
    }
    return ways;
}

}  // namespace weir::fuzz
