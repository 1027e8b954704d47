// Whether a provider's error bills (ledger.md L5): by what it calls the error. billing_of_error()
// in provider.h adds the HTTP status; meters ask this of errors that come inside a stream.
#pragma once

#include <string>
#include <string_view>

#include "provider/provider.h"
#include "provider/usage_json.h"

namespace weir::provider {

struct ErrorNames {
    std::string type;        // error.type, or Google's error.status
    std::string code;        // error.code, error.innererror.code or Anthropic's details.error_code
    bool generated = false;  // the error shows text that was generated
};

// From a whole error body: its "error" member, or flat.
ErrorNames read_error_body(std::string_view body);

// From the value of an "error" member: an object, or a bare message.
ErrorNames read_error_names(json::value error);

// unbilled only for names that say "refused before work"; unknown otherwise, never billed.
Billing billing_of_names(const ErrorNames& names);

}  // namespace weir::provider
