// Errors, headers and the choice of the dialect.
#include <array>

#include "sim/provider/dialect.h"

namespace weir::sim {
namespace {

struct ErrorRow {
    int status;
    std::string_view openai_type;
    std::string_view openai_code;  // empty: null
    std::string_view anthropic_type;
    std::string_view message;
};
constexpr std::array kErrors{
    ErrorRow{400, "invalid_request_error", "", "invalid_request_error", "The request is invalid."},
    ErrorRow{401, "invalid_request_error", "invalid_api_key", "authentication_error",
             "Incorrect API key provided."},
    ErrorRow{402, "insufficient_quota", "insufficient_quota", "billing_error",
             "Your credit balance is too low."},
    ErrorRow{403, "invalid_request_error", "", "permission_error",
             "You do not have access to this resource."},
    ErrorRow{404, "invalid_request_error", "model_not_found", "not_found_error",
             "The model does not exist."},
    ErrorRow{408, "server_error", "", "timeout_error", "The request timed out."},
    ErrorRow{409, "invalid_request_error", "", "invalid_request_error", "A conflict."},
    ErrorRow{413, "invalid_request_error", "", "request_too_large", "The request is too large."},
    ErrorRow{429, "rate_limit_exceeded", "rate_limit_exceeded", "rate_limit_error",
             "Rate limit reached."},
    ErrorRow{500, "server_error", "", "api_error", "The server had an error."},
    ErrorRow{502, "server_error", "", "api_error", "Bad gateway."},
    ErrorRow{503, "server_error", "", "overloaded_error", "The engine is overloaded."},
    ErrorRow{504, "server_error", "", "timeout_error", "The request timed out."},
    ErrorRow{529, "server_error", "", "overloaded_error", "Overloaded"},
};

const ErrorRow& row_of(int status) {
    for (const ErrorRow& row : kErrors) {
        if (row.status == status) return row;
    }
    return status < 500 ? kErrors[0] : kErrors[9];
}

Json error_object(bool anthropic, const ErrorRow& row, std::string_view message,
                  std::string_view type) {
    std::string_view said = message.empty() ? row.message : message;
    if (anthropic) {
        return Json{{"type", type.empty() ? row.anthropic_type : type}, {"message", said}};
    }
    Json code;
    if (!row.openai_code.empty()) code = row.openai_code;
    return Json{{"message", said},
                {"type", type.empty() ? row.openai_type : type},
                {"param", nullptr},
                {"code", code}};
}

}  // namespace

void add_vendor_headers(bool anthropic, std::string_view request_id, Answer& answer) {
    auto add = [&](std::string_view name, std::string_view value) {
        answer.headers.emplace_back(name, value);
    };
    if (anthropic) {
        add("request-id", request_id);
        add("anthropic-organization-id", "00000000-0000-4000-8000-000000000051");
        add("anthropic-ratelimit-requests-limit", "4000");
        add("anthropic-ratelimit-requests-remaining", "3999");
        add("anthropic-ratelimit-tokens-limit", "2000000");
        add("anthropic-ratelimit-tokens-remaining", "1999000");
    } else {
        add("x-request-id", request_id);
        add("openai-version", "2020-10-01");
        add("openai-organization", "org-sim");
        add("openai-processing-ms", "1");
        add("x-ratelimit-limit-requests", "10000");
        add("x-ratelimit-remaining-requests", "9999");
        add("x-ratelimit-reset-requests", "6ms");
    }
}

Answer error_answer(bool anthropic, int status, std::string_view message,
                    std::string_view request_id, std::string_view type) {
    Json error = error_object(anthropic, row_of(status), message, type);
    Json body = anthropic ? Json{{"type", "error"}, {"error", error}, {"request_id", request_id}}
                          : Json{{"error", error}};
    Answer answer = json_answer(body);
    answer.status = status;
    return answer;
}

Answer answer_call(const Call& call, bool anthropic, World& world) {
    switch (call.endpoint) {
        case Endpoint::chat_completions:
            return answer_chat(call, world);
        case Endpoint::completions:
            return answer_completions(call, world);
        case Endpoint::embeddings:
            return answer_embeddings(call, world);
        case Endpoint::responses:
            return answer_responses(call, world);
        case Endpoint::input_tokens:
            return answer_input_tokens(call, world);
        case Endpoint::compact:
            return answer_compact(call, world);
        case Endpoint::models:
            return answer_models(call, anthropic);
        case Endpoint::messages:
            return answer_messages(call, world);
        case Endpoint::count_tokens:
            return answer_count_tokens(call, world);
    }
    return error_answer(anthropic, 404, "", call.request_id);
}

}  // namespace weir::sim
