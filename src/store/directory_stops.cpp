#include <algorithm>

#include "store/budget_rows.h"
#include "store/directory.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

constexpr std::size_t kStopsMax = 100;

std::string stop_json(const core::StopRule& stop) {
    std::string out;
    append_object(out, {{"where", conditions_json(stop.where)}, {"reason", stop.reason}});
    return out;
}

Result<> check(const core::StopRule& stop) {
    if (!is_reason(stop.reason)) {
        return fail(ErrorCode::invalid_parameter, "a reason has at most 500 bytes of UTF-8");
    }
    const bool whole = std::ranges::all_of(stop.where, [](const core::Condition& condition) {
        return !condition.any_of.empty() &&
               std::ranges::none_of(condition.any_of, &std::string::empty);
    });
    if (whole) return {};
    return fail(ErrorCode::invalid_parameter,
                "each condition of a stop names a value; (none) is the missing one");
}

}  // namespace

Result<std::vector<core::StopRule>> Directory::stops() {
    Result<core::Teams> known = teams();
    if (!known) return std::unexpected(std::move(known).error());
    Result<Statement> rows =
        database_.prepare("SELECT id,conditions,reason,actor,since FROM stops ORDER BY id");
    if (!rows) return std::unexpected(std::move(rows).error());
    std::vector<core::StopRule> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        auto where = parse_conditions(rows->text(1));
        if (!where) return fail(ErrorCode::corrupt, "a stop in the database is not readable");
        core::learn(*where, *known);
        out.push_back({rows->integer(0),
                       std::move(*where),
                       rows->string(2),
                       rows->string(3),
                       {rows->integer(4)}});
    }
}

Result<core::StopRule> Directory::stop(std::vector<core::Condition> where, std::string reason,
                                       const Change& change) {
    core::StopRule stop{0, std::move(where), std::move(reason), change.actor, change.at};
    if (Result<> good = check(stop); !good) return std::unexpected(std::move(good).error());
    Result<> done = in_transaction([&]() -> Result<> {
        Result<std::vector<core::StopRule>> all = stops();
        if (!all) return std::unexpected(std::move(all).error());
        if (all->size() >= kStopsMax) {
            return fail(ErrorCode::conflict, "there are 100 stops already: resume some");
        }
        Result<Statement> insert =
            database_.prepare("INSERT INTO stops (conditions,reason,actor,since) VALUES (?,?,?,?)");
        if (!insert) return std::unexpected(std::move(insert).error());
        const std::string conditions = conditions_json(stop.where);
        insert->bind(1, conditions).bind(2, stop.reason).bind(3, stop.actor);
        insert->bind(4, stop.since.ns);
        if (Result<> written = insert->run(); !written) return written;
        stop.id = database_.last_row();
        return write_audit(change, "stop.create", "stop:" + std::to_string(stop.id), "",
                           stop_json(stop));
    });
    if (!done) return std::unexpected(std::move(done).error());
    return stop;
}

Result<core::StopRule> Directory::resume(std::int64_t id, const Change& change) {
    core::StopRule resumed;
    Result<> done = in_transaction([&]() -> Result<> {
        Result<std::vector<core::StopRule>> all = stops();
        if (!all) return std::unexpected(std::move(all).error());
        const auto at = std::ranges::find(*all, id, &core::StopRule::id);
        const std::string text = std::to_string(id);
        if (at == all->end()) return fail(ErrorCode::not_found, "there is no stop " + text);
        resumed = *at;
        Result<Statement> remove = database_.prepare("DELETE FROM stops WHERE id=?");
        if (!remove) return std::unexpected(std::move(remove).error());
        remove->bind(1, id);
        if (Result<> removed = remove->run(); !removed) return removed;
        return write_audit(change, "stop.resume", "stop:" + text, stop_json(resumed), "");
    });
    if (!done) return std::unexpected(std::move(done).error());
    return resumed;
}

}  // namespace weir::store
