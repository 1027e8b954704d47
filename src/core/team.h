// Teams and what is known of them: by name, as the directory keeps them.
#pragma once

#include <map>
#include <string>

namespace weir::core {

struct TeamRecord {
    std::string name;
    std::map<std::string, std::string> attributes;  // department, cost_center, owner …
};
using Teams = std::map<std::string, TeamRecord>;  // by name

}  // namespace weir::core
