#include "store/directory.h"

#include "store/json_text.h"
#include "store/schema.h"

namespace weir::store {
namespace {

std::string team_json(const core::TeamRecord& team) {
    std::string out;
    append_object(out, {team.attributes.begin(), team.attributes.end()});
    return out;
}

Result<> check_team_name(std::string_view name) {
    // A slash parts team and trajectory in the names of budget instances (core/budget.h), and a
    // condition on the name means this team alone.
    const bool plain = !name.contains('/') && !name.contains('*') && name != core::kNoValue;
    if (!name.empty() && name.size() <= 256 && is_utf8(name) && plain) return {};
    return fail(ErrorCode::invalid_parameter,
                "a team needs a name of 1 to 256 bytes of UTF-8 without a slash or a star");
}

}  // namespace

Result<std::unique_ptr<Directory>> Directory::open(const std::string& database_path,
                                                   core::Sha256 sha256, Rng& rng) {
    Result<Database> database = open_store_durable(database_path);
    if (!database) return std::unexpected(std::move(database).error());
    return std::unique_ptr<Directory>{new Directory{std::move(*database), sha256, rng}};
}

Result<> Directory::in_transaction(const std::function<Result<>()>& body) {
    Result<Transaction> transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    if (Result<> done = body(); !done) return done;
    return transaction->commit();
}

Result<> Directory::write_audit(const Change& change, std::string_view action,
                                std::string_view subject, const std::string& before,
                                const std::string& after) {
    Result<Statement> insert = database_.prepare(
        "INSERT INTO audit (at,actor,action,subject,before,after) VALUES (?,?,?,?,?,?)");
    if (!insert) return std::unexpected(std::move(insert).error());
    insert->bind(1, change.at.ns).bind(2, change.actor).bind(3, action).bind(4, subject);
    before.empty() ? insert->bind_null(5) : insert->bind(5, before);
    after.empty() ? insert->bind_null(6) : insert->bind(6, after);
    return insert->run();
}

Result<> Directory::note_change(const Change& change, std::string_view action,
                                std::string_view subject, const std::string& before,
                                const std::string& after) {
    return write_audit(change, action, subject, before, after);
}

Result<std::vector<AuditRow>> Directory::audit(std::int64_t before_row, std::size_t limit) {
    Result<Statement> rows = database_.prepare(
        "SELECT row,at,actor,action,subject,before,after FROM audit "
        "WHERE ?1=0 OR row<?1 ORDER BY row DESC LIMIT ?2");
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, before_row).bind(2, static_cast<std::int64_t>(limit));
    std::vector<AuditRow> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        out.push_back({rows->integer(0),
                       {rows->integer(1)},
                       rows->string(2),
                       rows->string(3),
                       rows->string(4),
                       rows->string(5),
                       rows->string(6)});
    }
}

Result<std::optional<core::TeamRecord>> Directory::find_team(std::string_view name) {
    Result<Statement> row = database_.prepare("SELECT attributes FROM teams WHERE name=?");
    if (!row) return std::unexpected(std::move(row).error());
    row->bind(1, name);
    Result<bool> found = row->step();
    if (!found) return std::unexpected(std::move(found).error());
    if (!*found) return std::nullopt;
    core::TeamRecord team;
    team.name = name;
    for (auto& [key, value] : parse_object(row->text(0))) team.attributes[key] = std::move(value);
    return team;
}

Result<> Directory::write_team(const core::TeamRecord& team, UnixTime at) {
    Result<Statement> upsert = database_.prepare(
        "INSERT INTO teams VALUES (?,?,?) ON CONFLICT DO UPDATE SET "
        "attributes=excluded.attributes");
    if (!upsert) return std::unexpected(std::move(upsert).error());
    const std::string attributes = team_json(team);
    upsert->bind(1, team.name).bind(2, attributes).bind(3, at.ns);
    return upsert->run();
}

Result<> Directory::create_team(const core::TeamRecord& team, const Change& change) {
    if (Result<> good = check_team_name(team.name); !good) return good;
    return in_transaction([&]() -> Result<> {
        auto found = find_team(team.name);
        if (!found) return std::unexpected(std::move(found).error());
        if (*found) {
            return fail(ErrorCode::conflict, "there is a team " + team.name + " already");
        }
        if (Result<> done = write_team(team, change.at); !done) return done;
        Result<> noted =
            write_audit(change, "team.create", "team:" + team.name, "", team_json(team));
        return noted ? recount_budgets(change) : noted;
    });
}

Result<> Directory::update_team(const core::TeamRecord& team, const Change& change) {
    return in_transaction([&]() -> Result<> {
        auto found = find_team(team.name);
        if (!found) return std::unexpected(std::move(found).error());
        if (!*found) return fail(ErrorCode::not_found, "there is no team " + team.name);
        if (Result<> done = write_team(team, change.at); !done) return done;
        Result<> noted = write_audit(change, "team.update", "team:" + team.name, team_json(**found),
                                     team_json(team));
        return noted ? recount_budgets(change) : noted;
    });
}

Result<> Directory::remove_team(std::string_view name, const Change& change) {
    return in_transaction([&]() -> Result<> {
        auto found = find_team(name);
        if (!found) return std::unexpected(std::move(found).error());
        const std::string text{name};
        if (!*found) return fail(ErrorCode::not_found, "there is no team " + text);
        Result<Statement> live =
            database_.prepare("SELECT 1 FROM keys WHERE team=? AND revoked_at IS NULL LIMIT 1");
        if (!live) return std::unexpected(std::move(live).error());
        live->bind(1, name);
        Result<bool> has_key = live->step();
        if (!has_key) return std::unexpected(std::move(has_key).error());
        if (*has_key) {
            return fail(ErrorCode::conflict, "team " + text + " has live keys: revoke them first");
        }
        Result<Statement> remove = database_.prepare("DELETE FROM teams WHERE name=?");
        if (!remove) return std::unexpected(std::move(remove).error());
        remove->bind(1, name);
        if (Result<> done = remove->run(); !done) return done;
        Result<> noted = write_audit(change, "team.remove", "team:" + text, team_json(**found), "");
        return noted ? recount_budgets(change) : noted;
    });
}

Result<core::Teams> Directory::teams() {
    Result<Statement> rows = database_.prepare("SELECT name,attributes FROM teams ORDER BY name");
    if (!rows) return std::unexpected(std::move(rows).error());
    core::Teams out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        core::TeamRecord team;
        team.name = rows->string(0);
        for (auto& [key, value] : parse_object(rows->text(1))) {
            team.attributes[key] = std::move(value);
        }
        out.emplace(rows->string(0), std::move(team));
    }
}

Result<> Directory::keep_price_book(std::string_view hash, std::string_view content, UnixTime at) {
    Result<Statement> insert =
        database_.prepare("INSERT INTO price_books VALUES (?,?,?) ON CONFLICT DO NOTHING");
    if (!insert) return std::unexpected(std::move(insert).error());
    insert->bind(1, hash).bind(2, at.ns).bind_blob(3, content);
    return insert->run();
}

Result<std::string> Directory::price_book(std::string_view hash) {
    Result<Statement> row = database_.prepare("SELECT content FROM price_books WHERE hash=?");
    if (!row) return std::unexpected(std::move(row).error());
    row->bind(1, hash);
    Result<bool> found = row->step();
    if (!found) return std::unexpected(std::move(found).error());
    if (!*found) {
        return fail(ErrorCode::not_found, "there is no price book " + std::string{hash});
    }
    return row->string(0);
}

Result<PolicyParts> Directory::load_policy_parts() {
    PolicyParts parts;
    Result<std::vector<StoredKey>> all = keys();
    if (!all) return std::unexpected(std::move(all).error());
    for (StoredKey& key : *all) {
        if (key.role == KeyRole::data) {
            parts.keys.push_back(std::move(key.record));
        } else {
            parts.admin_keys.push_back(std::move(key));
        }
    }
    Result<core::Teams> all_teams = teams();
    if (!all_teams) return std::unexpected(std::move(all_teams).error());
    parts.teams = std::move(*all_teams);
    Result<std::vector<core::BudgetSpec>> all_budgets = budgets();
    if (!all_budgets) return std::unexpected(std::move(all_budgets).error());
    parts.budgets = std::move(*all_budgets);
    Result<std::vector<core::StopRule>> all_stops = stops();
    if (!all_stops) return std::unexpected(std::move(all_stops).error());
    parts.stops = std::move(*all_stops);
    Result<std::optional<core::Observing>> observed = observing();
    if (!observed) return std::unexpected(std::move(observed).error());
    parts.observing = std::move(*observed);
    return parts;
}

}  // namespace weir::store
