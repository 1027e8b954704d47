// What providers of the second world say, in their dialects, for what they spent. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/money.h"

namespace weir::world {

// What one answer consumed; every token is in one class only.
struct Spent {
    std::string model = "sim-small";
    std::int64_t input = 0;  // uncached
    std::int64_t cache_read = 0;
    std::int64_t cache_write = 0;
    std::int64_t output = 0;
};
// By the sample company's prices, in pico-USD; reckoned here, not by core.
Int128 cost_of(const Spent& spent);

std::string chat_answer(const Spent& spent);
std::string completion_answer(const Spent& spent);
std::string responses_answer(const Spent& spent);
std::string messages_answer(const Spent& spent);
std::string embeddings_answer(const Spent& spent);

// Events of a stream with `pieces` of text. The usage chunk of chat comes only where it was asked
// for; the other dialects always tell.
struct StreamSays {
    int pieces = 3;
    bool usage = true;
    bool repeat_usage = false;
    bool end = true;                   // [DONE], response.completed, message_stop
    std::string_view finish = "stop";  // of chat
};
std::vector<std::string> chat_events(const Spent& spent, const StreamSays& says);
std::vector<std::string> responses_events(const Spent& spent, const StreamSays& says);
std::vector<std::string> messages_events(const Spent& spent, const StreamSays& says);

// An error event after HTTP 200.
std::string chat_error_event();
std::string responses_error_event();
std::string messages_error_event();

// Error bodies.
std::string openai_error(std::string_view type, std::string_view message);
std::string anthropic_error(std::string_view type, std::string_view message);

}  // namespace weir::world
