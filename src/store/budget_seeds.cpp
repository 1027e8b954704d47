// What the ledger knows of a budget that is new, or that counts in another way than before.
#include <algorithm>
#include <fmt/core.h>
#include <unordered_map>

#include "core/budget_match.h"
#include "store/budget_rows.h"
#include "store/entry_columns.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

// Columns before those of the dimensions.
enum Column : int {
    kEndpoint,
    kState,
    kCharge,
    kChargeTokens = kCharge + 2,
    kBound,
    kInputBound = kBound + 2,
    kMaxOutput,
    kParts,
    kCorrected,
    kCorrectedTokens = kCorrected + 2,
    kCountsCall,
    kDimensionColumns,
};

// Marks whose admit has not been read yet are of nobody.
std::string entries_sql() {
    std::string dimensions;
    for (const core::Dimension d : kColumnDimensions) {
        dimensions += fmt::format("e.{},", core::dimension_name(d));
    }
    return fmt::format(
        "SELECT e.endpoint,e.state,e.charge_usd,e.charge_pico,e.charge_tokens,e.bound_usd,"
        "e.bound_pico,e.input_bound,e.max_output,e.parts,coalesce(c.usd,0),coalesce(c.pico,0),"
        "coalesce(c.tokens,0),{},{}e.provider,e.model "
        "FROM entries e LEFT JOIN (SELECT epoch,worker,seq,ordinal,sum(charge_usd) AS usd,"
        "sum(charge_pico) AS pico,sum(tokens) AS tokens FROM corrections "
        "GROUP BY epoch,worker,seq,ordinal) c USING (epoch,worker,seq,ordinal) "
        "WHERE e.admitted_at>=?1 AND e.admitted_at<?2 AND (e.state<>'open' OR e.admitted=1)",
        kCountsCallSql, dimensions);
}

std::int64_t ns_of(std::int64_t seconds) {
    constexpr std::int64_t kMax = INT64_MAX / 1'000'000'000;
    return seconds > kMax ? INT64_MAX : seconds * 1'000'000'000;
}

Int128 amount_of_ended(const Statement& row, core::BudgetUnit unit) {
    const bool released = row.text(kState) == "released";
    switch (unit) {
        case core::BudgetUnit::usd:
            return (released ? Int128{0} : row.money(kCharge).pico()) +
                   row.money(kCorrected).pico();
        case core::BudgetUnit::tokens:
            return (released ? 0 : row.integer(kChargeTokens)) + row.integer(kCorrectedTokens);
        case core::BudgetUnit::calls:
            return released ? 0 : row.integer(kCountsCall);
        case core::BudgetUnit::repeats:
            return 0;  // no entry says what its call was
        case core::BudgetUnit::attempts:
            return released ? 0 : 1;
    }
    return 0;
}

// Its bound. What already holds the budget is not the ledger's to count: its end will be.
Result<Int128> amount_of_open(const Statement& row, const core::BudgetSpec& spec) {
    Result<std::vector<core::HoldPart>> parts = parse_parts(row.text(kParts));
    if (!parts) return std::unexpected(std::move(parts).error());
    if (std::ranges::find(*parts, spec.id, &core::HoldPart::budget_id) != parts->end()) return 0;
    switch (spec.unit) {
        case core::BudgetUnit::usd:
            return row.money(kBound).pico();
        case core::BudgetUnit::tokens:
            return tokens_held(*parts, row.integer(kInputBound), row.integer(kMaxOutput));
        case core::BudgetUnit::calls:
            return row.integer(kCountsCall);
        case core::BudgetUnit::repeats:
            return 0;
        case core::BudgetUnit::attempts:
            return 1;
    }
    return 0;
}

}  // namespace

// One row at a time: memory grows with the instances alone.
Result<InstanceAmounts> count_spend(Database& database, const core::BudgetSpec& spec,
                                    core::WindowSpan time,
                                    std::optional<std::string_view> trajectory) {
    // Said twice, for the index that leaves out those without.
    const std::string_view of_one = " AND e.trajectory=?3 AND e.trajectory<>''";
    Result<Statement> rows =
        database.prepare(entries_sql() + std::string{trajectory ? of_one : std::string_view{}});
    if (!rows) return std::unexpected(std::move(rows).error());
    rows->bind(1, ns_of(time.start)).bind(2, ns_of(time.end));
    if (trajectory) rows->bind(3, *trajectory);
    const core::BudgetMatch match{spec};
    constexpr int kProvider = kDimensionColumns + static_cast<int>(kColumnDimensions.size());
    core::Attribution attribution;
    std::string instance;
    InstanceAmounts amounts;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return amounts;
        if (is_outside_budgets(rows->text(kEndpoint))) continue;
        int column = kDimensionColumns;
        for (const core::Dimension d : kColumnDimensions) {
            attribution.values[static_cast<std::size_t>(d)] = rows->text(column++);
        }
        const core::BudgetSubject subject{&attribution, rows->text(kProvider),
                                          rows->text(kProvider + 1)};
        if (!match.matches(subject)) continue;
        Int128 amount = 0;
        if (rows->text(kState) == "open") {
            Result<Int128> bound = amount_of_open(*rows, spec);
            if (!bound) return std::unexpected(std::move(bound).error());
            amount = *bound;
        } else {
            amount = amount_of_ended(*rows, spec.unit);
        }
        match.instance(subject, instance);
        amounts[instance] += amount;
    }
}

Result<std::vector<Balance>> seed_from_ledger(Database& database, const core::BudgetSpec& spec,
                                              UnixTime now) {
    const core::WindowSpan window = core::window_at(spec, now);
    Result<InstanceAmounts> counted = count_spend(database, spec, window);
    if (!counted) return std::unexpected(std::move(counted).error());
    Result<Statement> known = database.prepare(
        "SELECT (SELECT settled FROM balances WHERE budget=?1 AND instance=?2 AND window_start=?3 "
        "AND window_end=?4),(SELECT settled FROM budget_seeds WHERE budget=?1 AND instance=?2 AND "
        "window_start=?3 AND window_end=?4)");
    if (!known) return std::unexpected(std::move(known).error());
    Result<Statement> upsert =
        database.prepare("INSERT OR REPLACE INTO budget_seeds VALUES (?1,?2,?3,?4,?5)");
    if (!upsert) return std::unexpected(std::move(upsert).error());
    std::vector<Balance> added;
    for (const auto& [instance, amount] : *counted) {
        for (Statement* statement : {&*known, &*upsert}) {
            statement->bind(1, static_cast<std::int64_t>(spec.id)).bind(2, instance);
            statement->bind(3, window.start).bind(4, window.end);
        }
        Result<bool> row = known->step();
        if (!row) return std::unexpected(std::move(row).error());
        const Int128 folded = known->int128(0);
        const Int128 seeded = known->int128(1);
        known->reset();
        // Sums of what cannot be negative: where the entries say less, corrections were at work.
        if (amount <= folded + seeded) continue;
        std::string text;
        upsert->bind_int128(5, amount - folded, text);
        if (Result<> done = upsert->run(); !done) return std::unexpected(std::move(done).error());
        added.push_back({spec.id, instance, window, amount - folded - seeded, 0});
    }
    return added;
}

}  // namespace weir::store
