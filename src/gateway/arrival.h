// What a request's head alone says, before any body is read: the path without its URL tags, the
// key, the credential that is the caller's own, and what of the head may go on to a provider. Pure;
// views point into the head.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/http1.h"
#include "core/call.h"
#include "core/policy.h"

namespace weir::gateway {

struct Arrival {
    std::string_view path;      // without /t/<tags> and query
    std::string_view query;     // with its '?', or empty
    std::string_view url_tags;  // of /t/<tags>/…, percent-encoded
    std::string_view key;       // text of the Weir key, or of whatever was sent in its place
    // Sent beside a Weir key in x-weir-key: goes to the provider untouched.
    bool own_credential = false;
    bool include_cost = false;  // x-weir-include: cost
};

Arrival read_arrival(const codec::RequestHead& head);

// The dialect to answer in before the endpoint is known: by path, then by the headers of the SDKs.
core::Dialect dialect_of(const Arrival& arrival, const codec::RequestHead& head);

struct UpstreamHead {
    std::string_view method;
    const core::ProviderRecord* provider = nullptr;
    std::uint16_t key = 0;  // which of the provider's
    std::string_view path;  // under the provider's prefix
    std::string_view query;
    bool own_credential = false;
    bool has_body = false;
    std::size_t body_bytes = 0;
};

// The head that goes to the provider: the client's own fields as they came, but for those of
// product.md §3.11, with the provider's host, credential and the body's length.
void append_upstream_head(std::string& out, const codec::RequestHead& client,
                          const UpstreamHead& to);

// Does a Connection field say more than keep-alive or close? Nearly none does, and only then must
// each field be looked for in it.
bool connection_names_fields(const std::vector<codec::HeaderField>& fields);

// May a field of the provider's answer reach the client? Framing and connection fields, cookies and
// what speaks of the provider's own origin (alt-svc, strict-transport-security) may not.
bool answers_through(std::string_view field_name);
// Does the field say where its sender stands in the provider's rate limits?
bool tells_a_rate(std::string_view field_name);

}  // namespace weir::gateway
