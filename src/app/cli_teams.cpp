#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

// "department=research" → a member; `null` members for what is to go.
Result<Json> attributes_of(const std::vector<std::string>& set,
                           const std::vector<std::string>& unset) {
    Json out = Json::object();
    for (const std::string& pair : set) {
        const std::size_t equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(ErrorCode::invalid_parameter,
                        fmt::format("'{}' is not NAME=VALUE, such as department=research.", pair));
        }
        out[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    for (const std::string& name : unset) out[name] = nullptr;
    return out;
}

std::string attributes_text(const Json& attributes) {
    std::string out;
    for (const auto& [name, value] : attributes.items()) {
        out += (out.empty() ? "" : ", ") + name + "=" + value.get<std::string>();
    }
    return out;
}

std::string team_table(const Json& teams) {
    Table table({{"TEAM"}, {"ATTRIBUTES"}});
    for (const Json& team : teams) {
        table.add({text_of(team, "name"), attributes_text(team["attributes"])});
    }
    return table.empty() ? "no teams: make one with `weir teams create`\n" : table.text();
}

void print_team(CliContext& context, const Json& team) {
    if (context.json) return print_json(context.out, team);
    context.out << team_table(Json::array({team}));
}

struct ChangeOptions {
    std::string name;
    std::vector<std::string> set;
    std::vector<std::string> unset;
};

void add_team_create(CLI::App& teams, CliContext& context) {
    auto o = std::make_shared<ChangeOptions>();
    CLI::App* app = teams.add_subcommand("create", "Make a team");
    app->add_option("name", o->name, "Its name, as budgets and reports will say it")->required();
    app->add_option("--set", o->set, "Attributes: department, cost_center, owner, …")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    app->footer(
        "Example:\n  weir teams create research --set department=engineering --set "
        "cost_center=4711");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> attributes = attributes_of(o->set, {});
        if (!attributes) return std::unexpected(std::move(attributes).error());
        Result<Json> team = client.post("/teams", {{"name", o->name}, {"attributes", *attributes}});
        if (!team) return std::unexpected(std::move(team).error());
        print_team(context, *team);
        return kExitDone;
    });
}

void add_team_list(CLI::App& teams, CliContext& context) {
    CLI::App* app = teams.add_subcommand("list", "Show teams and their attributes");
    asks(*app, context, [&context](AdminClient& client) -> Result<int> {
        Result<Json> all = client.get("/teams");
        if (!all) return std::unexpected(std::move(all).error());
        context.json ? print_json(context.out, *all)
                     : void(context.out << team_table((*all)["teams"]));
        return kExitDone;
    });
}

void add_update(CLI::App& teams, CliContext& context) {
    auto o = std::make_shared<ChangeOptions>();
    CLI::App* app = teams.add_subcommand("update", "Change a team's attributes");
    app->add_option("name", o->name, "The team")->required();
    app->add_option("--set", o->set, "Attributes to set")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    app->add_option("--unset", o->unset, "Attributes to take away")
        ->type_name("NAME")
        ->allow_extra_args(false);
    app->footer("Example:\n  weir teams update research --set owner=ada --unset cost_center");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> attributes = attributes_of(o->set, o->unset);
        if (!attributes) return std::unexpected(std::move(attributes).error());
        Result<Json> team =
            client.patch("/teams/" + segment(o->name), {{"attributes", *attributes}});
        if (!team) return std::unexpected(std::move(team).error());
        print_team(context, *team);
        return kExitDone;
    });
}

void add_remove(CLI::App& teams, CliContext& context) {
    auto name = std::make_shared<std::string>();
    CLI::App* app =
        teams.add_subcommand("remove", "Remove a team without live keys; its spend stays");
    app->add_option("name", *name, "The team")->required();
    asks(*app, context, [&context, name](AdminClient& client) -> Result<int> {
        Result<Json> removed = client.remove("/teams/" + segment(*name));
        if (!removed) return std::unexpected(std::move(removed).error());
        context.json ? print_json(context.out, *removed)
                     : void(context.out << "removed team " << printable(*name) << "\n");
        return kExitDone;
    });
}

}  // namespace

void add_teams_commands(CLI::App& app, CliContext& context) {
    CLI::App* teams = add_family(app, "teams", "Make, list, change and remove teams");
    add_team_create(*teams, context);
    add_team_list(*teams, context);
    add_update(*teams, context);
    add_remove(*teams, context);
}

}  // namespace weir::app
