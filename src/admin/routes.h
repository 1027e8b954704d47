// Every endpoint of the admin listener, in one table. openapi.json describes the same; a test
// compares the two. Pure. Thread: any.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/access.h"
#include "admin/request.h"

namespace weir::admin {

struct Route {
    std::string_view method;
    std::string_view pattern;  // "/admin/v1/keys/{id}": {…} stands for one segment
    Access access;
    Handler handler;
};
std::span<const Route> routes();

struct RouteMatch {
    const Route* route = nullptr;
    std::vector<std::string> captures;  // percent-decoded
};
// HEAD is answered as GET. Errors: unknown_endpoint, method_not_allowed, invalid_parameter.
Result<RouteMatch> find_route(std::string_view method, std::string_view path);

}  // namespace weir::admin
