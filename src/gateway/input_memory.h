// What providers have counted of earlier inputs, for all workers: so that a long conversation is
// bounded by its own figure, and not by its bytes (product.md §3.6).
// Owner: App. Thread: any; the lock is held for a few look-ups and never over IO.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/conversation.h"
#include "core/route.h"
#include "core/usage.h"

namespace weir::gateway {

class InputMemory {
 public:
    // `seed` keys the hashes: random in service, fixed in tests.
    explicit InputMemory(std::uint64_t seed) : seed_(seed) {}

    // Below it, the bytes are bound enough, and nothing is remembered.
    static constexpr std::size_t kBytesThatMatter = 2'048;

    // The hashes of the call's input, turn by turn.
    std::vector<core::ConversationHash> chain(std::string_view body, const core::CallShape& shape,
                                              std::string_view team) const;
    std::optional<core::KnownInput> recall(const std::vector<core::ConversationHash>& chain,
                                           const core::CallShape& shape, const core::Target& target,
                                           MonoTime now);
    // What the provider billed for that input; nothing where its figures could not be trusted to
    // tell what it bills next time.
    void remember(core::ConversationHash conversation, const core::Target& target,
                  const core::Usage& usage, MonoTime now);

    // A provider that could not count just now is not asked again at once.
    bool may_ask(const std::string& provider, MonoTime now);
    void could_not_count(const std::string& provider, MonoTime now);

 private:
    const std::uint64_t seed_;
    std::mutex mutex_;
    core::CountedInputs counted_;
    std::map<std::string, MonoTime> not_before_;  // by provider
};

}  // namespace weir::gateway
