// Which endpoint a target's first byte means.
#pragma once

#include <array>
#include <cstdint>

#include "core/call.h"

namespace weir::fuzz {

// Seeds name them by these letters, in order: a chat, b completions, c embeddings, …
inline core::Endpoint endpoint_of(std::uint8_t byte) {
    using enum core::Endpoint;
    constexpr std::array kWithBody{
        chat_completions,       completions,       embeddings, responses,
        responses_input_tokens, responses_compact, messages,   count_tokens};
    return kWithBody[static_cast<std::uint8_t>(byte - 'a') % kWithBody.size()];
}

}  // namespace weir::fuzz
