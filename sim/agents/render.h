// An Ask as the HTTP request that a vendor's client would make of it, and the answer as the agent
// hears it. Pure. Thread: any.
#pragma once

#include <string_view>

#include "http/client.h"
#include "sim/agents/talk.h"

namespace weir::agents {

// With the labels, and the script as the simulated provider's x-sim-… wishes. `key`: its text.
http::ClientRequest render(const Ask& ask, std::string_view key);

Reply read_answer(const Ask& ask, const http::ClientAnswer& answer);

}  // namespace weir::agents
