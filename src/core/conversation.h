// What of a call's input its provider has counted before: agents send their whole conversation
// again with each call, and a provider that once billed so many tokens for it bills the same for
// what is the same (product.md §3.6, design.md §8). No text is kept, only keyed hashes of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/call.h"

namespace weir::core {

struct ConversationHash {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const ConversationHash&) const = default;
};

// Of the input so far: without any turn first, then with one turn more each. All of the body that a
// model can read goes into it but for marks of what to cache. `body` and `shape` belong together.
// `seed` is secret, so that nobody can make two conversations of one hash.
std::vector<ConversationHash> conversation_chain(std::string_view body, const CallShape& shape,
                                                 std::string_view team, std::uint64_t seed);

// Of a whole call: the same for two that say the same to the same model. Never 0.
std::uint64_t fingerprint_of(ConversationHash conversation, std::string_view model);

// The most tokens that an input can have, by what is known of it.
struct KnownInput {
    std::int64_t counted = 0;     // tokens, at the provider's own figure or by a vocabulary
    std::int64_t rest_bytes = 0;  // of what was never counted: as many tokens at most
    std::int64_t rest_images = 0;
    std::size_t turns = 0;       // that an earlier call had, and whose tokens are in `counted`
    bool whole = false;          // by a count of this very input: nothing is outside of it
    bool by_vocabulary = false;  // of what no earlier call had

    std::int64_t tokens_at_most() const { return counted + rest_bytes; }
};

// The tokens of conversations that were counted, as far as a table of fixed size remembers; the
// oldest of a few make room for a new one. One for the process; the caller's lock.
class CountedInputs {
 public:
    // Long enough for an agent that a person answers; a name that comes to mean another model
    // within it is counted by the old one's figures.
    static constexpr Duration kRemembered = std::chrono::hours{6};
    explicit CountedInputs(std::size_t entries_max = std::size_t{1} << 17);

    // `target`: of the provider and model that counted.
    void remember(ConversationHash conversation, std::uint64_t target, std::int64_t tokens,
                  MonoTime now);
    // The longest beginning of the chain that is known, and its tokens.
    struct Found {
        std::size_t turns = 0;
        std::int64_t tokens = 0;
    };
    std::optional<Found> find(std::span<const ConversationHash> chain, std::uint64_t target,
                              MonoTime now) const;

 private:
    static constexpr std::size_t kWays = 4;
    struct Entry {
        ConversationHash conversation;
        std::int64_t at = 0;  // monotonic, ns; 0 = empty
        std::int64_t tokens = 0;
    };
    struct Free {
        void operator()(Entry* p) const;
    };
    Entry* ways(const ConversationHash& conversation) const;

    std::size_t mask_;
    std::unique_ptr<Entry[], Free> entries_;  // pages that are not used cost nothing
};

// What is left when the first `found.turns` of the call's turns are known.
KnownInput known_input(const CallShape& shape, CountedInputs::Found found);

}  // namespace weir::core
