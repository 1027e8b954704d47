#include "core/call.h"

namespace weir::core {

std::string_view endpoint_name(Endpoint e) {
    switch (e) {
        case Endpoint::chat_completions:
            return "chat_completions";
        case Endpoint::completions:
            return "completions";
        case Endpoint::embeddings:
            return "embeddings";
        case Endpoint::responses:
            return "responses";
        case Endpoint::responses_input_tokens:
            return "responses_input_tokens";
        case Endpoint::responses_compact:
            return "responses_compact";
        case Endpoint::messages:
            return "messages";
        case Endpoint::count_tokens:
            return "count_tokens";
        case Endpoint::models:
            return "models";
    }
    return "unknown";
}

Dialect dialect_of(Endpoint e) {
    switch (e) {
        case Endpoint::completions:
            return Dialect::openai_completions;
        case Endpoint::embeddings:
            return Dialect::openai_embeddings;
        case Endpoint::responses:
        case Endpoint::responses_input_tokens:
        case Endpoint::responses_compact:
            return Dialect::openai_responses;
        case Endpoint::messages:
        case Endpoint::count_tokens:
            return Dialect::anthropic;
        case Endpoint::chat_completions:
        case Endpoint::models:
            return Dialect::openai_chat;
    }
    return Dialect::openai_chat;
}

}  // namespace weir::core
