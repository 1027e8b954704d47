#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>

#include "store/call_rows.h"
#include "store/queries.h"

namespace weir::store {
namespace {

constexpr std::int64_t kHour = 3'600;
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kBucketsMax = 10'000;

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

constexpr int kRangeParameters = 6;

// What of the time is whole hours, and what of these whole days, in seconds. Parameters 1 … 4:
// first hour, first day, last day's end, last hour's end; 5 and 6: the time itself, ns.
struct Range {
    std::int64_t first_hour;
    std::int64_t first_day;
    std::int64_t last_day;
    std::int64_t last_hour;

    explicit Range(const SpendQuery& query)
        : first_hour(ceil_to(ceil_to(query.from.ns, kSecond) / kSecond, kHour)),
          last_hour(floor_to(floor_to(query.until.ns, kSecond) / kSecond, kHour)) {
        // Within one hour: all of it is what lies before the first whole one.
        last_hour = std::max(last_hour, first_hour);
        first_day = std::min(ceil_to(first_hour, kDay), last_hour);
        last_day = std::max(floor_to(last_hour, kDay), first_day);
    }
};

// The columns of a rollup's sums, one row an attempt, corrections included.
constexpr std::string_view kEntrySums =
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
    "USING (epoch,worker,seq,ordinal) WHERE e.state<>'open' AND ";

// What lies before the first whole hour, and after the last.
std::string edge_sql(std::string_view table) {
    return fmt::format(
        "(({0}.admitted_at>=?5 AND {0}.admitted_at<min(?1*1000000000,?6)) OR "
        "({0}.admitted_at>=max(?4*1000000000,?5) AND {0}.admitted_at<?6))",
        table);
}

// Whole days come from the table of days, what is left at both ends from the table of hours, and
// what is less than an hour from what happened in it.
std::string rollup_source(SpendQuery::Bucket bucket) {
    std::string source =
        bucket == SpendQuery::Bucket::hour
            ? "SELECT * FROM rollup_hours WHERE start>=?1 AND start<?4 AND ?2=?2 AND ?3=?3"
            : "SELECT * FROM rollup_days WHERE start>=?2 AND start<?3 UNION ALL "
              "SELECT * FROM rollup_hours WHERE start>=?1 AND start<?2 UNION ALL "
              "SELECT * FROM rollup_hours WHERE start>=?3 AND start<?4";
    source += fmt::format(" UNION ALL SELECT e.admitted_at/1000000000,e.scope,{}{}", kEntrySums,
                          edge_sql("e"));
    source += " UNION ALL SELECT f.admitted_at/1000000000,f.scope,0,0,0,1";
    for (int i = 0; i < 20; ++i) source += ",0";
    return "(" + source + " FROM refusals f WHERE " + edge_sql("f") + ")";
}

std::string entry_source() {
    return fmt::format(
        "(SELECT e.admitted_at/1000000000 AS start,e.team,e.application,e.environment,e.task_type,"
        "e.agent,e.user,e.customer,e.goal,e.trajectory,e.version,e.key,e.provider,e.model,{}"
        "e.admitted_at>=?5 AND e.admitted_at<?6 AND ?1=?1 AND ?2=?2 AND ?3=?3 AND ?4=?4)",
        kEntrySums);
}

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

// Ours knows '*' alone.
std::string glob_text(std::string_view pattern) {
    std::string out;
    for (const char c : pattern) {
        const bool special = c == '?' || c == '[';
        out += special ? fmt::format("[{}]", c) : std::string(1, c);
    }
    return out;
}

// A condition, and the texts that are bound to its parameters.
std::string condition_sql(const core::Condition& condition, const std::string& column,
                          std::vector<std::string>& texts) {
    std::vector<std::string> terms;
    const auto add = [&](std::string_view form, std::string text) {
        texts.push_back(std::move(text));
        terms.push_back(fmt::format(fmt::runtime(form), column, texts.size() + kRangeParameters));
    };
    if (!condition.facet.attribute.empty()) {
        for (std::string& team : condition.teams()) add("{}=?{}", std::move(team));
        return fmt::format("{}({})", condition.holds(core::kNoValue) ? "NOT " : "",
                           terms.empty() ? "0" : fmt::format("{}", fmt::join(terms, " OR ")));
    }
    for (const std::string& pattern : condition.any_of) {
        if (pattern == core::kNoValue) {
            add("{}=?{}", "");
        } else if (pattern.contains('*')) {
            add("{0}<>'' AND {0} GLOB ?{1}", glob_text(pattern));
        } else {
            add("{}=?{}", pattern);
        }
    }
    return fmt::format("({})", fmt::join(terms, " OR "));
}

std::string spend_sql(const SpendQuery& query, bool from_rollups, std::vector<std::string>& texts) {
    const std::string_view dimensions = from_rollups ? "s" : "r";
    const auto column = [dimensions](const core::Facet& facet) {
        return fmt::format("{}.{}", dimensions, column_of(facet.dimension));
    };
    std::string values;
    for (const core::Facet& facet : query.by) values += "," + column(facet);
    std::string sql =
        fmt::format("SELECT {}{}{} FROM {} r{}", bucket_sql(query.bucket), values, sums_sql("r"),
                    from_rollups ? rollup_source(query.bucket) : entry_source(),
                    from_rollups ? " JOIN scopes s ON s.id=r.scope" : "");
    std::string_view word = " WHERE ";
    for (const core::Condition& condition : query.where) {
        sql += word;
        sql += condition_sql(condition, column(condition.facet), texts);
        word = " AND ";
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

// Rows of teams that share a value become one.
std::vector<SpendRow> by_attribute(const std::vector<core::Facet>& by, std::vector<SpendRow> rows) {
    std::map<std::pair<std::int64_t, std::vector<std::string>>, RollupSums> merged;
    for (SpendRow& row : rows) {
        for (std::size_t i = 0; i < by.size(); ++i) {
            if (by[i].attribute.empty()) continue;
            const std::string_view value = by[i].value_of(row.values[i]);
            row.values[i] = value == core::kNoValue ? std::string_view{} : value;
        }
        merged[{row.start, std::move(row.values)}].add(row.sums);
    }
    std::vector<SpendRow> out;
    for (const auto& [key, sums] : merged) out.push_back({key.first, key.second, sums});
    return out;
}

}  // namespace

bool in_rollups(core::Dimension d) {
    return d != core::Dimension::customer && d != core::Dimension::goal &&
           d != core::Dimension::trajectory && d != core::Dimension::version;
}

Result<std::vector<SpendRow>> Queries::spend_at_once(const SpendQuery& query) {
    const auto not_kept = [](const core::Facet& facet) {
        return !in_rollups(facet.dimension);
    };
    const bool from_rollups = std::ranges::none_of(query.by, not_kept) &&
                              std::ranges::none_of(query.where, not_kept, &core::Condition::facet);
    std::vector<std::string> texts;
    Result<Statement> rows = database_.prepare(spend_sql(query, from_rollups, texts));
    if (!rows) return std::unexpected(std::move(rows).error());
    const Range range{query};
    rows->bind(1, range.first_hour).bind(2, range.first_day).bind(3, range.last_day);
    rows->bind(4, range.last_hour).bind(5, query.from.ns).bind(6, query.until.ns);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        rows->bind(static_cast<int>(i + 1) + kRangeParameters, texts[i]);
    }
    std::vector<SpendRow> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) break;
        SpendRow spend;
        spend.start = rows->integer(0);
        int column = 1;
        for (std::size_t i = 0; i < query.by.size(); ++i) {
            spend.values.push_back(rows->string(column++));
        }
        spend.sums = read_sums(*rows, column);
        out.push_back(std::move(spend));
    }
    const bool attributes = std::ranges::any_of(
        query.by, [](const core::Facet& facet) { return !facet.attribute.empty(); });
    return attributes ? by_attribute(query.by, std::move(out)) : out;
}

Result<std::vector<SpendRow>> Queries::spend(const SpendQuery& query) {
    using Bucket = SpendQuery::Bucket;
    if (query.bucket == Bucket::none || !query.zone || query.zone->is_utc()) {
        return spend_at_once(query);
    }
    const auto kind = query.bucket == Bucket::hour ? core::WindowKind::hour : core::WindowKind::day;
    std::vector<SpendRow> out;
    SpendQuery part = query;
    part.bucket = Bucket::none;
    for (std::size_t windows = 0; part.from < query.until; ++windows, part.from = part.until) {
        if (windows == kBucketsMax) {
            return fail(ErrorCode::invalid_parameter,
                        "That is more than 10,000 buckets: ask for days, or for a shorter time.");
        }
        const core::WindowSpan window = core::window_at(kind, part.from, *query.zone);
        part.until = std::min(UnixTime::from_seconds(window.end), query.until);
        Result<std::vector<SpendRow>> rows = spend_at_once(part);
        if (!rows) return rows;
        for (SpendRow& row : *rows) {
            row.start = window.start;
            out.push_back(std::move(row));
        }
    }
    return out;
}

}  // namespace weir::store
