// The provider's memory of prompts: which prefixes it has read lately. OpenAI's is automatic, from
// 1,024 tokens on, in steps of 128; Anthropic's goes by cache_control marks. Time is handed in.
// Owner: the provider. Thread: its loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/time.h"
#include "sim/provider/prompt.h"

namespace weir::sim {

// How the tokens of a prompt are billed; the rest is plain input.
struct CacheUse {
    std::int64_t read = 0;
    std::int64_t write_short = 0;
    std::int64_t write_long = 0;
};

class PromptCache {
 public:
    // `speed` divides the life of what is remembered.
    explicit PromptCache(double speed) : speed_(speed) {}

    // `writes`: newer models bill what they newly remember.
    CacheUse use_automatic(const Prompt& prompt, bool writes, UnixTime now);
    CacheUse use_marked(const Prompt& prompt, UnixTime now);
    void clear() { known_.clear(); }

 private:
    struct Entry {
        UnixTime until;
        Duration life;
    };
    bool knows(std::uint64_t chain, UnixTime now);
    void remember(std::uint64_t chain, Duration life, UnixTime now);

    double speed_;
    std::unordered_map<std::uint64_t, Entry> known_;
};

}  // namespace weir::sim
