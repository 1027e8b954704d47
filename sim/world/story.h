// A ledger's record as one line, for who reads the history of a seed. Pure.
#pragma once

#include <string>

#include "ledger/record.h"

namespace weir::world {

std::string story_of(const ledger::Record& record);

}  // namespace weir::world
