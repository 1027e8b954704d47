// What the client gets besides the provider's own bytes: Weir's headers (product.md §3.13),
// refusals in its dialect, and the two small documents of the data listener. Pure: appends to
// strings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "codec/http1.h"
#include "core/attribution.h"
#include "core/budget.h"
#include "core/policy.h"
#include "core/route.h"
#include "gateway/hold.h"
#include "provider/provider.h"

namespace weir::gateway {

// What Weir's headers say of a call; filled as the call goes.
struct CallNotes {
    CallId id;
    core::Dialect dialect = core::Dialect::openai_chat;
    provider::Client client = provider::Client::any;
    const core::Target* target = nullptr;  // of the latest attempt; the call's plan owns it
    int attempts = 0;
    std::string max_output{};  // where Weir wrote it: "812; clamped", "16384; default"
    const core::Attribution* attribution = nullptr;
    const core::Policy* policy = nullptr;
    core::Verdict decision;                // the latest
    std::optional<Bound> bound;            // by which it was made
    core::RateVerdict rates;               // the latest
    std::optional<Settlement> settlement;  // where known before the head goes out
    std::vector<std::string> observed;     // access rules that would have refused it
    std::vector<std::string> choices;      // why its next attempt goes where it goes
};

// "x-weir-…" fields, and the rate limits'. Only budgets that the caller's key may see are named:
// its own team's.
void append_weir_fields(std::string& out, const CallNotes& notes);

// Status line and the provider's fields that may pass. Weir's fields, framing and the blank line
// are the caller's to add; the provider's head is there only until its payload is read. Where Weir
// limits the caller's rate, what the provider says of its own limits is not the caller's business.
void append_provider_fields(std::string& out, const codec::ResponseHead& provider,
                            const CallNotes& notes);

// A whole refusal: head and body. `close`: the connection cannot go on.
struct Refusal {
    std::string head;
    std::string body;
    int status = 0;
};
Refusal refusal(const Error& error, const CallNotes& notes, bool close, bool head_only);

// The rate limits that the call met, as SDKs of its dialect read them (wire.md §1.1, §1.4):
// x-ratelimit-…, anthropic-ratelimit-….
void append_rate_fields(std::string& out, core::Dialect dialect, const core::RateVerdict& rates);

// The figures of the refusing budget, for the body; nullopt where no budget refused.
std::optional<provider::RefusalFigures> refusal_figures(const core::Verdict& verdict,
                                                        const core::Policy& policy);

std::string_view budget_name(const core::Policy& policy, std::uint64_t id);

}  // namespace weir::gateway
