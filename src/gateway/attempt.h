// One try at one target: bound → admit (or have the input counted, or wait in line, and then admit)
// → record → dial → dispatched → send → relay → settle.
#pragma once

#include <optional>

#include "gateway/answer.h"
#include "gateway/hold.h"
#include "gateway/prepared_call.h"
#include "gateway/relay.h"

namespace weir::gateway {

struct AttemptOutcome {
    bool admitted = false;    // else nothing was held, and nothing sent
    bool counted = false;     // a failed one that a budget of calls counts all the same
    bool answered = false;    // the client has its answer, or is gone
    bool keep_alive = false;  // of the client's connection, if answered
    bool stale = false;       // a reused connection failed before its first byte: try a fresh one
    std::optional<Error> error;  // if not answered, one of the two
    std::optional<HeldAnswer> held;
    std::optional<core::Sighting> sighting;  // of the target; nullopt: nothing was learned
};

struct AttemptInput {
    const core::Target* target = nullptr;
    std::uint16_t ordinal = 1;
    bool counts_call = true;  // no earlier attempt of the call is counted as it
    bool fresh_connection = false;
    bool others_follow = false;  // targets that can be tried in its place
};

// `notes` takes what the answer's headers, or a refusal, will say.
runtime::Task<AttemptOutcome> attempt(Road& road, http::ServerConnection& client,
                                      const PreparedCall& call, AttemptInput input,
                                      CallNotes& notes);

// Writes down a call that was refused before, or at, an attempt's admission.
// `verdict`: of the latest admission asked for; nullptr: none was.
void record_refusal(Road& road, const PreparedCall& call, const codec::RequestHead& head,
                    const Error& error, int http_status, const CallNotes* notes);

}  // namespace weir::gateway
