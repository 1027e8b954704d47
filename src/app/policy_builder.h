// Configuration, directory and prices → the one snapshot that the road decides by.
#pragma once

#include <memory>

#include "app/config.h"
#include "core/policy.h"
#include "store/directory.h"

namespace weir::app {

std::shared_ptr<const core::Policy> build_policy(const Config& config, store::PolicyParts parts,
                                                 std::shared_ptr<const core::PriceBook> prices,
                                                 std::uint64_t version);

}  // namespace weir::app
