#include "store/recovery.h"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <tuple>

#include "store/entry_columns.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

using Key = std::tuple<std::uint64_t, core::WindowSpan, std::string>;
struct KeyOrder {
    bool operator()(const Key& a, const Key& b) const {
        const auto rank = [](const Key& k) {
            const core::WindowSpan& window = std::get<1>(k);
            return std::tie(std::get<0>(k), window.start, window.end, std::get<2>(k));
        };
        return rank(a) < rank(b);
    }
};

Result<std::vector<OpenHold>> load_holds(Database& database, std::uint32_t epoch) {
    Result<Statement> rows = database.prepare(
        fmt::format("SELECT {},sequence,input_bound,max_output,client_address,user_agent,parts,"
                    "bound_usd,bound_pico,dispatched_at FROM entries "
                    "WHERE state='open' AND epoch<? AND admitted=1 "
                    "ORDER BY epoch,worker,seq,ordinal",
                    kHeadColumns));
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, std::int64_t{epoch});
    std::vector<OpenHold> holds;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return holds;
        OpenHold hold;
        hold.admit.head = read_head(*rows, 0);
        int at = kHeadCount;
        hold.admit.sequence = static_cast<std::uint64_t>(rows->integer(at));
        hold.admit.input_bound = rows->integer(at + 1);
        hold.admit.max_output = rows->integer(at + 2);
        hold.admit.client_address = rows->string(at + 3);
        hold.admit.user_agent = rows->string(at + 4);
        Result<std::vector<core::HoldPart>> parts = parse_parts(rows->text(at + 5));
        if (!parts) return std::unexpected(std::move(parts).error());
        hold.admit.parts = std::move(*parts);
        hold.admit.bound = rows->money(at + 6);
        hold.dispatched = !rows->is_null(at + 8);
        holds.push_back(std::move(hold));
    }
}

}  // namespace

Result<std::vector<Balance>> load_balances(Database& database, UnixTime now) {
    Result<Statement> rows = database.prepare(
        "SELECT budget,instance,window_start,window_end,settled,overrun,'0' FROM balances "
        "WHERE window_end>?1 UNION ALL "
        "SELECT budget,instance,window_start,window_end,settled,'0',settled FROM budget_seeds "
        "WHERE window_end>?1");
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, now.seconds());
    std::map<Key, Balance, KeyOrder> sums;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) break;
        const auto budget = static_cast<std::uint64_t>(rows->integer(0));
        const core::WindowSpan window{rows->integer(2), rows->integer(3)};
        Balance& sum = sums[{budget, window, rows->string(1)}];
        sum.budget_id = budget;
        sum.instance = rows->string(1);
        sum.window = window;
        sum.settled += rows->int128(4);
        sum.overrun += rows->int128(5);
        sum.counted += rows->int128(6);
    }
    std::vector<Balance> balances;
    balances.reserve(sums.size());
    for (auto& [key, balance] : sums) balances.push_back(std::move(balance));
    return balances;
}

Result<RecoveredState> load_for_start(Database& database, UnixTime now, std::uint32_t epoch) {
    Result<Transaction> view = Transaction::begin_read(database);
    if (!view) return std::unexpected(std::move(view).error());
    RecoveredState state;
    // Ends are later than admissions, but only by a call's length; both are looked at.
    Result<std::optional<std::int64_t>> last = database.query_integer(
        "SELECT max(coalesce((SELECT max(admitted_at) FROM entries),0),"
        "coalesce((SELECT max(admitted_at) FROM refusals),0),"
        "coalesce((SELECT max(ended_at) FROM (SELECT ended_at FROM entries "
        "ORDER BY row DESC LIMIT 1000)),0))");
    if (!last) return std::unexpected(std::move(last).error());
    state.last_seen.ns = last->value_or(0);
    state.has_last_seen = state.last_seen.ns != 0;
    Result<std::vector<Balance>> balances = load_balances(database, std::max(now, state.last_seen));
    if (!balances) return std::unexpected(std::move(balances).error());
    state.balances = std::move(*balances);
    Result<std::vector<OpenHold>> holds = load_holds(database, epoch);
    if (!holds) return std::unexpected(std::move(holds).error());
    state.holds = std::move(*holds);
    return state;
}

}  // namespace weir::store
