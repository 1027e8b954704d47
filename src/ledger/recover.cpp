#include "ledger/recover.h"

#include <algorithm>
#include <fmt/format.h>

namespace weir::ledger {
namespace {

// The admit keeps no token bound of its own; the hold of a token budget is it.
std::int64_t token_bound(const AdmitRecord& admit) {
    Int128 bound = Int128{admit.input_bound} + admit.max_output;
    for (const core::HoldPart& part : admit.parts) {
        if (part.unit == core::BudgetUnit::tokens) bound = std::max(bound, part.held);
    }
    return static_cast<std::int64_t>(std::clamp<Int128>(bound, 0, INT64_MAX));
}

}  // namespace

EndRecord end_of_dead(const AdmitRecord& admit, bool dispatched, UnixTime now) {
    EndRecord end;
    end.head = admit.head;
    end.at = now;
    end.bound = admit.bound;
    end.parts = admit.parts;
    end.outcome.has_error = true;
    end.outcome.error = ErrorCode::internal;
    end.outcome.error_text =
        fmt::format("the process of epoch {} ended during the call", admit.head.id.call.epoch);
    if (!dispatched) {
        end.state = EndState::released;
        end.outcome.notes = {"released at recovery: it was never dispatched"};
        return end;
    }
    end.state = EndState::orphaned;
    end.usage.completeness = core::Completeness::estimated;
    end.cost = admit.bound;
    end.charge = admit.bound;
    end.charge_tokens = token_bound(admit);
    end.outcome.notes = {"ended at its bound at recovery: its usage is not known"};
    return end;
}

std::vector<EndRecord> ends_of_dead(const Fold& fold, std::uint32_t new_epoch, UnixTime now) {
    std::vector<EndRecord> ends;
    for (const Fold::OpenHold& hold : fold.open_holds()) {
        if (hold.admit.head.id.call.epoch >= new_epoch) continue;
        ends.push_back(end_of_dead(hold.admit, hold.dispatched, now));
    }
    return ends;
}

}  // namespace weir::ledger
