#include "store/budget_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "store/json_text.h"

namespace weir::store {
namespace {

constexpr std::string_view kBlocking[] = {"by_environment", "always", "never"};

// The same set of calls, however its conditions were ordered.
std::vector<core::Condition> canonical(std::vector<core::Condition> where) {
    for (core::Condition& condition : where) std::ranges::sort(condition.any_of);
    std::ranges::sort(where, [](const auto& a, const auto& b) {
        return std::tie(a.facet.dimension, a.facet.attribute, a.any_of) <
               std::tie(b.facet.dimension, b.facet.attribute, b.any_of);
    });
    return where;
}

// What the attributes of teams make of the budget: other teams, another set of calls.
void append_teams(std::string& shape, const core::BudgetSpec& spec) {
    for (const core::Condition& condition : canonical(spec.where)) {
        if (condition.facet.attribute.empty()) continue;
        shape += '|';
        append_strings(shape, condition.teams());
    }
    if (!spec.by || spec.by->attribute.empty()) return;
    shape += '|';
    append_object(shape, {spec.by->by_team.begin(), spec.by->by_team.end()});
}

template <class T, std::size_t N, class Name>
std::optional<T> named(std::string_view text, Name name) {
    for (std::size_t i = 0; i < N; ++i) {
        if (name(static_cast<T>(i)) == text) return static_cast<T>(i);
    }
    return std::nullopt;
}

std::string except_json(const core::BudgetSpec& spec) {
    Tags members;
    for (const auto& [instance, amount] : spec.except) {
        members.emplace_back(instance, to_string(amount));
    }
    std::string out;
    append_object(out, members);
    return out;
}

std::optional<std::vector<std::pair<std::string, Int128>>> parse_except(std::string_view text) {
    std::vector<std::pair<std::string, Int128>> out;
    for (const auto& [instance, digits] : parse_object(text)) {
        const auto amount = parse_int128(digits);
        if (!amount) return std::nullopt;
        out.emplace_back(instance, *amount);
    }
    std::ranges::sort(out);
    return out;
}

Result<core::BudgetSpec> read_budget(const Statement& row) {
    core::BudgetSpec spec;
    spec.id = static_cast<std::uint64_t>(row.integer(0));
    spec.name = row.string(1);
    auto where = parse_conditions(row.text(2));
    const auto unit =
        named<core::BudgetUnit, core::kBudgetUnits.size()>(row.text(4), core::budget_unit_name);
    const auto window = named<core::WindowKind, 6>(row.text(6), core::window_name);
    const auto clamp = named<core::Clamp, 4>(row.text(10), core::clamp_name);
    const auto blocking = named<core::Blocking, 3>(
        row.text(8), [](core::Blocking b) { return kBlocking[static_cast<std::size_t>(b)]; });
    const auto amount = parse_int128(row.text(5));
    auto except = parse_except(row.text(12));
    if (!row.is_null(3)) spec.by = core::Facet::named(row.text(3));
    if (!where || !unit || !window || !blocking || !clamp || !amount || !except ||
        (!row.is_null(3) && !spec.by)) {
        return fail(ErrorCode::corrupt, "budget " + spec.name + " in the database is not readable");
    }
    spec.where = std::move(*where);
    spec.unit = *unit;
    spec.amount = *amount;
    spec.except = std::move(*except);
    spec.window = *window;
    spec.alert_percent = static_cast<int>(row.integer(7));
    spec.blocking = *blocking;
    spec.observe = row.integer(9) != 0;
    spec.clamp = *clamp;
    spec.version = static_cast<std::uint64_t>(row.integer(11));
    return spec;
}

}  // namespace

void complete_budget(core::BudgetSpec& spec, const core::Teams& teams,
                     const std::shared_ptr<const core::Zone>& zone) {
    spec.zone = zone;
    core::learn(spec.where, teams);
    if (spec.by) spec.by->learn(teams);
}

std::string conditions_json(const std::vector<core::Condition>& where) {
    std::string out = "[";
    for (std::size_t i = 0; i < where.size(); ++i) {
        out += i == 0 ? "[" : ",[";
        append_json_string(out, where[i].facet.name());
        out += ',';
        append_strings(out, where[i].any_of);
        out += ']';
    }
    return out + "]";
}

std::optional<std::vector<core::Condition>> parse_conditions(std::string_view text) {
    const nlohmann::json array = nlohmann::json::parse(text, nullptr, false);
    if (!array.is_array()) return std::nullopt;
    std::vector<core::Condition> out;
    for (const nlohmann::json& pair : array) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) return std::nullopt;
        auto facet = core::Facet::named(pair[0].get<std::string>());
        if (!facet) return std::nullopt;
        out.push_back({std::move(*facet), parse_strings(pair[1].dump())});
    }
    return out;
}

std::uint64_t budget_id_of(const core::BudgetSpec& spec) {
    std::string shape;
    append_json_string(shape, spec.name);
    shape += conditions_json(canonical(spec.where));
    shape += spec.by ? spec.by->name() : "-";
    shape += '|';
    shape += core::budget_unit_name(spec.unit);
    shape += '|';
    shape += core::window_name(spec.window);
    append_teams(shape, spec);
    const bool in_zone =
        spec.window != core::WindowKind::total && spec.zone && !spec.zone->is_utc();
    if (in_zone) shape += "|" + spec.zone->name();
    // 63 bits: SQLite's integers have a sign.
    const std::uint64_t id = XXH3_64bits(shape.data(), shape.size()) >> 1;
    return id == 0 ? 1 : id;
}

std::string budget_json(const core::BudgetSpec& spec) {
    std::string out;
    append_object(out,
                  {{"id", std::to_string(spec.id)},
                   {"name", spec.name},
                   {"where", conditions_json(spec.where)},
                   {"by", spec.by ? spec.by->name() : ""},
                   {"unit", std::string{core::budget_unit_name(spec.unit)}},
                   {"amount", to_string(spec.amount)},
                   {"except", except_json(spec)},
                   {"window", std::string{core::window_name(spec.window)}},
                   {"alert_percent", std::to_string(spec.alert_percent)},
                   {"blocking", std::string{kBlocking[static_cast<std::size_t>(spec.blocking)]}},
                   {"observe", spec.observe ? "true" : "false"},
                   {"clamp", std::string{core::clamp_name(spec.clamp)}},
                   {"version", std::to_string(spec.version)}});
    return out;
}

std::string raise_json(const core::BudgetRaise& raise) {
    std::string out;
    append_object(out, {{"by", to_string(raise.by)},
                        {"instance", raise.instance},
                        {"until", to_rfc3339(raise.until)},
                        {"reason", raise.reason}});
    return out;
}

namespace {

Result<> read_raises(Database& database, std::vector<core::BudgetSpec>& specs) {
    Result<Statement> rows = database.prepare(
        "SELECT budget,id,instance,amount,until,reason,actor FROM budget_raises ORDER BY id");
    if (!rows) return std::unexpected(std::move(rows).error());
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return {};
        const auto id = static_cast<std::uint64_t>(rows->integer(0));
        const auto spec = std::ranges::find(specs, id, &core::BudgetSpec::id);
        if (spec == specs.end()) continue;  // of one that is removed, and may come back
        const auto by = parse_int128(rows->text(3));
        if (!by) return fail(ErrorCode::corrupt, "a raise in the database is not readable");
        spec->raises.push_back({.id = rows->integer(1),
                                .instance = rows->string(2),
                                .by = *by,
                                .until = {rows->integer(4)},
                                .reason = rows->string(5),
                                .actor = rows->string(6)});
    }
}

Result<std::vector<core::BudgetSpec>> read_definitions(Database& database) {
    Result<Statement> rows = database.prepare(
        "SELECT id,name,conditions,by_dimension,unit,amount,window,alert_percent,blocking,observe,"
        "clamp,version,except_amounts FROM budgets WHERE removed_at IS NULL ORDER BY name");
    if (!rows) return std::unexpected(std::move(rows).error());
    std::vector<core::BudgetSpec> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        Result<core::BudgetSpec> spec = read_budget(*rows);
        if (!spec) return std::unexpected(std::move(spec).error());
        out.push_back(std::move(*spec));
    }
}

}  // namespace

Result<std::vector<core::BudgetSpec>> read_budgets(Database& database) {
    Result<std::vector<core::BudgetSpec>> specs = read_definitions(database);
    if (!specs) return specs;
    if (Result<> raised = read_raises(database, *specs); !raised) {
        return std::unexpected(std::move(raised).error());
    }
    return specs;
}

Result<> write_budget(Database& database, const core::BudgetSpec& spec, std::string_view origin,
                      UnixTime at) {
    Result<Statement> upsert = database.prepare(
        "INSERT INTO budgets VALUES (?1,?2,?3,?4,?5,?6,?15,?7,?8,?9,?10,?11,?12,?13,?14,NULL) ON "
        "CONFLICT (id) DO UPDATE "
        "SET "
        "amount=excluded.amount,except_amounts=excluded.except_amounts,alert_percent=excluded."
        "alert_percent,blocking=excluded.blocking,"
        "observe=excluded.observe,clamp=excluded.clamp,version=excluded.version,origin=excluded."
        "origin,removed_at=NULL");
    if (!upsert) return std::unexpected(std::move(upsert).error());
    const std::string where = conditions_json(spec.where);
    std::string by;
    std::string amount;
    upsert->bind(1, static_cast<std::int64_t>(spec.id)).bind(2, spec.name).bind(3, where);
    if (spec.by) {
        by = spec.by->name();
        upsert->bind(4, by);
    } else {
        upsert->bind_null(4);
    }
    upsert->bind(5, core::budget_unit_name(spec.unit)).bind_int128(6, spec.amount, amount);
    upsert->bind(7, core::window_name(spec.window)).bind(8, std::int64_t{spec.alert_percent});
    upsert->bind(9, kBlocking[static_cast<std::size_t>(spec.blocking)]);
    upsert->bind(10, std::int64_t{spec.observe}).bind(11, core::clamp_name(spec.clamp));
    const std::string except = except_json(spec);
    upsert->bind(15, except);
    upsert->bind(12, static_cast<std::int64_t>(spec.version)).bind(13, origin).bind(14, at.ns);
    return upsert->run();
}

}  // namespace weir::store
