#include <charconv>
#include <fmt/format.h>

#include "admin/budget_fields.h"
#include "admin/handlers.h"
#include "core/budget_match.h"

namespace weir::admin {
namespace {

Json stop_json(const core::StopRule& stop) {
    Json where = Json::object();
    for (const core::Condition& condition : stop.where) {
        where[condition.facet.name()] = condition.any_of.front();
    }
    return {{"id", stop.id},
            {"where", where},
            {"reason", stop.reason},
            {"actor", stop.actor},
            {"since", to_rfc3339(stop.since)}};
}

// A team owner sees what stops its own team alone.
bool is_listed(const core::StopRule& stop, const Caller& caller) {
    return !caller.only_team() || core::is_of_team(stop.where, {}, {}, *caller.only_team());
}

std::vector<core::Condition> read_where(Fields& body) {
    std::vector<core::Condition> where;
    for (const auto& [name, value] : body.members("where")) {
        auto facet = read_facet(body, name);
        if (!facet) break;
        where.push_back({std::move(*facet), {value.value_or("")}});
    }
    return where;
}

Result<std::int64_t> read_id(const std::string& text) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error == std::errc{} && end == text.data() + text.size()) return id;
    return fail(ErrorCode::not_found, fmt::format("There is no stop {}.", text.substr(0, 64)));
}

}  // namespace

Result<Answer> list_stops(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {});
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    Result<std::vector<core::StopRule>> stops = services.directory.stops();
    if (!stops) return std::unexpected(std::move(stops).error());
    Json list = Json::array();
    for (const core::StopRule& stop : *stops) {
        if (is_listed(stop, request.caller)) list.push_back(stop_json(stop));
    }
    return answer({{"stops", std::move(list)}});
}

Result<Answer> create_stop(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body, {"where", "everything", "reason"});
    std::vector<core::Condition> where = read_where(body);
    // What was left out by mistake must not stop a company.
    if (where.empty() != body.flag("everything")) {
        body.complain("Say in 'where' what to stop, or 'everything': true, not both.");
    }
    std::string reason = body.text_or("reason", "");
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    Result<core::StopRule> stop =
        services.directory.stop(std::move(where), std::move(reason), request.change());
    if (!stop) return std::unexpected(std::move(stop).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(stop_json(*stop), 201);
}

Result<Answer> remove_stop(Services& services, const Request& request) {
    Result<std::int64_t> id = read_id(request.captures[0]);
    if (!id) return std::unexpected(std::move(id).error());
    Result<core::StopRule> resumed = services.directory.resume(*id, request.change());
    if (!resumed) return std::unexpected(std::move(resumed).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(stop_json(*resumed));
}

}  // namespace weir::admin
