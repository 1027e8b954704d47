// The machine's time zone database → a zone as a value: read once, when the configuration is.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "core/zone.h"

namespace weir::app {

// By its IANA name. UTC is there without a database; all else is looked for in $TZDIR, or in
// /usr/share/zoneinfo. Errors: config_invalid: no such zone, with the nearest names; no database.
Result<std::shared_ptr<const core::Zone>> read_zone(const std::string& name);

}  // namespace weir::app
