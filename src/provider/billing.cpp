#include "provider/billing.h"

#include <algorithm>
#include <array>

namespace weir::provider {

namespace {

// Errors that come after, or during, work. A content filter may act on what was generated
// (ledger.md L5, wire.md §1.7 for Azure's names); Groq's three quote the generation they reject.
constexpr std::array<std::string_view, 6> kAfterWork = {
    "content_filter",           "ResponsibleAIPolicyViolation",
    "content_policy_violation", "json_validate_failed",
    "tool_use_failed",          "output_parse_failed",
};

// Errors that say the request was not taken up (wire.md §1.1, §1.4, §3.5).
constexpr std::array<std::string_view, 22> kBeforeWork = {
    "authentication_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "billing_error",
    "insufficient_quota",
    "rate_limit_error",
    "rate_limit_exceeded",
    "invalid_api_key",
    "model_not_found",
    "context_length_exceeded",
    "invalid_prompt",
    "unsupported_parameter",
    "invalid_request_error",
    "overloaded_error",  // refused for load; as an HTTP status 529
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "contract_spend_limit_reached",
};

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
    return !name.empty() && std::ranges::find(names, name) != names.end();
}

bool is_after_work(const ErrorNames& names) {
    return names.generated || is_in(kAfterWork, names.type) || is_in(kAfterWork, names.code);
}

}  // namespace

ErrorNames read_error_body(std::string_view body) {
    ErrorNames names;
    JsonReader reader;
    const auto object = reader.object(body);
    if (!object) return names;
    each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "error") names = read_error_names(value);
        // Flat shapes: {"message", "type", "code"}.
        if (key == "code" && names.code.empty()) read_name(value, names.code);
    });
    return names;
}

ErrorNames read_error_names(json::value error) {
    ErrorNames names;
    const auto object = object_of(error);
    if (!object) return names;
    each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "type" || (key == "status" && names.type.empty())) read_name(value, names.type);
        if (key == "code") read_name(value, names.code);
        if (key == "failed_generation") names.generated = !is_null(value);
        if (key == "innererror" || key == "details") {
            const auto inner = object_of(value);
            if (!inner) return;
            each_field(*inner, [&](std::string_view part, json::value name) {
                // The inner name is the more precise one.
                if (part == "code" || part == "error_code") read_name(name, names.code);
            });
        }
    });
    return names;
}

Billing billing_of_names(const ErrorNames& names) {
    if (is_after_work(names)) return Billing::unknown;
    if (is_in(kBeforeWork, names.type) || is_in(kBeforeWork, names.code)) return Billing::unbilled;
    return Billing::unknown;
}

// status        says                                   source
// 400 413 422   unbilled: refused as malformed         wire.md §3.5
// 401 402 403   unbilled: no credential, money, right  wire.md §1.4, §3.5
// 404 405 415   unbilled: nothing there to run         wire.md §3.5
// 429           unbilled: rate or quota                wire.md §1.1, §3.5
// 503 529       unbilled only if named overloaded      wire.md §1.4
// 408 409 424   unknown: a model may have run          wire.md §1.6, ledger.md L10
// 5xx           unknown: may have failed after work    ledger.md L5
// any of these, named a content filter or quoting a generation: unknown (ledger.md L5)
// 2xx, 3xx and everything else: unknown (ledger.md L5, "default unknown")
// Nothing is `billed`: no provider says so in an error.
Billing billing_of_error(core::Vendor vendor, int http_status, std::string_view body) {
    const ErrorNames names = read_error_body(body);
    if (is_after_work(names)) return Billing::unknown;
    switch (http_status) {
        case 400:
        case 401:
        case 402:
        case 403:
        case 404:
        case 405:
        case 413:
        case 415:
        case 422:
        case 429:
            return Billing::unbilled;
        case 503:
        case 529: {
            const bool overloaded =
                names.type == "overloaded_error" ||
                (vendor != core::Vendor::anthropic && names.type == "overloaded");
            return overloaded ? Billing::unbilled : Billing::unknown;
        }
        default:
            return Billing::unknown;
    }
}

}  // namespace weir::provider
