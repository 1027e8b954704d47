#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "store/call_rows.h"
#include "store/queries.h"

namespace weir::store {
namespace {

constexpr std::int64_t kHour = 3'600;
constexpr std::int64_t kDay = 86'400;

constexpr std::string_view kSummed =
    "calls,attempts,errors,refusals,unknown,input,cache_read,cache_write_short,cache_write_long,"
    "input_audio,input_image,cache_read_audio,output,output_audio,output_image,reasoning,units,"
    "charge_tokens,cost_usd,cost_pico,charge_usd,charge_pico,corrected_usd,corrected_pico";

std::int64_t floor_to(std::int64_t seconds, std::int64_t step) {
    const std::int64_t rest = seconds % step;
    return seconds - (rest < 0 ? rest + step : rest);
}

std::int64_t ceil_to(std::int64_t seconds, std::int64_t step) { return -floor_to(-seconds, step); }

std::string sums_sql(std::string_view table) {
    std::string out;
    for (std::string_view rest = kSummed; !rest.empty();) {
        const std::string_view name = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), name.size() + 1));
        out += fmt::format(",sum({}.{})", table, name);
    }
    return out;
}

bool in_rollups(core::Dimension d) {
    return d != core::Dimension::customer && d != core::Dimension::goal &&
           d != core::Dimension::trajectory && d != core::Dimension::version;
}

// Whole days come from the table of days, what is left at both ends from the table of hours.
// Parameters 1 … 4: from, first day, last day's end, until.
std::string rollup_source(SpendQuery::Bucket bucket) {
    if (bucket == SpendQuery::Bucket::hour) {
        return "(SELECT * FROM rollup_hours WHERE start>=?1 AND start<?4 AND ?2=?2 AND ?3=?3)";
    }
    return "(SELECT * FROM rollup_days WHERE start>=?2 AND start<?3 UNION ALL "
           "SELECT * FROM rollup_hours WHERE start>=?1 AND start<?2 UNION ALL "
           "SELECT * FROM rollup_hours WHERE start>=?3 AND start<?4)";
}

// The same columns as a rollup, one row an attempt, corrections included.
constexpr std::string_view kEntrySource =
    "(SELECT e.admitted_at/1000000000 AS start,e.team,e.application,e.environment,e.task_type,"
    "e.agent,e.user,e.customer,e.goal,e.trajectory,e.version,e.key,e.provider,e.model,"
    "e.ordinal<=1 AS calls,1 AS attempts,(e.error IS NOT NULL OR e.http_status>=400) AS errors,"
    "0 AS refusals,e.state IN ('unknown','orphaned') AS unknown,e.input,e.cache_read,"
    "e.cache_write_short,e.cache_write_long,e.input_audio,e.input_image,e.cache_read_audio,"
    "e.output,e.output_audio,e.output_image,e.reasoning,e.units,"
    "e.charge_tokens+coalesce(c.tokens,0) AS charge_tokens,"
    "e.cost_usd+coalesce(c.cost_usd,0) AS cost_usd,e.cost_pico+coalesce(c.cost_pico,0) AS "
    "cost_pico,"
    "e.charge_usd+coalesce(c.charge_usd,0) AS charge_usd,"
    "e.charge_pico+coalesce(c.charge_pico,0) AS charge_pico,"
    "coalesce(c.cost_usd,0) AS corrected_usd,coalesce(c.cost_pico,0) AS corrected_pico "
    "FROM entries e LEFT JOIN (SELECT epoch,worker,seq,ordinal,sum(tokens) AS tokens,"
    "sum(cost_usd) AS cost_usd,sum(cost_pico) AS cost_pico,sum(charge_usd) AS charge_usd,"
    "sum(charge_pico) AS charge_pico FROM corrections GROUP BY epoch,worker,seq,ordinal) c "
    "USING (epoch,worker,seq,ordinal) WHERE e.state<>'open' AND e.admitted_at>=?1*1000000000 AND "
    "e.admitted_at<?4*1000000000 AND ?2=?2 AND ?3=?3)";

std::string bucket_sql(SpendQuery::Bucket bucket) {
    switch (bucket) {
        case SpendQuery::Bucket::none:
            return "0";
        case SpendQuery::Bucket::hour:
            return "r.start-r.start%3600";
        case SpendQuery::Bucket::day:
            return "r.start-r.start%86400";
    }
    return "0";
}

std::string spend_sql(const SpendQuery& query, bool from_rollups) {
    const std::string_view dimensions = from_rollups ? "s" : "r";
    std::string values;
    for (const core::Dimension d : query.by) {
        values += fmt::format(",{}.{}", dimensions, column_of(d));
    }
    std::string sql =
        fmt::format("SELECT {}{}{} FROM {} r{}", bucket_sql(query.bucket), values, sums_sql("r"),
                    from_rollups ? rollup_source(query.bucket) : std::string{kEntrySource},
                    from_rollups ? " JOIN scopes s ON s.id=r.scope" : "");
    int parameter = 5;
    for (const auto& [dimension, value] : query.where) {
        sql += fmt::format(" {} {}.{}=?{}", parameter == 5 ? "WHERE" : "AND", dimensions,
                           column_of(dimension), parameter);
        ++parameter;
    }
    sql += " GROUP BY 1";
    for (std::size_t i = 0; i < query.by.size(); ++i) sql += fmt::format(",{}", i + 2);
    return sql + " HAVING count(*)>0 ORDER BY 1";
}

RollupSums read_sums(const Statement& row, int at) {
    RollupSums sums;
    for (std::int64_t* count :
         {&sums.calls, &sums.attempts, &sums.errors, &sums.refusals, &sums.unknown}) {
        *count = row.integer(at++);
    }
    for (std::int64_t& tokens : sums.tokens) tokens = row.integer(at++);
    sums.reasoning = row.integer(at++);
    sums.units = row.integer(at++);
    sums.charge_tokens = row.integer(at++);
    sums.cost = row.money(at);
    sums.charge = row.money(at + 2);
    sums.corrected = row.money(at + 4);
    return sums;
}

}  // namespace

Result<std::vector<SpendRow>> Queries::spend(const SpendQuery& query) {
    const auto not_kept = [](core::Dimension d) {
        return !in_rollups(d);
    };
    const bool from_rollups =
        std::ranges::none_of(query.by, not_kept) &&
        std::ranges::none_of(query.where, [&](const auto& w) { return not_kept(w.first); });
    Result<Statement> rows = database_.prepare(spend_sql(query, from_rollups));
    if (!rows) return std::unexpected(std::move(rows).error());
    const std::int64_t from = floor_to(query.from.seconds(), kHour);
    const std::int64_t until = ceil_to(query.until.seconds(), kHour);
    const std::int64_t first_day = std::min(ceil_to(from, kDay), until);
    const std::int64_t last_day = std::max(floor_to(until, kDay), first_day);
    rows->bind(1, from).bind(2, first_day).bind(3, last_day).bind(4, until);
    int parameter = 5;
    for (const auto& [dimension, value] : query.where) rows->bind(parameter++, value);
    std::vector<SpendRow> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        SpendRow spend;
        spend.start = rows->integer(0);
        int column = 1;
        for (std::size_t i = 0; i < query.by.size(); ++i) {
            spend.values.push_back(rows->string(column++));
        }
        spend.sums = read_sums(*rows, column);
        out.push_back(std::move(spend));
    }
}

}  // namespace weir::store
