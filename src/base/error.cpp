#include "base/error.h"

#include <array>

#include "base/check.h"

namespace weir {
namespace {

using enum ErrorCode;

constexpr std::array<ErrorInfo, kErrorCodes> kTable{{
    {malformed_http, "malformed_http", 400, false, "The HTTP request is malformed."},
    {headers_too_large, "headers_too_large", 431, false, "The request headers are too large."},
    {body_too_large, "body_too_large", 413, false, "The request body is too large."},
    {unsupported_encoding, "unsupported_encoding", 415, false,
     "The content-encoding is not supported: use identity, gzip, deflate, br or zstd."},
    {malformed_body, "malformed_body", 400, false, "The request body could not be decoded."},
    {malformed_json, "malformed_json", 400, false, "The request body is not valid JSON."},
    {ambiguous_json, "ambiguous_json", 400, false,
     "A key of the request body that bears on cost appears twice or in disguise."},
    {invalid_parameter, "invalid_parameter", 400, false, "A parameter has an invalid value."},
    {unsupported_parameter, "unsupported_parameter", 400, false,
     "A parameter cannot be bounded in cost and is refused under a blocking budget."},
    {unknown_model, "model_not_found", 404, false, "The model is not known to this gateway."},
    {unknown_endpoint, "unknown_endpoint", 404, false, "There is no such endpoint."},
    {endpoint_refused, "endpoint_refused", 403, false,
     "This endpoint is refused, since its cost is not metered yet."},
    {method_not_allowed, "method_not_allowed", 405, false,
     "The method is not allowed on this endpoint."},
    {upgrade_required, "upgrade_required", 426, false, "Use plain HTTP on this endpoint."},
    {request_timeout, "request_timeout", 408, true, "The request took too long to arrive."},
    {client_gone, "client_gone", 499, false, "The client closed the connection."},

    {key_missing, "key_missing", 401, false,
     "No key: send one in Authorization: Bearer, x-api-key or x-weir-key."},
    {key_unknown, "invalid_api_key", 401, false, "The key is not known."},
    {key_expired, "key_expired", 401, false, "The key has expired."},
    {key_revoked, "key_revoked", 401, false, "The key was revoked."},
    {forbidden, "forbidden", 403, false, "The key may not do this."},
    {model_not_allowed, "model_not_allowed", 403, false, "The key may not use this model."},
    {stopped, "stopped", 403, false, "Calls of this kind were stopped by an operator."},

    {budget_exhausted, "budget_exhausted", 402, false, "The budget is spent."},
    {budget_busy, "budget_busy", 429, true,
     "The budget is held by calls in flight: try again shortly."},
    {call_exceeds_budget, "call_exceeds_budget", 400, false,
     "The call could cost more than the whole budget: lower its max output or its input."},
    {unpriced_model, "unpriced_model", 403, false,
     "The model has no price, so a blocking budget cannot admit it."},
    {rate_limited, "rate_limited", 429, true, "The rate limit was reached."},
    {too_many_trajectories, "too_many_trajectories", 429, true,
     "The key has too many live trajectories."},

    {provider_unreachable, "provider_unreachable", 502, true, "The provider cannot be reached."},
    {provider_tls, "provider_tls", 502, false, "The provider's certificate was not accepted."},
    {provider_timeout, "provider_timeout", 504, true, "The provider did not answer in time."},
    {provider_reset, "provider_reset", 502, true, "The provider closed the connection."},
    {provider_protocol, "provider_protocol", 502, true, "The provider's answer was malformed."},
    {provider_error, "provider_error", 502, true, "The provider answered with an error."},

    {ledger_unavailable, "ledger_unavailable", 503, true,
     "The ledger cannot be written, so no call is let through."},
    {overloaded, "overloaded", 503, true, "The gateway is overloaded."},
    {shutting_down, "shutting_down", 503, true, "The gateway is shutting down."},
    {internal, "internal_error", 500, true, "An error of the gateway itself."},

    {config_invalid, "config_invalid", 400, false, "The configuration is invalid."},
    {not_found, "not_found", 404, false, "There is no such thing."},
    {conflict, "conflict", 409, false, "It conflicts with what exists."},
    {locked, "locked", 409, false, "Another process holds the data directory."},
    {io, "io_error", 500, true, "Reading or writing failed."},
    {corrupt, "corrupt", 500, false, "The stored data are damaged."},
}};

constexpr bool table_is_in_order() {
    for (std::size_t i = 0; i < kErrorCodes; ++i) {
        if (static_cast<std::size_t>(kTable[i].code) != i) return false;
    }
    return true;
}
static_assert(table_is_in_order());

}  // namespace

const ErrorInfo& error_info(ErrorCode code) {
    auto index = static_cast<std::size_t>(code);
    WEIR_CHECK(index < kErrorCodes);
    return kTable[index];
}

}  // namespace weir
