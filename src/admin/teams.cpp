#include <algorithm>
#include <fmt/format.h>

#include "admin/fields.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

Json team_json(const core::TeamRecord& team) {
    Json attributes = Json::object();
    for (const auto& [name, value] : team.attributes) attributes[name] = value;
    return {{"name", team.name}, {"attributes", attributes}};
}

Result<core::TeamRecord> find_team(Services& services, const Request& request) {
    const std::string& name = request.captures[0];
    Result<core::Teams> teams = services.directory.teams();
    if (!teams) return std::unexpected(std::move(teams).error());
    const auto found = teams->find(name);
    if (found == teams->end() || !request.caller.sees_team(name)) {
        return fail(ErrorCode::not_found, fmt::format("There is no team {}.", name.substr(0, 64)));
    }
    return found->second;
}

// null takes an attribute away.
void merge(const std::map<std::string, std::optional<std::string>>& from, core::TeamRecord& team) {
    for (const auto& [name, value] : from) {
        if (value) {
            team.attributes[name] = *value;
        } else {
            team.attributes.erase(name);
        }
    }
}

}  // namespace

Result<Answer> list_teams(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {});
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    Result<core::Teams> teams = services.directory.teams();
    if (!teams) return std::unexpected(std::move(teams).error());
    Json list = Json::array();
    for (const auto& [name, team] : *teams) {
        if (request.caller.sees_team(name)) list.push_back(team_json(team));
    }
    return answer({{"teams", std::move(list)}});
}

Result<Answer> create_team(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body, {"name", "attributes"});
    core::TeamRecord team;
    team.name = body.required("name");
    merge(body.members("attributes"), team);
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    Result<> done = services.bookkeeper.flush();
    if (done) done = services.directory.create_team(team, request.change());
    if (done) done = publish(services);
    if (!done) return std::unexpected(std::move(done).error());
    return answer(team_json(team), 201);
}

Result<Answer> get_team(Services& services, const Request& request) {
    Result<core::TeamRecord> team = find_team(services, request);
    if (!team) return std::unexpected(std::move(team).error());
    return answer(team_json(*team));
}

Result<Answer> update_team(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body, {"attributes"});
    const auto changes = body.members("attributes");
    if (changes.empty()) body.complain("Name the 'attributes' to change; null takes one away.");
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    Result<core::TeamRecord> team = find_team(services, request);
    if (!team) return std::unexpected(std::move(team).error());
    merge(changes, *team);
    // Budgets that ask for an attribute find in the database what they count now.
    Result<> done = services.bookkeeper.flush();
    if (done) done = services.directory.update_team(*team, request.change());
    if (done) done = publish(services);
    if (!done) return std::unexpected(std::move(done).error());
    return answer(team_json(*team));
}

Result<Answer> remove_team(Services& services, const Request& request) {
    Result<core::TeamRecord> team = find_team(services, request);
    if (!team) return std::unexpected(std::move(team).error());
    Result<> done = services.bookkeeper.flush();
    if (done) done = services.directory.remove_team(team->name, request.change());
    if (done) done = publish(services);
    if (!done) return std::unexpected(std::move(done).error());
    return answer({{"removed", team->name}});
}

}  // namespace weir::admin
