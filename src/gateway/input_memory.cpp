#include "gateway/input_memory.h"

#include <functional>

namespace weir::gateway {
namespace {

constexpr Duration kAskAgainAfter = std::chrono::seconds{60};

// Servers that nobody pays differ in whether what they had cached counts.
bool tells_whole_inputs(const core::Target& target) {
    return target.price != nullptr && !target.provider->free;
}

std::uint64_t identity(const core::Target& target) {
    const std::hash<std::string_view> hash;
    return hash(target.provider->name) * 31 + hash(target.model);
}

}  // namespace

std::vector<core::ConversationHash> InputMemory::chain(std::string_view body,
                                                       const core::CallShape& shape,
                                                       std::string_view team) const {
    return core::conversation_chain(body, shape, team, seed_);
}

std::optional<core::KnownInput> InputMemory::recall(
    const std::vector<core::ConversationHash>& chain, const core::CallShape& shape,
    const core::Target& target, MonoTime now) {
    if (!tells_whole_inputs(target)) return std::nullopt;
    std::lock_guard lock(mutex_);
    auto found = counted_.find(chain, identity(target), now);
    return found ? std::optional{core::known_input(shape, *found)} : std::nullopt;
}

void InputMemory::remember(core::ConversationHash conversation, const core::Target& target,
                           const core::Usage& usage, MonoTime now) {
    if (!usage.is_exact() || usage.lines.size() != 1 || !tells_whole_inputs(target)) return;
    if (usage.has(core::UsageNote::inconsistent)) return;
    const std::int64_t tokens = usage.lines.front().input_total();
    if (tokens <= 0) return;
    std::lock_guard lock(mutex_);
    counted_.remember(conversation, identity(target), tokens, now);
}

bool InputMemory::may_ask(const std::string& provider, MonoTime now) {
    std::lock_guard lock(mutex_);
    auto rest = not_before_.find(provider);
    return rest == not_before_.end() || rest->second <= now;
}

void InputMemory::could_not_count(const std::string& provider, MonoTime now) {
    std::lock_guard lock(mutex_);
    not_before_[provider] = now + kAskAgainAfter;
}

}  // namespace weir::gateway
