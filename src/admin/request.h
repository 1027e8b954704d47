// One request of the admin API as its handlers see it, who asks, and the answer.
// Owner: the connection's coroutine; `body` points into its buffers. Thread: the control loop's.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "admin/admin.h"
#include "admin/json.h"
#include "base/error.h"

namespace weir::admin {

struct Caller {
    std::string actor;  // in audit rows: "operator", "key:<id>"
    std::string name;   // of the key
    store::KeyRole role = store::KeyRole::viewer;
    std::string team;

    // Set: it sees and changes what is of that team, and nothing else.
    std::optional<std::string_view> only_team() const {
        if (role != store::KeyRole::team_owner) return std::nullopt;
        return team;
    }
    bool sees_team(std::string_view other) const { return !only_team() || *only_team() == other; }
};

struct Request {
    std::string query;  // a copy: reading the body may move the head
    std::string_view body;
    std::vector<std::string> captures;  // what stood for each {name} of the route's pattern
    Caller caller;
    UnixTime now;

    store::Change change() const { return {caller.actor, now}; }
};

struct Answer {
    int status = 200;
    std::string body;
    std::string_view content_type = "application/json";
    // Set: what stands above is not the answer yet. This makes it, on a thread of its own, and
    // touches nothing that the control thread does.
    std::move_only_function<Result<Answer>(const std::stop_token&)> rest = {};
};

inline Answer answer(const Json& value, int status = 200) { return {status, to_text(value)}; }

using Handler = Result<Answer> (*)(Services&, const Request&);

}  // namespace weir::admin
