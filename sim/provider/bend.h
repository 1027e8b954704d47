// Faults that change what an answer says, before it is sent. Sans-IO.
#pragma once

#include <string_view>

#include "sim/provider/answer.h"
#include "sim/provider/faults.h"

namespace weir::sim {

void bend(const Faults& faults, bool anthropic, std::string_view request_id, Answer& answer);

}  // namespace weir::sim
