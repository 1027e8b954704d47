// A call as it stands before money is asked for: who, what, whose, where to. Each field is the
// value of one step of the road; nothing is added later.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/attribution.h"
#include "core/call.h"
#include "core/conversation.h"
#include "core/policy.h"
#include "core/route.h"
#include "gateway/arrival.h"
#include "gateway/road.h"
#include "http/server_connection.h"
#include "provider/provider.h"

namespace weir::gateway {

// What a connection remembers from call to call.
struct Caller {
    std::string address;  // of the peer, for the ledger
    // The key text that was found good at `policy_version`, so that a kept-alive connection does
    // not hash it again for each call. Compared in constant time.
    Secret known_key;
    std::string known_key_id;
    std::uint64_t policy_version = 0;
};

struct PreparedCall {
    std::shared_ptr<const core::Policy> policy;  // keeps everything below alive
    CallId id;
    MonoTime started;
    MonoTime give_up;  // of several targets: nobody waits longer for a first byte
    std::string_view client_address;
    Arrival arrival;
    const core::KeyRecord* key = nullptr;
    provider::EndpointMatch endpoint;
    std::string decoded_body;  // where it came compressed
    std::string_view body;
    core::CallShape shape;
    core::Attribution attribution;
    core::Plan plan;
    // Of the whole input, where it is large enough to be remembered; and the most tokens that it
    // has at the plan's first target, where a part of it was counted before.
    std::optional<core::ConversationHash> conversation;
    std::optional<core::KnownInput> known;
    std::uint64_t fingerprint = 0;  // where budgets might ask whether it was made before
};

// accept → identify → describe → attribute → route. On error the call holds what was known so far.
runtime::Task<Result<>> prepare(Road& road, http::ServerConnection& client, Caller& caller,
                                PreparedCall& call);

// May the call go to that target, or, where none is known yet (nullptr), anywhere? `observed`: as
// core::check_access.
Result<> check_access(Road& road, const PreparedCall& call, const core::Target* target,
                      std::vector<std::string>& observed);

// The steps before a body is read; also what /weir/me needs.
Result<> identify_caller(Road& road, Caller& caller, PreparedCall& call);
Result<> attribute_call(const codec::RequestHead& head, PreparedCall& call);

}  // namespace weir::gateway
