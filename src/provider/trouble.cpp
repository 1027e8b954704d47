#include "provider/trouble.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "provider/billing.h"

namespace weir::provider {
namespace {

using core::Trouble;

// Clients match the words, since not every provider has a code for it (wire.md §3.5).
bool is_too_long(const ErrorNames& names, std::string_view body) {
    if (names.code == "context_length_exceeded") return true;
    return body.contains("prompt is too long") ||
           body.contains("Input is too long for requested model") ||
           body.contains("maximum context length");
}

bool is_filtered(const ErrorNames& names) {
    return names.code == "content_filter" || names.code == "ResponsibleAIPolicyViolation" ||
           names.code == "content_policy_violation" || names.type == "content_filter";
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

bool starts_with_ignore_case(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() &&
           codec::equals_ignore_case(text.substr(0, prefix.size()), prefix);
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<UnixTime> http_date(std::string_view text) {
    std::tm parts{};
    const std::string whole{text};
    if (::strptime(whole.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) {
        return std::nullopt;
    }
    return UnixTime{static_cast<std::int64_t>(::timegm(&parts)) * 1'000'000'000};
}

}  // namespace

// 408, 409 and 425 are about the moment; 424 is a model's failure at Bedrock (wire.md §1.6).
Trouble trouble_of_answer(int http_status, std::string_view body) {
    if (http_status < 400) return Trouble::none;
    switch (http_status) {
        case 401:
        case 403:
            return Trouble::unauthorized;
        case 402:
        case 429:
            return Trouble::rate_limited;
        case 408:
        case 409:
        case 424:
        case 425:
            return Trouble::server_error;
        case 503:
        case 529:
            return Trouble::overloaded;
        default:
            break;
    }
    if (http_status >= 500) return Trouble::server_error;
    const ErrorNames names = read_error_body(body);
    if (is_filtered(names)) return Trouble::filtered;
    if (is_too_long(names, body)) return Trouble::too_long;
    return Trouble::none;
}

Trouble trouble_of_event(std::string_view data) {
    const ErrorNames names = read_error_body(data);
    if (names.type == "overloaded_error" || names.code == "overloaded") return Trouble::overloaded;
    if (names.type == "rate_limit_error" || names.code == "rate_limit_exceeded") {
        return Trouble::rate_limited;
    }
    if (is_filtered(names)) return Trouble::filtered;
    if (is_too_long(names, data)) return Trouble::too_long;
    if (names.type == "invalid_request_error") return Trouble::none;
    return Trouble::server_error;
}

Trouble trouble_of_error(ErrorCode code) {
    switch (code) {
        case ErrorCode::provider_unreachable:
        case ErrorCode::provider_tls:
            return Trouble::unreachable;
        case ErrorCode::provider_timeout:
            return Trouble::timed_out;
        case ErrorCode::provider_reset:
            return Trouble::cut_off;
        case ErrorCode::provider_protocol:
        case ErrorCode::provider_error:
            return Trouble::server_error;
        default:
            return Trouble::none;
    }
}

std::optional<Duration> retry_after(const codec::ResponseHead& head, UnixTime now) {
    constexpr std::int64_t kSecondsMax = 86'400;
    if (auto ms = whole_number(head.find("retry-after-ms")); ms && *ms <= kSecondsMax * 1000) {
        return std::chrono::milliseconds{*ms};
    }
    const std::string_view text = head.find("retry-after");
    if (text.empty()) return std::nullopt;
    if (auto seconds = whole_number(text); seconds && *seconds <= kSecondsMax) {
        return std::chrono::seconds{*seconds};
    }
    const auto date = http_date(text);
    if (!date || *date <= now) return std::nullopt;
    return std::min<Duration>(*date - now, std::chrono::seconds{kSecondsMax});
}

// In one pass: each answer of a healthy call goes through here.
core::ProviderQuota quota(const codec::ResponseHead& head) {
    constexpr std::string_view kOpenAi = "x-ratelimit-";
    constexpr std::string_view kAnthropic = "anthropic-ratelimit-";
    core::ProviderQuota quota;
    for (const codec::HeaderField& field : head.fields) {
        std::string_view name = field.name;
        const bool openai = starts_with_ignore_case(name, kOpenAi);
        if (!openai && !starts_with_ignore_case(name, kAnthropic)) continue;
        name.remove_prefix(openai ? kOpenAi.size() : kAnthropic.size());
        const auto value = whole_number(field.value);
        if (!value) continue;
        auto is = [name](std::string_view one, std::string_view other) {
            return codec::equals_ignore_case(name, one) || codec::equals_ignore_case(name, other);
        };
        if (is("remaining-requests", "requests-remaining")) quota.requests_left = *value;
        if (is("limit-requests", "requests-limit")) quota.requests_limit = *value;
        if (is("remaining-tokens", "tokens-remaining")) quota.tokens_left = *value;
        if (is("limit-tokens", "tokens-limit")) quota.tokens_limit = *value;
    }
    return quota;
}

}  // namespace weir::provider
