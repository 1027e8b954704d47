#include "core/stop.h"

#include <algorithm>

#include "core/budget_match.h"

namespace weir::core {

const StopRule* stopped_by(const std::vector<StopRule>& stops, const Attribution& attribution,
                           std::string_view provider, std::string_view model) {
    const BudgetSubject subject{&attribution, provider, model};
    const auto at = std::ranges::find_if(stops, [&subject](const StopRule& stop) {
        return BudgetMatch{stop.where, {}}.matches(subject);
    });
    return at == stops.end() ? nullptr : &*at;
}

std::string stop_message(const StopRule& stop) {
    std::string out = "An operator has stopped " + conditions_text(stop.where);
    if (!stop.reason.empty()) out += ": " + stop.reason;
    return out + ". Calls go through again once it is resumed.";
}

}  // namespace weir::core
