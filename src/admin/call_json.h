// A call as JSON: for the admin API, and for the key's owner at /weir/calls/<id> on the data
// listener. Money is decimal text to the pico-dollar. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "admin/json.h"
#include "core/policy.h"
#include "store/queries.h"

namespace weir::admin {

enum class CallView : std::uint8_t {
    everything,  // for operators
    // For who calls, and its team's owner: no client address, since the team's other keys see it
    // too, and the figures of the team's own budgets only; a pot that others spend from shows them
    // where it refused.
    owner,
};

// All that is known of one call. The policy names its budgets.
Json call_detail(const store::CallDetail& call, const core::Policy& policy, CallView view);
// The same as text.
std::string call_json(const store::CallDetail& call, const core::Policy& policy, CallView view);
// One line of a list.
Json call_summary(const store::CallRow& row);

}  // namespace weir::admin
