// How many tokens a call's input has, before the call is refused or shortened for its size: the
// provider is asked, which costs nothing, or a published vocabulary tells (product.md §3.6).
#pragma once

#include <optional>

#include "gateway/bound.h"
#include "gateway/road.h"
#include "http/server_connection.h"

namespace weir::gateway {

// Could a count make the call fit where `decision` says that it does not?
bool is_worth_counting(Road& road, const PreparedCall& call, const core::Target& target,
                       const Bound& bound, const core::Verdict& decision);

// nullopt: nobody could say, or not in a few seconds; or the client left. The figure has a margin:
// a vendor calls its own an estimate (wire.md §1.4), and which characters are letters changes with
// Unicode.
runtime::Task<std::optional<core::KnownInput>> count_input(Road& road,
                                                           http::ServerConnection& client,
                                                           const PreparedCall& call,
                                                           const core::Target& target);

}  // namespace weir::gateway
