// What a new key's owner pastes to begin: environment of the SDKs, settings of coding agents, a
// first call. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace weir::app {

// `gateway`: the data listener's URL without a slash at its end.
std::string paste_blocks(std::string_view gateway, std::string_view key);
// For a key of the admin API.
std::string admin_blocks(std::string_view key);

}  // namespace weir::app
