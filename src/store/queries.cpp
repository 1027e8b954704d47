#include "store/queries.h"

#include <algorithm>
#include <fmt/core.h>

#include "store/call_rows.h"
#include "store/entry_columns.h"
#include "store/schema.h"

namespace weir::store {
namespace {

PageKey key_of(const CallRow& row) { return {row.head.admitted_at, row.head.id}; }

bool later(const CallRow& a, const CallRow& b) {
    const PageKey x = key_of(a);
    const PageKey y = key_of(b);
    return std::tie(x.admitted_at, x.id) > std::tie(y.admitted_at, y.id);
}

using Reader = Result<CallRow> (*)(const Statement&);

Result<std::vector<CallRow>> read_all(Statement& rows, Reader read) {
    std::vector<CallRow> out;
    for (;;) {
        Result<bool> row = rows.step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        Result<CallRow> call = read(rows);
        if (!call) return std::unexpected(std::move(call).error());
        out.push_back(std::move(*call));
    }
}

template <class E>
std::optional<std::uint8_t> kind_named(std::string_view name, std::size_t count,
                                       std::string_view (*name_of)(E)) {
    for (std::size_t i = 0; i < count; ++i) {
        if (name_of(static_cast<E>(i)) == name) return static_cast<std::uint8_t>(i);
    }
    return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Queries>> Queries::open(const std::string& database_path) {
    Result<Database> database = open_store_reader(database_path);
    if (!database) return std::unexpected(std::move(database).error());
    return std::unique_ptr<Queries>{new Queries{std::move(*database)}};
}

Result<std::vector<CallRow>> Queries::entries(
    const CallFilter& filter, std::string_view tail,
    const std::function<void(Statement&, int)>& bind_tail) {
    const FilterSql sql = entry_filter(filter);
    Result<Statement> rows = database_.prepare(select_entries() + sql.text + std::string{tail});
    if (!rows) return std::unexpected(std::move(rows).error());
    bind_filter(*rows, filter);
    bind_tail(*rows, sql.next);
    return read_all(*rows, read_entry);
}

Result<std::vector<CallRow>> Queries::refusals(
    const CallFilter& filter, std::string_view tail,
    const std::function<void(Statement&, int)>& bind_tail) {
    const FilterSql sql = refusal_filter(filter);
    Result<Statement> rows = database_.prepare(select_refusals() + sql.text + std::string{tail});
    if (!rows) return std::unexpected(std::move(rows).error());
    bind_filter(*rows, filter);
    bind_tail(*rows, sql.next);
    return read_all(*rows, read_refusal);
}

Result<CallPage> Queries::calls(const CallFilter& filter, std::optional<PageKey> after,
                                std::size_t limit) {
    std::string tail;
    // The first condition is what the index of times can use; ties are few.
    if (after) {
        tail += " AND admitted_at<=? AND (admitted_at,epoch,worker,seq,ordinal)<(?,?,?,?,?)";
    }
    tail += " ORDER BY admitted_at DESC,epoch DESC,worker DESC,seq DESC,ordinal DESC LIMIT ?";
    const auto bind_tail = [&](Statement& to, int at) {
        if (after) {
            to.bind(at++, after->admitted_at.ns);
            to.bind(at++, after->admitted_at.ns);
            to.bind(at++, std::int64_t{after->id.call.epoch});
            to.bind(at++, std::int64_t{after->id.call.worker});
            to.bind(at++, static_cast<std::int64_t>(after->id.call.seq));
            to.bind(at++, std::int64_t{after->id.ordinal});
        }
        to.bind(at, static_cast<std::int64_t>(limit) + 1);
    };
    // One view for both tables.
    Result<Transaction> view = Transaction::begin_read(database_);
    if (!view) return std::unexpected(std::move(view).error());
    Result<std::vector<CallRow>> rows = entries(filter, tail, bind_tail);
    if (!rows) return std::unexpected(std::move(rows).error());
    Result<std::vector<CallRow>> refused = refusals(filter, tail, bind_tail);
    if (!refused) return std::unexpected(std::move(refused).error());
    CallPage page;
    page.rows = std::move(*rows);
    std::ranges::move(*refused, std::back_inserter(page.rows));
    std::ranges::sort(page.rows, later);
    if (page.rows.size() > limit) {
        page.rows.resize(limit);
        if (limit > 0) page.next = key_of(page.rows.back());
    }
    return page;
}

Result<FollowPlace> Queries::latest_place() {
    Result<std::optional<std::int64_t>> entry =
        database_.query_integer("SELECT coalesce(max(row),0) FROM entries");
    if (!entry) return std::unexpected(std::move(entry).error());
    Result<std::optional<std::int64_t>> refusal =
        database_.query_integer("SELECT coalesce(max(row),0) FROM refusals");
    if (!refusal) return std::unexpected(std::move(refusal).error());
    return FollowPlace{entry->value_or(0), refusal->value_or(0)};
}

Result<std::vector<CallRow>> Queries::follow(const CallFilter& filter, FollowPlace& place,
                                             std::size_t limit) {
    Result<Transaction> view = Transaction::begin_read(database_);
    if (!view) return std::unexpected(std::move(view).error());
    Result<FollowPlace> latest = latest_place();
    if (!latest) return std::unexpected(std::move(latest).error());
    // Whole ranges of rows, so that a filter which leaves rows out does not keep the place back.
    const auto step = static_cast<std::int64_t>(limit);
    FollowPlace upto = *latest;
    upto.entry = std::min(upto.entry, place.entry + step);
    upto.refusal = std::min(upto.refusal, place.refusal + step);
    const auto between = [](std::int64_t from, std::int64_t to) {
        return [from, to](Statement& statement, int at) {
            statement.bind(at, from).bind(at + 1, to);
        };
    };
    constexpr std::string_view kTail = " AND row>? AND row<=? ORDER BY row";
    Result<std::vector<CallRow>> rows = entries(filter, kTail, between(place.entry, upto.entry));
    if (!rows) return rows;
    Result<std::vector<CallRow>> refused =
        refusals(filter, kTail, between(place.refusal, upto.refusal));
    if (!refused) return refused;
    std::ranges::move(*refused, std::back_inserter(*rows));
    std::ranges::sort(*rows, [](const CallRow& a, const CallRow& b) { return later(b, a); });
    place = upto;
    return rows;
}

Result<std::vector<CallRow>> Queries::last_calls_of_key(std::string_view key, std::size_t limit) {
    CallFilter filter;
    filter.where = {{core::Dimension::key, std::string{key}}};
    Result<CallPage> page = calls(filter, std::nullopt, limit);
    if (!page) return std::unexpected(std::move(page).error());
    return std::move(page->rows);
}

Result<CallDetail> Queries::call(const CallId& id) {
    Result<Transaction> view = Transaction::begin_read(database_);
    if (!view) return std::unexpected(std::move(view).error());
    const auto bind_call = [&](Statement& to, int at) {
        to.bind(at, std::int64_t{id.epoch}).bind(at + 1, std::int64_t{id.worker});
        to.bind(at + 2, static_cast<std::int64_t>(id.seq));
    };
    constexpr std::string_view kTail = " AND epoch=? AND worker=? AND seq=? ORDER BY ordinal";
    Result<std::vector<CallRow>> rows = entries({}, kTail, bind_call);
    if (!rows) return std::unexpected(std::move(rows).error());
    Result<std::vector<CallRow>> refused = refusals({}, kTail, bind_call);
    if (!refused) return std::unexpected(std::move(refused).error());
    std::ranges::move(*refused, std::back_inserter(*rows));
    if (rows->empty()) return fail(ErrorCode::not_found, "there is no call " + id.text());
    std::ranges::sort(*rows, {}, [](const CallRow& row) { return row.head.id.ordinal; });
    CallDetail detail;
    detail.id = id;
    for (CallRow& row : *rows) {
        CallDetail::Attempt attempt;
        if (row.state != "refused") {
            Result<std::vector<core::Charge>> found = charges(row.head.id);
            if (!found) return std::unexpected(std::move(found).error());
            attempt.charges = std::move(*found);
        }
        auto changes = corrections(row.head.id);
        if (!changes) return std::unexpected(std::move(changes).error());
        attempt.corrections = std::move(*changes);
        attempt.row = std::move(row);
        detail.attempts.push_back(std::move(attempt));
    }
    return detail;
}

Result<std::vector<core::Charge>> Queries::charges(const AttemptId& id) {
    Result<Statement> rows = database_.prepare(
        "SELECT c.model,c.tier,c.role,c.is_unit,c.kind,c.quantity,c.rate_femto,c.cost_usd,"
        "c.cost_pico,c.price_id,c.price_fallback FROM charges c JOIN entries e ON e.row=c.entry "
        "WHERE e.epoch=? AND e.worker=? AND e.seq=? AND e.ordinal=? ORDER BY c.n");
    if (!rows) return std::unexpected(std::move(rows).error());
    bind_id(*rows, 1, id);
    std::vector<core::Charge> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        core::Charge charge;
        charge.model = rows->string(0);
        charge.tier = rows->string(1);
        charge.role = static_cast<core::LineRole>(
            kind_named(rows->text(2), 6, core::line_role_name).value_or(0));
        charge.is_unit = rows->integer(3) != 0;
        charge.kind =
            charge.is_unit
                ? kind_named(rows->text(4), core::kUnitKinds, core::unit_kind_name).value_or(0)
                : kind_named(rows->text(4), core::kTokenClasses, core::token_class_name)
                      .value_or(0);
        charge.quantity = rows->integer(5);
        charge.rate = Rate::from_femto(rows->integer(6));
        charge.cost = rows->money(7);
        charge.price_id = rows->string(9);
        charge.price_fallback = rows->integer(10) != 0;
        out.push_back(std::move(charge));
    }
}

Result<std::vector<ledger::CorrectionRecord>> Queries::corrections(const AttemptId& id) {
    Result<Statement> rows = database_.prepare(
        "SELECT at,cost_usd,cost_pico,charge_usd,charge_pico,tokens,reason,actor FROM corrections "
        "WHERE epoch=? AND worker=? AND seq=? AND ordinal=? ORDER BY at,row");
    if (!rows) return std::unexpected(std::move(rows).error());
    bind_id(*rows, 1, id);
    std::vector<ledger::CorrectionRecord> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        out.push_back({.id = id,
                       .at = {rows->integer(0)},
                       .cost_delta = rows->money(1),
                       .charge_delta = rows->money(3),
                       .token_delta = rows->integer(5),
                       .reason = rows->string(6),
                       .actor = rows->string(7)});
    }
}

}  // namespace weir::store
