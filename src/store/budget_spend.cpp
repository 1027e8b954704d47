// What budgets were charged lately: for burn rates.
#include <algorithm>
#include <fmt/core.h>

#include "core/budget_match.h"
#include "store/budget_rows.h"
#include "store/call_rows.h"
#include "store/queries.h"

namespace weir::store {
namespace {

constexpr std::int64_t kForever = INT64_MAX / 1'000'000'000;

bool is_in_rollups(const core::BudgetSpec& spec) {
    return (!spec.by || in_rollups(spec.by->dimension)) &&
           std::ranges::all_of(spec.where, [](const core::Condition& condition) {
               return in_rollups(condition.facet.dimension);
           });
}

// A budget that rollups can tell of, while one goes over them.
struct Sum {
    const BudgetSpendQuery* query = nullptr;
    Queries::InstanceSpend* out = nullptr;
    core::BudgetMatch match;
    Int128* of_scope = nullptr;  // where the present scope counts; nullptr: nowhere

    void enter(const core::BudgetSubject& subject) {
        of_scope = nullptr;
        if (!match.matches(subject)) return;
        std::string instance;
        match.instance(subject, instance);
        const auto asked = std::ranges::find(query->instances, instance);
        if (asked == query->instances.end()) return;
        of_scope = &*(*out)[static_cast<std::size_t>(asked - query->instances.begin())];
    }
};

// Columns before those of the scope's dimensions.
enum Column : int {
    kStart,
    kScope,
    kCalls,
    kAttempts,
    kTokens,
    kCharge,
    kDimensions = kCharge + 2
};

std::string rollup_sql() {
    std::string dimensions;
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        const auto d = static_cast<core::Dimension>(i);
        if (in_rollups(d)) dimensions += fmt::format(",s.{}", column_of(d));
    }
    return fmt::format(
        "SELECT r.start,r.scope,r.calls,r.attempts,r.charge_tokens,r.charge_usd,r.charge_pico{} "
        "FROM rollup_hours r JOIN scopes s ON s.id=r.scope WHERE r.start>=?1 ORDER BY r.scope",
        dimensions);
}

Int128 amount_of(const Statement& row, core::BudgetUnit unit) {
    switch (unit) {
        case core::BudgetUnit::usd:
            return row.money(kCharge).pico();
        case core::BudgetUnit::tokens:
            return row.integer(kTokens);
        case core::BudgetUnit::calls:
            return row.integer(kCalls);
        case core::BudgetUnit::attempts:
            return row.integer(kAttempts);
        case core::BudgetUnit::repeats:
            break;
    }
    return 0;
}

void read_scope(const Statement& row, core::Attribution& to) {
    int column = kDimensions;
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        if (in_rollups(static_cast<core::Dimension>(i))) to.values[i] = row.text(column++);
    }
}

Result<> add_rollups(Database& database, std::vector<Sum>& sums) {
    if (sums.empty()) return {};
    std::int64_t from = kForever;
    for (const Sum& sum : sums) from = std::min(from, sum.query->since.seconds());
    Result<Statement> rows = database.prepare(rollup_sql());
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, from);
    core::Attribution attribution;
    std::int64_t scope = -1;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return {};
        if (rows->integer(kScope) != scope) {
            scope = rows->integer(kScope);
            read_scope(*rows, attribution);
            for (Sum& sum : sums) sum.enter({&attribution, {}, {}});
        }
        for (const Sum& sum : sums) {
            if (sum.of_scope == nullptr) continue;
            if (rows->integer(kStart) < sum.query->since.seconds()) continue;
            *sum.of_scope += amount_of(*rows, sum.query->spec->unit);
        }
    }
}

// "team/trajectory" → the trajectory; nullopt where the instance is of calls without one.
std::optional<std::string_view> trajectory_of(std::string_view instance) {
    const std::string_view name = instance.substr(instance.find('/') + 1);
    return name == core::kNoValue ? std::nullopt : std::optional{name};
}

Result<> add_entries(Database& database, const BudgetSpendQuery& query,
                     Queries::InstanceSpend& out) {
    const core::WindowSpan time{query.since.seconds(), kForever};
    const bool by_trajectory = query.spec->by == core::Dimension::trajectory;
    std::optional<InstanceAmounts> all;
    for (std::size_t i = 0; i < query.instances.size(); ++i) {
        const std::string& instance = query.instances[i];
        const auto one = by_trajectory ? trajectory_of(instance) : std::nullopt;
        if (one || !all) {
            Result<InstanceAmounts> counted = count_spend(database, *query.spec, time, one);
            if (!counted) return std::unexpected(std::move(counted).error());
            if (one) {
                out[i] = (*counted)[instance];
                continue;
            }
            all = std::move(*counted);
        }
        out[i] = (*all)[instance];
    }
    return {};
}

}  // namespace

Result<std::vector<Queries::InstanceSpend>> Queries::budget_spend(
    const std::vector<BudgetSpendQuery>& queries) {
    Result<Transaction> view = Transaction::begin_read(database_);
    if (!view) return std::unexpected(std::move(view).error());
    std::vector<InstanceSpend> out(queries.size());
    std::vector<Sum> sums;
    for (std::size_t i = 0; i < queries.size(); ++i) {
        const BudgetSpendQuery& query = queries[i];
        out[i].resize(query.instances.size());
        if (query.spec->unit == core::BudgetUnit::repeats) continue;
        for (std::optional<Int128>& amount : out[i]) amount = 0;
        if (is_in_rollups(*query.spec)) {
            sums.push_back(
                {.query = &query, .out = &out[i], .match = core::BudgetMatch{*query.spec}});
            continue;
        }
        if (Result<> done = add_entries(database_, query, out[i]); !done) {
            return std::unexpected(std::move(done).error());
        }
    }
    if (Result<> done = add_rollups(database_, sums); !done) {
        return std::unexpected(std::move(done).error());
    }
    return out;
}

}  // namespace weir::store
