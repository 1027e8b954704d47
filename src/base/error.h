// The one closed list of things that can go wrong, and the type that carries one.
// Errors are values: every fallible function returns Result<T>. `detail` is for logs and for the
// operator; what a client may read is `message`, which never holds a secret or prompt text.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

enum class ErrorCode : std::uint8_t {
    // the client's request
    malformed_http,
    headers_too_large,
    body_too_large,
    unsupported_encoding,
    malformed_body,
    malformed_json,
    ambiguous_json,
    invalid_parameter,
    unsupported_parameter,
    unknown_model,
    unknown_endpoint,
    endpoint_refused,
    method_not_allowed,
    upgrade_required,
    request_timeout,
    client_gone,
    // who is calling
    key_missing,
    key_unknown,
    key_expired,
    key_revoked,
    forbidden,
    model_not_allowed,
    stopped,
    // money
    budget_exhausted,
    budget_busy,
    call_exceeds_budget,
    unpriced_model,
    rate_limited,
    too_many_trajectories,
    // the provider
    provider_unreachable,
    provider_tls,
    provider_timeout,
    provider_reset,
    provider_protocol,
    provider_error,
    // ourselves
    ledger_unavailable,
    overloaded,
    shutting_down,
    internal,
    // the operator
    config_invalid,
    not_found,
    conflict,
    locked,
    io,
    corrupt,
};

inline constexpr std::size_t kErrorCodes = static_cast<std::size_t>(ErrorCode::corrupt) + 1;

struct ErrorInfo {
    ErrorCode code;
    std::string_view name;     // machine name: in error bodies, logs and metrics
    int http_status;           // answered when it ends a call
    bool retryable;            // would the same request later have a chance?
    std::string_view message;  // said to the client when nothing better is known
};

const ErrorInfo& error_info(ErrorCode code);

class [[nodiscard]] Error {
 public:
    explicit Error(ErrorCode c) : code_(c) {}
    Error(ErrorCode c, std::string message) : code_(c), message_(std::move(message)) {}
    Error(ErrorCode c, std::string message, std::string detail)
        : code_(c), message_(std::move(message)), detail_(std::move(detail)) {}

    ErrorCode code() const { return code_; }
    const ErrorInfo& info() const { return error_info(code_); }
    // For the client: says what happened and what to do.
    std::string_view message() const {
        return message_.empty() ? error_info(code_).message : std::string_view{message_};
    }
    // For logs only.
    const std::string& detail() const { return detail_; }

 private:
    ErrorCode code_;
    std::string message_;
    std::string detail_;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code) { return std::unexpected(Error{code}); }
inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
    return std::unexpected(Error{code, std::move(message)});
}
inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string detail) {
    return std::unexpected(Error{code, std::move(message), std::move(detail)});
}

}  // namespace weir
