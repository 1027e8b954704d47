// JSON of the admin API. Members keep the order in which they are written, so that answers read the
// same each time. Answers are built as values: they are small and nobody waits for the microsecond.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/money.h"
#include "base/time.h"
#include "core/budget_outlook.h"

namespace weir::admin {

using Json = nlohmann::ordered_json;

// Bytes that are not UTF-8 become U+FFFD: an answer is JSON whatever the books hold.
inline std::string to_text(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

inline Json json_time(std::optional<UnixTime> t) {
    return t ? Json(to_rfc3339(*t)) : Json(nullptr);
}
// Money is decimal text, exact to the pico-dollar: a JSON number would be read as a double.
inline Json json_usd(Money m) { return m.to_usd(); }
inline Json json_text(const std::string& s) { return s.empty() ? Json(nullptr) : Json(s); }

// Decimal text in the budget's own unit: dollars, tokens or calls.
inline Json json_amount(core::BudgetUnit unit, Int128 amount) {
    return core::amount_text(unit, amount);
}

// The end of a budget that never resets is null.
Json json_window(core::WindowSpan window);

}  // namespace weir::admin
