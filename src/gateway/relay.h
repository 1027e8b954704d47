// The answer on its way to the client, metered as it passes: whole bodies, streams chunk by chunk,
// and provider errors. Ends the attempt's hold on every path. An answer that another target may
// better is held back as long as nothing of it has reached the client.
#pragma once

#include "gateway/answer.h"
#include "gateway/hold.h"
#include "gateway/prepared_call.h"
#include "http/upstream_exchange.h"
#include "provider/provider.h"
#include "provider/trouble.h"

namespace weir::gateway {

struct RelayContext {
    Road& road;
    http::ServerConnection& client;
    const PreparedCall& call;
    const core::Target& target;
    http::UpstreamExchange& exchange;
    provider::Meter& meter;
    Hold& hold;
    CallNotes& notes;
    ledger::Outcome& outcome;
    bool strip_injected_usage = false;
    bool client_minor_1 = true;  // HTTP/1.1: may have chunks
    bool client_keep_alive = true;
    bool client_gone = false;
    bool others_follow = false;  // targets that can be tried in its place
    bool released = false;       // the hold ended as one that bills nothing
};

// A provider's own error that has not gone to the client: head (status line and the provider's
// fields) and body.
struct HeldAnswer {
    std::string head;
    std::string body;
};

struct Relayed {
    bool answered = true;     // the client has its answer, or is gone
    bool keep_alive = false;  // of the client's connection, if answered
    core::Trouble trouble = core::Trouble::none;
    // If not answered: one of the two.
    std::optional<Error> error;
    std::optional<HeldAnswer> held;
};

// From now on nothing is written to the client, and what is left of the answer is read within the
// drain bound.
void client_left(RelayContext& context);

// After the provider's head was read.
runtime::Task<Relayed> relay_answer(RelayContext& context);

// Adds Weir's fields and writes. True: the client's connection may go on.
runtime::Task<bool> write_whole(http::ServerConnection& client, std::string head,
                                std::string_view body, const CallNotes& notes, bool keep_alive);

// The same after client_left and before the head: reads to the end, so that usage stays exact.
runtime::Task<void> drain_answer(RelayContext& context);

}  // namespace weir::gateway
