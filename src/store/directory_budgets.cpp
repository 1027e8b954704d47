#include <algorithm>

#include "store/budget_rows.h"
#include "store/directory.h"

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
    for (const core::BudgetCondition& condition : spec.where) {
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

// What the configuration says would come back at the next start.
Result<> check_origin(Database& database, std::string_view name) {
    Result<Statement> rows = database.prepare(
        "SELECT 1 FROM budgets WHERE name=? AND removed_at IS NULL AND origin='config'");
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, name);
    Result<bool> configured = rows->step();
    if (!configured) return std::unexpected(std::move(configured).error());
    if (!*configured) return {};
    return fail(ErrorCode::conflict, "The budget " + std::string{name} +
                                         " is set in the configuration file: change it there, and "
                                         "send SIGHUP.");
}

}  // namespace

Result<std::vector<core::BudgetSpec>> Directory::budgets() { return read_budgets(database_); }

Result<core::BudgetSpec> Directory::put_budget_row(core::BudgetSpec spec, std::string_view origin,
                                                   const Change& change) {
    if (Result<> good = check(spec); !good) return std::unexpected(std::move(good).error());
    spec.id = budget_id_of(spec);
    Result<std::vector<core::BudgetSpec>> all = read_budgets(database_);
    if (!all) return std::unexpected(std::move(all).error());
    const auto old = std::ranges::find(*all, spec.name, &core::BudgetSpec::name);
    const bool existed = old != all->end();
    if (existed && same_terms(*old, spec)) return *old;
    spec.version = existed ? old->version + 1 : 1;
    if (existed && old->id == spec.id) spec.raises = old->raises;
    Result<> done;
    if (existed && old->id != spec.id) done = remove_budget_row(spec.name, change);
    if (done) done = write_budget(database_, spec, origin, change.at);
    if (done && (!existed || old->id != spec.id)) {
        done = seed_from_ledger(database_, spec, change.at);
    }
    if (done) {
        done =
            write_audit(change, existed ? "budget.update" : "budget.create", "budget:" + spec.name,
                        existed ? budget_json(*old) : "", budget_json(spec));
    }
    if (!done) return std::unexpected(std::move(done).error());
    return spec;
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
        Result<std::vector<core::BudgetSpec>> all = read_budgets(database_);
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

Result<> Directory::apply_config_budgets(const std::vector<core::BudgetSpec>& specs,
                                         const Change& change) {
    return in_transaction([&]() -> Result<> {
        for (const core::BudgetSpec& spec : specs) {
            Result<core::BudgetSpec> put = put_budget_row(spec, "config", change);
            if (!put) return std::unexpected(std::move(put).error());
        }
        Result<std::vector<core::BudgetSpec>> all = read_budgets(database_);
        if (!all) return std::unexpected(std::move(all).error());
        for (const core::BudgetSpec& old : *all) {
            const bool wanted =
                std::ranges::find(specs, old.name, &core::BudgetSpec::name) != specs.end();
            if (wanted) continue;
            Result<Statement> origin =
                database_.prepare("SELECT 1 FROM budgets WHERE id=? AND origin='config'");
            if (!origin) return std::unexpected(std::move(origin).error());
            origin->bind(1, static_cast<std::int64_t>(old.id));
            Result<bool> ours = origin->step();
            if (!ours) return std::unexpected(std::move(ours).error());
            if (!*ours) continue;
            if (Result<> done = remove_budget_row(old.name, change); !done) return done;
            Result<> done =
                write_audit(change, "budget.remove", "budget:" + old.name, budget_json(old), "");
            if (!done) return done;
        }
        return {};
    });
}

}  // namespace weir::store
