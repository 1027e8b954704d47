#include "app/first_start.h"

namespace weir::app {

Result<std::optional<FirstKeys>> mint_first_keys(store::Directory& directory, UnixTime now) {
    auto keys = directory.keys();
    if (!keys) return std::unexpected(keys.error());
    if (!keys->empty()) return std::optional<FirstKeys>{};
    store::Change change{"first start", now};

    core::TeamRecord team;
    team.name = "default";
    auto teams = directory.teams();
    if (!teams) return std::unexpected(teams.error());
    if (teams->empty()) {
        if (auto made = directory.create_team(team, change); !made) {
            return std::unexpected(made.error());
        }
    }
    store::KeySpec admin;
    admin.name = "first admin";
    admin.role = store::KeyRole::admin;
    auto admin_key = directory.create_key(admin, change);
    if (!admin_key) return std::unexpected(admin_key.error());
    store::KeySpec data;
    data.name = "first key";
    data.team = team.name;
    data.environment = "development";
    auto team_key = directory.create_key(data, change);
    if (!team_key) return std::unexpected(team_key.error());
    return FirstKeys{std::move(admin_key->text), std::move(team_key->text)};
}

}  // namespace weir::app
