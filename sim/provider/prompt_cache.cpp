#include "sim/provider/prompt_cache.h"

#include <algorithm>

namespace weir::sim {
namespace {

constexpr std::int64_t kLeastTokens = 1024;
constexpr std::int64_t kStep = 128;
constexpr std::size_t kMarksMost = 4;
constexpr std::size_t kLookBack = 20;  // segments before a mark that are looked up too
constexpr std::size_t kEntriesMost = 200'000;
constexpr Duration kShort = std::chrono::minutes{5};
constexpr Duration kLong = std::chrono::hours{1};

std::int64_t whole_steps(std::int64_t tokens) {
    return tokens < kLeastTokens ? 0 : tokens - tokens % kStep;
}

// Of each segment, the tokens up to its end.
std::vector<std::int64_t> running_sum(const Prompt& prompt) {
    std::vector<std::int64_t> sums;
    std::int64_t sum = 0;
    for (const Segment& segment : prompt.segments) sums.push_back(sum += segment.tokens);
    return sums;
}

}  // namespace

bool PromptCache::knows(std::uint64_t chain, UnixTime now) {
    auto found = known_.find(chain);
    if (found == known_.end()) return false;
    if (found->second.until <= now) {
        known_.erase(found);
        return false;
    }
    found->second.until = now + found->second.life;  // a read refreshes it
    return true;
}

void PromptCache::remember(std::uint64_t chain, Duration life, UnixTime now) {
    if (known_.size() >= kEntriesMost) known_.clear();
    auto scaled = Duration{static_cast<std::int64_t>(static_cast<double>(life.count()) / speed_)};
    Entry& entry = known_[chain];
    entry.life = std::max(entry.life, scaled);
    entry.until = now + entry.life;
}

CacheUse PromptCache::use_automatic(const Prompt& prompt, bool writes, UnixTime now) {
    CacheUse use;
    auto sums = running_sum(prompt);
    for (std::size_t i = sums.size(); i-- > 0 && use.read == 0;) {
        std::int64_t tokens = whole_steps(sums[i]);
        if (tokens == 0) break;
        if (knows(prompt.segments[i].chain, now)) use.read = tokens;
    }
    std::int64_t readable = sums.empty() ? 0 : whole_steps(sums.back());
    if (writes) use.write_short = std::max<std::int64_t>(readable - use.read, 0);
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (sums[i] >= kLeastTokens) remember(prompt.segments[i].chain, kShort, now);
    }
    return use;
}

CacheUse PromptCache::use_marked(const Prompt& prompt, UnixTime now) {
    CacheUse use;
    auto sums = running_sum(prompt);
    std::vector<std::size_t> marks;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        bool marked = prompt.segments[i].mark != CacheMark::none;
        if (marked && sums[i] >= kLeastTokens && marks.size() < kMarksMost) marks.push_back(i);
    }
    // The longest prefix that is known and ends at a mark, or not far before one.
    for (std::size_t m = marks.size(); m-- > 0 && use.read == 0;) {
        std::size_t first = marks[m] < kLookBack ? 0 : marks[m] - kLookBack;
        for (std::size_t i = marks[m] + 1; i-- > first && use.read == 0;) {
            if (sums[i] >= kLeastTokens && knows(prompt.segments[i].chain, now)) use.read = sums[i];
        }
    }
    std::int64_t done = use.read;
    for (std::size_t mark : marks) {
        const Segment& segment = prompt.segments[mark];
        bool is_long = segment.mark == CacheMark::long_ttl;
        std::int64_t written = std::max<std::int64_t>(sums[mark] - done, 0);
        (is_long ? use.write_long : use.write_short) += written;
        done = std::max(done, sums[mark]);
        remember(segment.chain, is_long ? kLong : kShort, now);
    }
    return use;
}

}  // namespace weir::sim
