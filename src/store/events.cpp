#include "store/events.h"

#include <algorithm>
#include <fmt/core.h>
#include <xxhash.h>

namespace weir::store {
namespace {

constexpr std::string_view kColumns =
    "row,id,kind,at,team,budget,unit,window_kind,instance,window_start,window_end,percent,amount,"
    "settled,held,overrun,calls,call";

std::optional<core::WindowKind> window_named(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(core::WindowKind::total); ++i) {
        const auto kind = static_cast<core::WindowKind>(i);
        if (core::window_name(kind) == name) return kind;
    }
    return std::nullopt;
}

Result<Event> read_row(const Statement& row) {
    const auto kind = event_kind_named(row.text(2));
    const auto unit = std::ranges::find(core::kBudgetUnits, row.text(6), core::budget_unit_name);
    const auto window_kind = window_named(row.text(7));
    if (!kind || unit == core::kBudgetUnits.end() || !window_kind) {
        return fail(ErrorCode::corrupt, "an event in the database is not readable");
    }
    return Event{.row = row.integer(0),
                 .id = row.string(1),
                 .kind = *kind,
                 .at = {row.integer(3)},
                 .team = row.string(4),
                 .budget = row.string(5),
                 .unit = *unit,
                 .window_kind = *window_kind,
                 .instance = row.string(8),
                 .window = {row.integer(9), row.integer(10)},
                 .percent = static_cast<int>(row.integer(11)),
                 .amount = row.int128(12),
                 .settled = row.int128(13),
                 .held = row.int128(14),
                 .overrun = row.int128(15),
                 .calls = row.integer(16),
                 .call = CallId::parse(row.text(17))};
}

Result<std::vector<Event>> read_rows(Statement& rows) {
    std::vector<Event> out;
    for (;;) {
        Result<bool> row = rows.step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        Result<Event> event = read_row(rows);
        if (!event) return std::unexpected(std::move(event).error());
        out.push_back(std::move(*event));
    }
}

}  // namespace

std::string_view event_kind_name(EventKind kind) {
    switch (kind) {
        case EventKind::alert:
            return "alert";
        case EventKind::exhausted:
            return "exhausted";
        case EventKind::reset:
            return "reset";
        case EventKind::overrun:
            return "overrun";
        case EventKind::orphan:
            return "orphan";
        case EventKind::test:
            return "test";
    }
    return "test";
}

std::optional<EventKind> event_kind_named(std::string_view name) {
    const auto at = std::ranges::find(kEventKinds, name, event_kind_name);
    return at == kEventKinds.end() ? std::nullopt : std::optional{*at};
}

std::string event_id(EventKind kind, std::string_view what) {
    const std::string text = fmt::format("{}|{}", event_kind_name(kind), what);
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    return fmt::format("evt_{:016x}{:016x}", hash.high64, hash.low64);
}

Result<std::vector<Event>> read_events(Database& database, const EventFilter& filter,
                                       std::size_t limit) {
    std::string sql = fmt::format("SELECT {} FROM events WHERE (?1=0 OR row<?1)", kColumns);
    if (filter.kind) sql += " AND kind=?2";
    if (filter.team) sql += " AND team=?3";
    if (filter.budget) sql += " AND budget=?4";
    sql += " ORDER BY row DESC LIMIT ?5";
    Result<Statement> rows = database.prepare(sql);
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, filter.before_row).bind(5, static_cast<std::int64_t>(limit));
    if (filter.kind) rows->bind(2, event_kind_name(*filter.kind));
    if (filter.team) rows->bind(3, *filter.team);
    if (filter.budget) rows->bind(4, *filter.budget);
    return read_rows(*rows);
}

Result<std::vector<Event>> read_events_where(Database& database, std::string_view condition,
                                             std::size_t limit) {
    Result<Statement> rows = database.prepare(fmt::format(
        "SELECT {} FROM events WHERE {} ORDER BY row LIMIT {}", kColumns, condition, limit));
    if (!rows) return std::unexpected(std::move(rows).error());
    return read_rows(*rows);
}

Result<EventWriter> EventWriter::open(Database& database) {
    EventWriter writer;
    writer.database_ = &database;
    Result<Statement> insert = database.prepare(
        "INSERT INTO events (id,kind,at,team,budget,unit,window_kind,instance,window_start,"
        "window_end,percent,amount,settled,held,overrun,calls,call,over) "
        "VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18) "
        "ON CONFLICT (id) DO NOTHING");
    if (!insert) return std::unexpected(std::move(insert).error());
    writer.insert_ = std::move(*insert);
    return writer;
}

Result<bool> EventWriter::write(const Event& event) {
    const bool opens = event.kind == EventKind::alert || event.kind == EventKind::exhausted;
    const std::string call = event.call ? event.call->text() : "";
    std::array<std::string, 4> scratch;
    insert_.bind(1, event.id).bind(2, event_kind_name(event.kind)).bind(3, event.at.ns);
    insert_.bind(4, event.team).bind(5, event.budget).bind(6, core::budget_unit_name(event.unit));
    insert_.bind(7, core::window_name(event.window_kind)).bind(8, event.instance);
    insert_.bind(9, event.window.start).bind(10, event.window.end);
    insert_.bind(11, std::int64_t{event.percent});
    insert_.bind_int128(12, event.amount, scratch[0]).bind_int128(13, event.settled, scratch[1]);
    insert_.bind_int128(14, event.held, scratch[2]).bind_int128(15, event.overrun, scratch[3]);
    insert_.bind(16, event.calls).bind(17, call).bind(18, std::int64_t{opens ? 0 : 1});
    if (Result<> done = insert_.run(); !done) return std::unexpected(std::move(done).error());
    return database_->changes() > 0;
}

}  // namespace weir::store
