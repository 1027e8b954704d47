// Asking the desk from a coroutine of the road, across threads.
#pragma once

#include <string>
#include <string_view>

#include "gateway/prepared_call.h"

namespace weir::gateway {

// GET /weir/me, GET /weir/calls/<id>. Errors: unknown_endpoint, method_not_allowed, not_found, io.
runtime::Task<Result<std::string>> ask_desk(Road& road, const PreparedCall& call,
                                            std::string_view method);

}  // namespace weir::gateway
