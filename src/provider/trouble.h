// What an answer says about its provider rather than about the call: whether another target may do
// better, when to come back, and what is left of the provider's rate limits.
#pragma once

#include <optional>
#include <string_view>

#include "codec/http1.h"
#include "core/policy.h"
#include "core/target_health.h"

namespace weir::provider {

// Of a whole answer by status and body (wire.md §3.5). none: it is an answer, or the call's own
// fault, and would be elsewhere too.
core::Trouble trouble_of_answer(int http_status, std::string_view body);
// Of an error that comes inside a stream.
core::Trouble trouble_of_event(std::string_view data);
// Of an attempt that came to no answer.
core::Trouble trouble_of_error(ErrorCode code);

// retry-after-ms, else retry-after in seconds or as an HTTP date (RFC 9110 §10.2.3; wire.md §1.1,
// §1.4). nullopt: not said, or not understood.
std::optional<Duration> retry_after(const codec::ResponseHead& head, UnixTime now);
// x-ratelimit-… and anthropic-ratelimit-… (wire.md §1.1, §1.4).
core::ProviderQuota quota(const codec::ResponseHead& head);

}  // namespace weir::provider
