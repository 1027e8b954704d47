// Prices as tables for people, from the admin API's JSON. Pure. Thread: any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace weir::app {

// Of GET /prices: a line a row, the standard tier's first band.
std::string price_list(const nlohmann::ordered_json& answer);
// One row whole: classes down, tiers and bands across.
std::string price_row_table(const nlohmann::ordered_json& row);
// Of an import or a diff.
std::string price_effect(const nlohmann::ordered_json& effect);

}  // namespace weir::app
