// What a start owes to the starts before it: every hold of a dead epoch gets its end (ledger.md L1,
// L4). Pure: the caller appends the records with the new epoch's writer, before it admits anything,
// and reads `now` from max(wall, Fold::last_time).
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "ledger/fold.h"

namespace weir::ledger {

// The end of one dead hold.
//   never dispatched → released: nothing can have been billed
//   dispatched       → orphaned at the bound: what the provider billed is not known; a later proof
//                      corrects it. Cost and charge are both the bound, so that no report says less
//                      than was perhaps spent.
EndRecord end_of_dead(const AdmitRecord& admit, bool dispatched, UnixTime now);

// For all open holds of epochs before `new_epoch`, in order of ids. Said twice, for the same fold
// and instant, it gives the same records.
std::vector<EndRecord> ends_of_dead(const Fold& fold, std::uint32_t new_epoch, UnixTime now);

}  // namespace weir::ledger
