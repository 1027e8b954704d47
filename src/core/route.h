// Model name → ordered targets.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "core/call.h"
#include "core/policy.h"

namespace weir::core {

struct Target {
    const ProviderRecord* provider = nullptr;  // owned by the policy snapshot
    std::string model;                         // name to send
    bool model_changed = false;                // differs from the name asked for
    const PriceRow* price = nullptr;           // nullptr: unpriced
    bool provisional = false;                  // price is the dearest of the vendor
    std::string price_id;
    std::uint16_t key = 0;  // which of the provider's
};

struct Plan {
    std::vector<Target> targets;             // in the order in which they are tried
    std::int64_t first_byte_timeout_ms = 0;  // as in RouteRecord
    bool filtered_goes_on = false;
};

// Order: an explicit "provider/model" prefix; a route of that name, or the longest glob that
// matches it; a provider whose `models` globs match; the provider of the endpoint's vendor whose
// price book knows the model; the only provider that speaks the dialect. Errors: unknown_model
// (names the nearest served ones), no provider at all (unknown_model with a message that says which
// key to set). Among targets with weights, and among a provider's keys, `spread` decides: the same
// for all calls that should go the same way.
Result<Plan> route(const Policy& policy, const CallShape& shape, UnixTime now,
                   std::uint64_t spread = 0);

bool speaks(const ProviderRecord& provider, Endpoint endpoint);

}  // namespace weir::core
