// A call in sentences, from the JSON of GET /admin/v1/calls/{id}: how the caller was known, where
// each dimension came from, each budget's figures at that instant, so that the decision can be done
// again by hand, what was sent, how usage is known and which price it was rated at. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace weir::app {

std::string explain_call(const nlohmann::ordered_json& call);

}  // namespace weir::app
