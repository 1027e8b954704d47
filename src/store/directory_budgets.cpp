#include <algorithm>

#include "store/budget_rows.h"
#include "store/directory.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

Result<> check(const core::BudgetSpec& spec) {
    if (spec.name.empty()) return fail(ErrorCode::invalid_parameter, "a budget needs a name");
    if (spec.amount < 0) {
        return fail(ErrorCode::invalid_parameter,
                    "the amount of budget " + spec.name + " is negative");
    }
    if (!spec.except.empty() && !spec.by) {
        return fail(ErrorCode::invalid_parameter,
                    "budget " + spec.name + " has an exception, and no `by` to tell it by");
    }
    for (const core::Condition& condition : spec.where) {
        if (condition.any_of.empty()) {
            return fail(ErrorCode::invalid_parameter,
                        "a condition of budget " + spec.name + " names no value");
        }
    }
    return {};
}

bool same_terms(const core::BudgetSpec& a, const core::BudgetSpec& b) {
    return a.id == b.id && a.amount == b.amount && a.except == b.except &&
           a.alert_percent == b.alert_percent && a.blocking == b.blocking &&
           a.observe == b.observe && a.clamp == b.clamp;
}

// As people wrote it: only the zone, or an attribute of a team, made another budget of it.
bool same_words(core::BudgetSpec a, core::BudgetSpec b) {
    for (core::BudgetSpec* spec : {&a, &b}) {
        spec->zone = nullptr;
        core::learn(spec->where, {});
        if (spec->by) spec->by->learn({});
    }
    return budget_id_of(a) == budget_id_of(b);
}

Result<> move_raises(Database& database, std::uint64_t from, std::uint64_t to) {
    Result<Statement> move = database.prepare("UPDATE budget_raises SET budget=?2 WHERE budget=?1");
    if (!move) return std::unexpected(std::move(move).error());
    move->bind(1, static_cast<std::int64_t>(from)).bind(2, static_cast<std::int64_t>(to));
    return move->run();
}

Result<bool> is_configured(Database& database, std::string_view name) {
    Result<Statement> rows = database.prepare(
        "SELECT 1 FROM budgets WHERE name=? AND removed_at IS NULL AND origin='config'");
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, name);
    return rows->step();
}

// What the configuration says would come back at the next start.
Result<> check_origin(Database& database, std::string_view name) {
    Result<bool> configured = is_configured(database, name);
    if (!configured) return std::unexpected(std::move(configured).error());
    if (!*configured) return {};
    return fail(ErrorCode::conflict, "The budget " + std::string{name} +
                                         " is set in the configuration file: change it there, and "
                                         "send SIGHUP.");
}

}  // namespace

Result<std::vector<core::BudgetSpec>> Directory::budgets() {
    Result<std::vector<core::BudgetSpec>> all = read_budgets(database_);
    if (!all) return all;
    Result<core::Teams> known = teams();
    if (!known) return std::unexpected(std::move(known).error());
    for (core::BudgetSpec& spec : *all) complete_budget(spec, *known, zone_);
    return all;
}

Result<std::vector<std::string>> Directory::configured_budgets() {
    Result<Statement> rows = database_.prepare(
        "SELECT name FROM budgets WHERE removed_at IS NULL AND origin='config' ORDER BY name");
    if (!rows) return std::unexpected(std::move(rows).error());
    std::vector<std::string> names;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return names;
        names.push_back(rows->string(0));
    }
}

Result<core::BudgetSpec> Directory::put_budget_row(core::BudgetSpec spec, std::string_view origin,
                                                   const Change& change) {
    if (Result<> good = check(spec); !good) return std::unexpected(std::move(good).error());
    Result<core::Teams> known = teams();
    if (!known) return std::unexpected(std::move(known).error());
    complete_budget(spec, *known, zone_);
    spec.id = budget_id_of(spec);
    Result<std::vector<core::BudgetSpec>> all = budgets();
    if (!all) return std::unexpected(std::move(all).error());
    const auto old = std::ranges::find(*all, spec.name, &core::BudgetSpec::name);
    const bool existed = old != all->end();
    if (existed && same_terms(*old, spec)) return *old;
    const bool counts_anew = !existed || old->id != spec.id;
    spec.version = existed ? old->version + 1 : 1;
    const bool keeps_raises = existed && (!counts_anew || same_words(*old, spec));
    if (keeps_raises) spec.raises = old->raises;
    Result<> done;
    if (existed && counts_anew) done = remove_budget_row(spec.name, change);
    if (done) done = write_budget(database_, spec, origin, change.at);
    if (done && keeps_raises && counts_anew) done = move_raises(database_, old->id, spec.id);
    if (done && counts_anew) {
        if (auto seeded = seed_from_ledger(database_, spec, change.at); !seeded) {
            return std::unexpected(std::move(seeded).error());
        }
    }
    if (done) {
        done =
            write_audit(change, existed ? "budget.update" : "budget.create", "budget:" + spec.name,
                        existed ? budget_json(*old) : "", budget_json(spec));
    }
    if (!done) return std::unexpected(std::move(done).error());
    return spec;
}

Result<std::vector<Balance>> Directory::seed_again(const std::vector<core::BudgetSpec>& specs,
                                                   UnixTime now) {
    std::vector<Balance> added;
    Result<> done = in_transaction([&]() -> Result<> {
        for (const core::BudgetSpec& spec : specs) {
            Result<std::vector<Balance>> seeded = seed_from_ledger(database_, spec, now);
            if (!seeded) return std::unexpected(std::move(seeded).error());
            std::ranges::move(*seeded, std::back_inserter(added));
        }
        return {};
    });
    if (!done) return std::unexpected(std::move(done).error());
    return added;
}

// Those that count other calls than they did, since a team's attributes or the zone have changed.
Result<> Directory::recount_budgets(const Change& change) {
    Result<std::vector<core::BudgetSpec>> all = budgets();
    if (!all) return std::unexpected(std::move(all).error());
    for (const core::BudgetSpec& spec : *all) {
        if (budget_id_of(spec) == spec.id) continue;
        Result<bool> configured = is_configured(database_, spec.name);
        if (!configured) return std::unexpected(std::move(configured).error());
        auto put = put_budget_row(spec, *configured ? "config" : "api", change);
        if (!put) return std::unexpected(std::move(put).error());
    }
    return {};
}

Result<core::BudgetSpec> Directory::put_budget(const core::BudgetSpec& spec,
                                               std::string_view origin, const Change& change) {
    core::BudgetSpec stored;
    Result<> done = in_transaction([&]() -> Result<> {
        if (Result<> ours = check_origin(database_, spec.name); !ours) return ours;
        Result<core::BudgetSpec> put = put_budget_row(spec, origin, change);
        if (!put) return std::unexpected(std::move(put).error());
        stored = std::move(*put);
        return {};
    });
    if (!done) return std::unexpected(std::move(done).error());
    return stored;
}

Result<> Directory::remove_budget_row(std::string_view name, const Change& change) {
    Result<Statement> remove =
        database_.prepare("UPDATE budgets SET removed_at=? WHERE name=? AND removed_at IS NULL");
    if (!remove) return std::unexpected(std::move(remove).error());
    remove->bind(1, change.at.ns).bind(2, name);
    return remove->run();
}

Result<> Directory::remove_budget(std::string_view name, const Change& change) {
    return in_transaction([&]() -> Result<> {
        Result<std::vector<core::BudgetSpec>> all = budgets();
        if (!all) return std::unexpected(std::move(all).error());
        const auto old = std::ranges::find(*all, name, &core::BudgetSpec::name);
        const std::string text{name};
        if (old == all->end())
            return fail(ErrorCode::not_found, "There is no budget " + text + ".");
        if (Result<> ours = check_origin(database_, name); !ours) return ours;
        if (Result<> done = remove_budget_row(name, change); !done) return done;
        return write_audit(change, "budget.remove", "budget:" + text, budget_json(*old), "");
    });
}

Result<> Directory::remove_unlisted(const std::vector<core::BudgetSpec>& specs,
                                    const Change& change) {
    Result<std::vector<core::BudgetSpec>> all = budgets();
    if (!all) return std::unexpected(std::move(all).error());
    for (const core::BudgetSpec& old : *all) {
        if (std::ranges::find(specs, old.name, &core::BudgetSpec::name) != specs.end()) continue;
        Result<bool> ours = is_configured(database_, old.name);
        if (!ours) return std::unexpected(std::move(ours).error());
        if (!*ours) continue;
        if (Result<> done = remove_budget_row(old.name, change); !done) return done;
        Result<> done =
            write_audit(change, "budget.remove", "budget:" + old.name, budget_json(old), "");
        if (!done) return done;
    }
    return {};
}

Result<> Directory::put_config_budgets(const std::vector<core::BudgetSpec>& specs,
                                       const Change& change) {
    for (const core::BudgetSpec& spec : specs) {
        Result<core::BudgetSpec> put = put_budget_row(spec, "config", change);
        if (!put) return std::unexpected(std::move(put).error());
    }
    return {};
}

// For the audit log: by it all windows have moved.
Result<> Directory::note_zone(const Change& change) {
    const auto named = [](std::string_view zone) {
        std::string out;
        append_object(out, {{"timezone", std::string{zone}}});
        return out;
    };
    Result<std::optional<std::string>> before =
        database_.query_text("SELECT value FROM meta WHERE name='timezone'");
    if (!before) return std::unexpected(std::move(before).error());
    const std::string zone = zone_ ? zone_->name() : core::Zone{}.name();
    if (before->value_or(core::Zone{}.name()) == zone) return {};
    Result<Statement> keep = database_.prepare("INSERT OR REPLACE INTO meta VALUES ('timezone',?)");
    if (!keep) return std::unexpected(std::move(keep).error());
    keep->bind(1, zone);
    if (Result<> done = keep->run(); !done) return done;
    return write_audit(change, "timezone.update", "timezone",
                       named(before->value_or(core::Zone{}.name())), named(zone));
}

Result<> Directory::apply_config_budgets(const std::vector<core::BudgetSpec>& specs,
                                         std::shared_ptr<const core::Zone> zone,
                                         const Change& change) {
    std::swap(zone_, zone);
    Result<> applied = in_transaction([&]() -> Result<> {
        Result<> done = note_zone(change);
        if (done) done = put_config_budgets(specs, change);
        if (done) done = remove_unlisted(specs, change);
        return done ? recount_budgets(change) : done;
    });
    if (!applied) zone_ = std::move(zone);
    return applied;
}

}  // namespace weir::store
