// The first start on a data directory: one admin key and one team key, whose texts exist only in
// what is printed then (product.md §3.19).
#pragma once

#include <optional>

#include "store/directory.h"

namespace weir::app {

struct FirstKeys {
    Secret admin;
    Secret team;
};

// nullopt: there are keys already.
Result<std::optional<FirstKeys>> mint_first_keys(store::Directory& directory, UnixTime now);

}  // namespace weir::app
