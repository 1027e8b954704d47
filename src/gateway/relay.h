// The answer on its way to the client, metered as it passes: whole bodies, streams chunk by chunk,
// and provider errors. Ends the attempt's hold on every path.
#pragma once

#include "gateway/answer.h"
#include "gateway/hold.h"
#include "gateway/prepared_call.h"
#include "http/upstream_exchange.h"
#include "provider/provider.h"

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
};

// From now on nothing is written to the client, and what is left of the answer is read within the
// drain bound.
void client_left(RelayContext& context);

// After the provider's head was read. True: the client's connection may go on.
runtime::Task<bool> relay_answer(RelayContext& context);

// The same after client_left and before the head: reads to the end, so that usage stays exact.
runtime::Task<void> drain_answer(RelayContext& context);

}  // namespace weir::gateway
