// Records for the ledger's tests: random ones, and a plain call. Same seed, same records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "ledger/record.h"

namespace weir::ledger {

// Field by field, written out a second time so that a field that the codec forgets is noticed. Slot
// and generation of parts are left out: they are not stored.
bool same_record(const Record& a, const Record& b);

Record random_record(SeededRng& rng);
AttemptId attempt_id(std::uint32_t epoch, std::uint16_t worker, std::uint64_t seq,
                     std::uint16_t ordinal = 1);

// A call as the gateway would write it, held by `budgets` budgets in dollars, tokens and calls.
AdmitRecord plain_admit(AttemptId id, std::size_t budgets = 6);
DispatchedRecord plain_dispatched(const AdmitRecord& admit);
// Settled at a tenth of the bound.
EndRecord plain_end(const AdmitRecord& admit);

}  // namespace weir::ledger
