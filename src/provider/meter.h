// The meters behind make_meter(), one for each dialect. Owner: one attempt; thread: its worker's.
// They never fail: what cannot be read is not counted, and `completeness` says so.
//
// Where no final usage came, the output is estimated from the generated text that passed: one token
// for each four bytes, rounded up. That is a lower estimate (hidden reasoning passes no bytes); the
// input is 0 unless some usage gave it. The road keeps the charge at the bound in that case.
#pragma once

#include <memory>

#include "provider/provider.h"

namespace weir::provider {

std::unique_ptr<Meter> make_chat_meter(core::Endpoint endpoint, const core::Quirks& quirks,
                                       const core::CallShape& shape);
std::unique_ptr<Meter> make_responses_meter(const core::Quirks& quirks);
std::unique_ptr<Meter> make_anthropic_meter(const core::CallShape& shape);

// What the event is: its SSE name, or where the server sent none, the value of the first "type" in
// its data.
std::string_view event_type(std::string_view name, std::string_view data);

}  // namespace weir::provider
