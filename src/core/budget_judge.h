// What a budget asks of a call, and the verdict over all that match (ledger.md §2, "Policy,
// exactly"). Pure arithmetic over hold parts. Internal to core/budget.
#pragma once

#include <cstdint>

#include "core/budget.h"

namespace weir::core {

// Does reaching the amount hold this call back, where the budget is applied?
bool blocks(const BudgetSpec& spec, bool environment_is_lenient);
// What the call asks of a budget of that unit; and with so much output an answer. Whether it
// repeats another is for who knows the others.
Int128 asked(BudgetUnit unit, const ReserveRequest& request);
Int128 asked(BudgetUnit unit, const ReserveRequest& request, std::int64_t output);
// What of the part is spent in the end.
Int128 charged(const HoldPart& part, const SettleAmounts& charge);

// Fills kind, telling, clamped_to, and `kind` and `refused` of each part, from the figures of the
// parts; of a clamped call also what it holds.
void decide(Verdict& verdict, const ReserveRequest& request, const OutputLengths& lengths);

// What is left as a part of the amount: an order among budgets, not a figure. Both are shifted into
// 31 bits, so that two of them compare by two multiplications.
struct Tightness {
    std::int64_t left = 0;
    std::int64_t amount = 0;
    bool operator<(const Tightness& o) const { return left * o.amount < o.left * amount; }
};

Tightness tightness(Int128 left, Int128 amount);

}  // namespace weir::core
