// The road of a call. `serve_call` is the sentence of docs/ARCHITECTURE.md; it owns the branching.
#pragma once

#include "gateway/prepared_call.h"

namespace weir::gateway {

// Serves the request whose head was just read. False: the connection is to be closed.
runtime::Task<bool> serve_call(Road& road, http::ServerConnection& client, Caller& caller);

// Answers a head that could not be read, then the connection closes.
runtime::Task<void> answer_malformed(http::ServerConnection& client, const Error& error);

}  // namespace weir::gateway
