// Whole small files: configuration, catalogues, credentials. Errors name the file and the reason.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::app {

// Errors: io (not there, no permission, larger than 256 MiB).
Result<std::string> read_file(const std::string& path);
// Written beside and renamed, so that a reader sees the old file or the new one. Errors: io.
Result<> write_file(const std::string& path, std::string_view content, unsigned mode);

}  // namespace weir::app
