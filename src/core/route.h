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
};

struct Plan {
    std::vector<Target> targets;
};

// Order: an explicit "provider/model" prefix; a route of that name; a provider whose `models` globs
// match; the provider of the endpoint's vendor whose price book knows the model; the only provider
// that speaks the dialect. Errors: unknown_model (names the nearest served ones), no provider at
// all (unknown_model with a message that says which key to set).
Result<Plan> route(const Policy& policy, const CallShape& shape, UnixTime now);

bool speaks(const ProviderRecord& provider, Endpoint endpoint);

}  // namespace weir::core
