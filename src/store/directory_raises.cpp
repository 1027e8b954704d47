#include <algorithm>

#include "store/budget_rows.h"
#include "store/directory.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

constexpr std::size_t kRaisesMax = 100;  // of a budget at once
// Beyond that it is a change of the budget.
constexpr Duration kLongest = std::chrono::days{366};
constexpr Int128 kAmountMax = Int128{1'000'000'000'000} * 1'000'000'000'000;

Result<> check(const core::BudgetSpec& spec, const core::BudgetRaise& raise, UnixTime now) {
    const auto wrong = [](std::string what) -> Result<> {
        return fail(ErrorCode::invalid_parameter, std::move(what));
    };
    if (raise.by <= 0 || raise.by > kAmountMax) {
        return wrong("A budget is raised by more than nothing, and by less than a trillion.");
    }
    if (raise.until <= now) return wrong("A raise ends in the future.");
    if (raise.until > now + kLongest) {
        return wrong("A raise lasts a year at most: give the budget another amount instead.");
    }
    if (raise.reason.empty()) return wrong("A raise needs a reason.");
    if (!is_reason(raise.reason)) {
        return wrong("A reason has at most 500 bytes of UTF-8.");
    }
    if (!raise.instance.empty() && !spec.by) {
        return wrong("The budget " + spec.name + " is one for all: it has no instances.");
    }
    return {};
}

}  // namespace

Result<core::BudgetSpec> Directory::raise_budget(std::string_view name, core::BudgetRaise raise,
                                                 const Change& change) {
    raise.actor = change.actor;
    return change_raises(name, [&](const core::BudgetSpec& spec) -> Result<> {
        if (Result<> good = check(spec, raise, change.at); !good) return good;
        const auto running = std::ranges::count_if(
            spec.raises, [&](const core::BudgetRaise& r) { return r.until > change.at; });
        if (static_cast<std::size_t>(running) >= kRaisesMax) {
            return fail(ErrorCode::conflict, "The budget has 100 raises already: end them first.");
        }
        Result<Statement> tidy = database_.prepare("DELETE FROM budget_raises WHERE until<=?");
        if (!tidy) return std::unexpected(std::move(tidy).error());
        tidy->bind(1, change.at.ns);
        if (Result<> done = tidy->run(); !done) return done;
        Result<Statement> insert = database_.prepare(
            "INSERT INTO budget_raises (budget,instance,amount,until,reason,actor) "
            "VALUES (?1,?2,?3,?4,?5,?6)");
        if (!insert) return std::unexpected(std::move(insert).error());
        std::string amount;
        insert->bind(1, static_cast<std::int64_t>(spec.id)).bind(2, raise.instance);
        insert->bind_int128(3, raise.by, amount).bind(4, raise.until.ns);
        insert->bind(5, raise.reason).bind(6, raise.actor);
        if (Result<> done = insert->run(); !done) return done;
        return write_audit(change, "budget.raise", "budget:" + spec.name, "", raise_json(raise));
    });
}

Result<core::BudgetSpec> Directory::end_raises(std::string_view name, const Change& change) {
    return change_raises(name, [&](const core::BudgetSpec& spec) -> Result<> {
        Result<Statement> remove = database_.prepare("DELETE FROM budget_raises WHERE budget=?");
        if (!remove) return std::unexpected(std::move(remove).error());
        remove->bind(1, static_cast<std::int64_t>(spec.id));
        if (Result<> done = remove->run(); !done) return done;
        for (const core::BudgetRaise& raise : spec.raises) {
            if (raise.until <= change.at) continue;
            Result<> noted = write_audit(change, "budget.raise.end", "budget:" + spec.name,
                                         raise_json(raise), "");
            if (!noted) return noted;
        }
        return {};
    });
}

// Makes the change in one transaction, and returns the budget as it is then.
Result<core::BudgetSpec> Directory::change_raises(
    std::string_view name, const std::function<Result<>(const core::BudgetSpec&)>& body) {
    core::BudgetSpec changed;
    const auto find = [&]() -> Result<core::BudgetSpec> {
        Result<std::vector<core::BudgetSpec>> all = budgets();
        if (!all) return std::unexpected(std::move(all).error());
        const auto spec = std::ranges::find(*all, name, &core::BudgetSpec::name);
        if (spec != all->end()) return std::move(*spec);
        return fail(ErrorCode::not_found, "There is no budget " + std::string{name} + ".");
    };
    Result<> done = in_transaction([&]() -> Result<> {
        Result<core::BudgetSpec> spec = find();
        if (!spec) return std::unexpected(std::move(spec).error());
        if (Result<> made = body(*spec); !made) return made;
        spec = find();
        if (!spec) return std::unexpected(std::move(spec).error());
        changed = std::move(*spec);
        return {};
    });
    if (!done) return std::unexpected(std::move(done).error());
    return changed;
}

}  // namespace weir::store
