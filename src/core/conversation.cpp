#include "core/conversation.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#define XXH_INLINE_ALL  // its state on the stack, whatever the library's version
#include <xxhash.h>

#include "base/check.h"

namespace weir::core {
namespace {

// Lookups from the end of a conversation: what an agent adds is a few turns a call.
constexpr std::size_t kLookBack = 64;

class Hasher {
 public:
    explicit Hasher(std::uint64_t seed) {
        // Else the reset takes what an earlier hasher left there for its own seed and secret.
        XXH3_INITSTATE(&state_);
        XXH3_128bits_reset_withSeed(&state_, seed);
    }
    void add(std::string_view bytes) { XXH3_128bits_update(&state_, bytes.data(), bytes.size()); }
    template <class Number>
    void add_number(Number n) {
        XXH3_128bits_update(&state_, &n, sizeof n);
    }
    ConversationHash digest() const {
        const XXH128_hash_t hash = XXH3_128bits_digest(&state_);
        return {hash.low64, hash.high64};
    }

 private:
    alignas(64) XXH3_state_t state_;
};

// Takes the body's bytes in order, and leaves out what is silent.
class SpokenBytes {
 public:
    SpokenBytes(std::string_view body, const std::vector<Span>& silent)
        : body_(body), silent_(silent) {}

    void add(Hasher& hasher, std::uint32_t begin, std::uint32_t end) {
        while (next_ < silent_.size() && silent_[next_].end <= begin) ++next_;
        for (std::size_t i = next_; i < silent_.size() && silent_[i].begin < end; ++i) {
            if (silent_[i].begin > begin) piece(hasher, begin, silent_[i].begin);
            begin = std::max(begin, silent_[i].end);
        }
        if (begin < end) piece(hasher, begin, end);
    }

 private:
    void piece(Hasher& hasher, std::uint32_t begin, std::uint32_t end) {
        hasher.add(body_.substr(begin, end - begin));
    }

    std::string_view body_;
    const std::vector<Span>& silent_;
    std::size_t next_ = 0;
};

ConversationHash keyed(ConversationHash conversation, std::uint64_t target) {
    conversation.low ^= target;
    conversation.high += std::rotl(target, 32);
    return conversation;
}

}  // namespace

std::vector<ConversationHash> conversation_chain(std::string_view body, const CallShape& shape,
                                                 std::string_view team, std::uint64_t seed) {
    const auto size = static_cast<std::uint32_t>(body.size());
    const std::uint32_t begin = shape.turns.empty() ? size : shape.turns.front().span.begin;
    const std::uint32_t end = shape.turns.empty() ? size : shape.turns.back().span.end;
    std::vector<ConversationHash> chain;
    chain.reserve(shape.turns.size() + 1);
    Hasher around{seed};
    around.add_number(shape.endpoint);
    around.add_number(team.size());
    around.add(team);
    SpokenBytes{body, shape.silent}.add(around, 0, begin);
    around.add_number('\0');  // which stands in no JSON
    SpokenBytes{body, shape.silent}.add(around, end, size);
    chain.push_back(around.digest());
    SpokenBytes turns{body, shape.silent};
    std::uint32_t at = begin;
    for (const Turn& turn : shape.turns) {
        Hasher hasher{seed};
        hasher.add_number(chain.back());
        turns.add(hasher, at, turn.span.end);  // with what parts it from the turn before
        chain.push_back(hasher.digest());
        at = turn.span.end;
    }
    return chain;
}

std::uint64_t fingerprint_of(ConversationHash conversation, std::string_view model) {
    const std::uint64_t hash =
        XXH3_64bits_withSeed(model.data(), model.size(), conversation.low) ^ conversation.high;
    return hash == 0 ? 1 : hash;
}

void CountedInputs::Free::operator()(Entry* p) const { std::free(p); }

CountedInputs::CountedInputs(std::size_t entries_max)
    : mask_(std::bit_ceil(std::max(entries_max, kWays) / kWays) - 1),
      entries_(static_cast<Entry*>(std::calloc((mask_ + 1) * kWays, sizeof(Entry)))) {
    WEIR_CHECK(entries_ != nullptr);
}

CountedInputs::Entry* CountedInputs::ways(const ConversationHash& conversation) const {
    return &entries_[(conversation.low & mask_) * kWays];
}

void CountedInputs::remember(ConversationHash conversation, std::uint64_t target,
                             std::int64_t tokens, MonoTime now) {
    conversation = keyed(conversation, target);
    Entry* const first = ways(conversation);
    Entry* chosen = std::ranges::find(first, first + kWays, conversation, &Entry::conversation);
    if (chosen == first + kWays) {
        chosen = std::ranges::min_element(first, first + kWays, {}, &Entry::at);
    }
    *chosen = {conversation, now.ns, tokens};
}

std::optional<CountedInputs::Found> CountedInputs::find(std::span<const ConversationHash> chain,
                                                        std::uint64_t target, MonoTime now) const {
    const std::size_t last = chain.size() > kLookBack ? chain.size() - kLookBack : 0;
    for (std::size_t i = chain.size(); i-- > last;) {
        const ConversationHash conversation = keyed(chain[i], target);
        const Entry* const first = ways(conversation);
        const Entry* found =
            std::ranges::find(first, first + kWays, conversation, &Entry::conversation);
        if (found == first + kWays || found->at == 0) continue;
        if (now.ns - found->at > kRemembered.count()) continue;
        return Found{.turns = i, .tokens = found->tokens};
    }
    return std::nullopt;
}

KnownInput known_input(const CallShape& shape, CountedInputs::Found found) {
    KnownInput known{.counted = found.tokens, .turns = found.turns};
    for (std::size_t i = found.turns; i < shape.turns.size(); ++i) {
        const Turn& turn = shape.turns[i];
        known.rest_bytes += turn.span.end - turn.span.begin - turn.no_text_bytes;
        known.rest_images += turn.images;
    }
    return known;
}

}  // namespace weir::core
