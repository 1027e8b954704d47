// Errors in the caller's dialect (wire.md §1.1, §1.4, §3.5; product.md §3.4). What the official
// SDKs do with them was read in their sources: they obey x-should-retry before any status, prefer
// retry-after-ms, and raise from a stream when `data` holds an "error" (OpenAI) or the event's name
// is error (Anthropic).
#include <fmt/format.h>
#include <string>

#include "codec/json_write.h"
#include "provider/provider.h"

namespace weir::provider {
namespace {

using codec::JsonWriter;
using core::Dialect;

// ---- status and type ----------------------------------------------------------------------------

int status_for(Dialect dialect, const Error& error) {
    const bool overload =
        error.code() == ErrorCode::overloaded || error.code() == ErrorCode::shutting_down;
    if (dialect == Dialect::anthropic && overload) return 529;  // its word for it
    return error.info().http_status;
}

// What ends, or begins, an agent's retries where x-should-retry is not heeded.
int status_for(Client client, Dialect dialect, const Error& error) {
    const int status = status_for(dialect, error);
    switch (client) {
        case Client::claude_code:
            // Its gateways' word (wire.md §1.4); other clients of this dialect ask again at 429.
            return error.code() == ErrorCode::budget_exhausted ? 429 : status;
        case Client::codex:
            // It asks again, five times, at these, once at 400, and never at 429. 426 makes it
            // leave WebSockets.
            if (status == 402 || status == 403 || status == 404 || status == 413) return 400;
            return status == 429 ? 503 : status;
        case Client::any:
            break;
    }
    return status;
}

std::string_view anthropic_type(const Error& error, int status) {
    if (error.code() == ErrorCode::budget_exhausted) return "billing_error";
    switch (status) {
        case 401:
            return "authentication_error";
        case 402:
            return "billing_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 408:
        case 504:
            return "timeout_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 529:
            return "overloaded_error";
        default:
            return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

std::string_view openai_type(int status) {
    switch (status) {
        case 402:
            return "insufficient_quota";  // the type that clients know not to retry
        case 403:
            return "permission_error";
        case 429:
            return "rate_limit_error";
        default:
            return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

// ---- text
// -----------------------------------------------------------------------------------------

std::string quantities(const RefusalFigures& f) {
    if (f.unit == core::BudgetUnit::usd) {
        return fmt::format(": ${} used and ${} held of ${}.", f.used, f.held, f.amount);
    }
    return fmt::format(": {} {} used and {} held of {}.", f.used, core::budget_unit_name(f.unit),
                       f.held, f.amount);
}

std::string text_for(const Error& error, const RefusalFigures* figures) {
    std::string text{error.message()};
    if (figures == nullptr) return text;
    if (!figures->budget.empty()) {
        fmt::format_to(std::back_inserter(text), " Budget {}", figures->budget);
        if (!figures->scope.empty()) {
            fmt::format_to(std::back_inserter(text), " ({})", figures->scope);
        }
        text.append(quantities(*figures));
    }
    if (!figures->resets_at.empty()) {
        fmt::format_to(std::back_inserter(text), " Resets at {}.", figures->resets_at);
    }
    if (!figures->what_to_do.empty()) {
        fmt::format_to(std::back_inserter(text), " {}", figures->what_to_do);
    }
    return text;
}

// Messages about a parameter begin with its name in backticks: OpenAI's `param`.
std::string_view param_of(std::string_view message) {
    if (!message.starts_with('`')) return {};
    auto end = message.find('`', 1);
    return end == std::string_view::npos ? std::string_view{} : message.substr(1, end - 1);
}

// ---- bodies
// ---------------------------------------------------------------------------------------

// What a refusal rests on, where it rests on figures.
struct Why {
    const RefusalFigures* budget = nullptr;
    const RateFigures* rate = nullptr;
};

void write_quantities(JsonWriter& json, const RefusalFigures& f) {
    if (f.unit == core::BudgetUnit::usd) {
        json.field("used_usd", f.used).field("held_usd", f.held).field("amount_usd", f.amount);
        return;
    }
    json.field("unit", core::budget_unit_name(f.unit));
    json.field("used", f.used).field("held", f.held).field("amount", f.amount);
}

void write_weir(JsonWriter& json, const Error& error, std::string_view call_id, Why why) {
    json.key("weir").begin_object();
    json.field("code", error.info().name).field("retryable", error.info().retryable);
    json.field("call_id", call_id);
    if (why.rate != nullptr) {
        json.field("limit", why.rate->limit).field("scope", why.rate->scope);
        json.field("unit", core::rate_unit_name(why.rate->unit)).field("amount", why.rate->amount);
        json.field("retry_after_ms", why.rate->retry_after_ms);
    }
    if (const RefusalFigures* figures = why.budget) {
        json.field("budget", figures->budget).field("scope", figures->scope);
        write_quantities(json, *figures);
        json.key("resets_at");
        if (figures->resets_at.empty()) {
            json.null();
        } else {
            json.string(figures->resets_at);
        }
        json.field("what_to_do", figures->what_to_do);
    }
    json.end_object();
}

void write_openai_error(JsonWriter& json, const Error& error, std::string_view call_id, Why why) {
    json.key("error").begin_object();
    json.field("message", text_for(error, why.budget));
    json.field("type", openai_type(status_for(Dialect::openai_chat, error)));
    json.key("param");
    if (auto param = param_of(error.message()); param.empty()) {
        json.null();
    } else {
        json.string(param);
    }
    json.field("code", error.info().name);
    write_weir(json, error, call_id, why);
    json.end_object();
}

void write_anthropic(JsonWriter& json, const Error& error, std::string_view call_id, Why why) {
    json.begin_object().field("type", "error").key("error").begin_object();
    json.field("type", anthropic_type(error, status_for(Dialect::anthropic, error)));
    json.field("message", text_for(error, why.budget));
    write_weir(json, error, call_id, why);
    json.end_object().field("request_id", call_id).end_object();
}

std::string body_for(Dialect dialect, const Error& error, std::string_view call_id, Why why) {
    std::string body;
    JsonWriter json{body};
    if (dialect == Dialect::anthropic) {
        write_anthropic(json, error, call_id, why);
    } else {
        json.begin_object();
        write_openai_error(json, error, call_id, why);
        json.end_object();
    }
    return body;
}

// ---- retries
// ----------------------------------------------------------------------------------------

std::int64_t retry_after_ms(const Error& error, Why why) {
    if (!error.info().retryable) return 0;
    if (why.budget != nullptr && why.budget->retry_after_ms > 0) return why.budget->retry_after_ms;
    if (why.rate != nullptr && why.rate->retry_after_ms > 0) return why.rate->retry_after_ms;
    switch (error.code()) {
        case ErrorCode::budget_busy:
        case ErrorCode::overloaded:
        case ErrorCode::shutting_down:
        case ErrorCode::provider_unreachable:
            return 1'000;
        case ErrorCode::rate_limited:
        case ErrorCode::too_many_trajectories:
        case ErrorCode::ledger_unavailable:
            return 5'000;
        default:
            return 0;  // the SDK's own back-off is as good
    }
}

// ---- streams
// ----------------------------------------------------------------------------------------

// Codes of response.failed that agents act on: "server_error" is tried again, a spent quota is not.
std::string_view responses_code(const Error& error) {
    if (error.info().retryable) return "server_error";
    if (error.code() == ErrorCode::budget_exhausted) return "insufficient_quota";
    return error.info().name;
}

// Two events: agents end on response.failed (wire.md §3.2), the SDKs raise on the one with `error`.
std::string responses_events(const Error& error, std::string_view call_id, std::int64_t sequence) {
    std::string out = "event: response.failed\ndata: ";
    JsonWriter failed{out};
    failed.begin_object().field("type", "response.failed").field("sequence_number", sequence);
    failed.key("response").begin_object();
    failed.field("id", call_id).field("object", "response").field("status", "failed");
    failed.key("error").begin_object();
    failed.field("code", responses_code(error)).field("message", error.message()).end_object();
    failed.key("output").begin_array().end_array().key("usage").null();
    failed.end_object().end_object();
    out.append("\n\nevent: error\ndata: ");
    JsonWriter raised{out};
    raised.begin_object().field("type", "error").field("code", error.info().name);
    raised.field("message", error.message()).key("param").null();
    raised.field("sequence_number", sequence + 1);
    write_openai_error(raised, error, call_id, {});
    raised.end_object();
    out.append("\n\n");
    return out;
}

}  // namespace

Client client_of(std::string_view user_agent) {
    if (user_agent.starts_with("claude-cli/")) return Client::claude_code;
    return user_agent.starts_with("codex") ? Client::codex : Client::any;
}

ErrorAnswer error_answer(Dialect dialect, const Error& error, std::string_view call_id,
                         const RefusalFigures* figures, const RateFigures* rate, Client client) {
    const Why why{figures, rate};
    ErrorAnswer answer;
    answer.status = status_for(client, dialect, error);
    answer.body = body_for(dialect, error, call_id, why);
    answer.headers.emplace_back("x-should-retry", error.info().retryable ? "true" : "false");
    if (std::int64_t ms = retry_after_ms(error, why); ms > 0) {
        answer.headers.emplace_back("retry-after", std::to_string((ms + 999) / 1000));
        answer.headers.emplace_back("retry-after-ms", std::to_string(ms));
    }
    if (!call_id.empty()) {
        answer.headers.emplace_back(dialect == Dialect::anthropic ? "request-id" : "x-request-id",
                                    call_id);
    }
    return answer;
}

std::string error_event(Dialect dialect, const Error& error, std::string_view call_id,
                        std::int64_t sequence_number) {
    switch (dialect) {
        case Dialect::anthropic:
            return "event: error\ndata: " + body_for(dialect, error, call_id, {}) + "\n\n";
        case Dialect::openai_responses:
            return responses_events(error, call_id, sequence_number);
        default:
            return "data: " + body_for(dialect, error, call_id, {}) + "\n\n";
    }
}

}  // namespace weir::provider
