// What goes over the wire: always the same bytes, so that every proxy gets the same work.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "load/poller.h"

namespace weir::bench {

inline constexpr std::string_view kModel = "gpt-6-luna";
inline constexpr std::size_t kSmallBody = 1'500;
inline constexpr std::size_t kAgentBody = 121'000;
inline constexpr int kChunksAStream = 50;
inline constexpr Nanos kChunkEvery = 20 * kMillisecond;

// A chat request of about `kSmallBody` bytes, or of an agent's: 61 messages and 16 tools.
std::string chat_request(std::string_view body_name, bool stream);

// Head and body as the official JavaScript client sends them; `number` tells trajectories apart.
std::string request_bytes(std::string_view body, std::string_view key, int number);

// 200, a completion of 665 bytes with its usage, and the fields that providers answer with.
std::string whole_answer();
inline constexpr std::size_t kWholeAnswerBody = 665;

std::string stream_head();
// One event in one HTTP chunk; its content is the time at which it was made.
std::string stream_chunk(Nanos stamp);
// The finish reason, the usage, [DONE] and the last chunk.
std::string stream_end();
// Of a chunk's event; -1: not one.
Nanos stamp_of(std::string_view event);

}  // namespace weir::bench
