#include "store/past_attempts.h"

#include <algorithm>
#include <fmt/core.h>

#include "core/budget_match.h"
#include "store/entry_columns.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

constexpr std::int64_t kPage = 4'096;

// Columns that entries and refusals share, before those of the dimensions.
enum Column : int {
    kId,
    kAdmittedAt = kId + kIdCount,
    kEndpoint,
    kSources,
    kProvider,
    kModel,
    kBound,
    kInputBound = kBound + 2,
    kMaxOutput,
    kParts,
    kPriceVendor,
    kIsBilled,
    kDimensions,
};
// Those of entries alone, behind them.
enum EntryColumn : int {
    kRow = kDimensions + static_cast<int>(kColumnDimensions.size()),
    kState,
    kEndedAt,
    kCost,
    kCharge = kCost + 2,
    kChargeTokens = kCharge + 2,
    kCorrections,
    kCountsCall,
};

std::string shared_columns() {
    std::string out =
        "e.epoch,e.worker,e.seq,e.ordinal,e.admitted_at,e.endpoint,e.sources,e.provider,e.model,"
        "e.bound_usd,e.bound_pico,e.input_bound,e.max_output,e.parts,e.price_vendor,"
        "e.own_credential=0 AND e.local_free=0";
    for (const core::Dimension d : kColumnDimensions) {
        out += fmt::format(",e.{}", core::dimension_name(d));
    }
    return out;
}

// The first condition is what the index of times can use; ties are few.
constexpr std::string_view kPageSql =
    " AND e.admitted_at>=?1 AND e.admitted_at<?6 AND (e.admitted_at,e.epoch,e.worker,e.seq,"
    "e.ordinal)>(?1,?2,?3,?4,?5) ORDER BY e.admitted_at,e.epoch,e.worker,e.seq,e.ordinal LIMIT ?7";

// Marks whose admit has not been read yet are of nobody.
std::string entries_sql() {
    return fmt::format(
        "SELECT {},e.row,e.state,e.ended_at,e.cost_usd,e.cost_pico,e.charge_usd,e.charge_pico,"
        "e.charge_tokens,EXISTS (SELECT 1 FROM corrections c WHERE c.epoch=e.epoch AND "
        "c.worker=e.worker AND c.seq=e.seq AND c.ordinal=e.ordinal),{} "
        "FROM entries e WHERE (e.state<>'open' OR e.admitted=1){}",
        shared_columns(), kCountsCallSql, kPageSql);
}

// A busy one is of callers that try again: they are in the ledger once they got through.
std::string refusals_sql() {
    return fmt::format(
        "SELECT {} FROM refusals e WHERE e.error IN ('budget_exhausted','call_exceeds_budget'){}",
        shared_columns(), kPageSql);
}

Result<std::int64_t> token_bound(const Statement& row) {
    Result<std::vector<core::HoldPart>> parts = parse_parts(row.text(kParts));
    if (!parts) return std::unexpected(std::move(parts).error());
    return static_cast<std::int64_t>(
        tokens_held(*parts, row.integer(kInputBound), row.integer(kMaxOutput)));
}

void read_end(const Statement& row, PastRow& out) {
    core::PastAttempt& attempt = out.attempt;
    out.row = row.integer(kRow);
    if (const auto ended = row.optional_integer(kEndedAt)) attempt.ended_at = UnixTime{*ended};
    attempt.released = row.text(kState) == "released";
    attempt.cost = row.money(kCost);
    attempt.charge.usd = row.money(kCharge);
    attempt.charge.tokens = row.integer(kChargeTokens);
    attempt.counts_call = row.integer(kCountsCall) != 0;
}

std::optional<core::TokenClass> class_named(std::string_view name) {
    for (std::size_t i = 0; i < core::kTokenClasses; ++i) {
        const auto c = static_cast<core::TokenClass>(i);
        if (core::token_class_name(c) == name) return c;
    }
    return std::nullopt;
}

std::optional<core::UnitKind> unit_named(std::string_view name) {
    for (std::size_t i = 0; i < core::kUnitKinds; ++i) {
        const auto kind = static_cast<core::UnitKind>(i);
        if (core::unit_kind_name(kind) == name) return kind;
    }
    return std::nullopt;
}

core::LineRole role_named(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(core::LineRole::tool_image); ++i) {
        const auto role = static_cast<core::LineRole>(i);
        if (core::line_role_name(role) == name) return role;
    }
    return core::LineRole::main;
}

core::UsageLine& line_of(core::Usage& usage, std::string_view model, std::string_view tier,
                         core::LineRole role) {
    for (core::UsageLine& line : usage.lines) {
        if (line.model == model && line.tier == tier && line.role == role) return line;
    }
    core::UsageLine& line = usage.lines.emplace_back();
    line.model = model;
    line.tier = tier;
    line.role = role;
    return line;
}

}  // namespace

Result<PastAttempts> PastAttempts::open(Database& database, const PastTime& time,
                                        bool token_bounds) {
    PastAttempts out{token_bounds};
    const std::pair<Statement*, std::string> wanted[] = {
        {&out.entries_.statement, entries_sql()},
        {&out.refusals_.statement, refusals_sql()},
        {&out.corrections_,
         "SELECT cost_usd,cost_pico,charge_usd,charge_pico,tokens FROM corrections "
         "WHERE epoch=? AND worker=? AND seq=? AND ordinal=?"},
        {&out.charges_, "SELECT model,tier,role,is_unit,kind,quantity FROM charges WHERE entry=?"},
    };
    for (const auto& [statement, sql] : wanted) {
        Result<Statement> prepared = database.prepare(sql);
        if (!prepared) return std::unexpected(std::move(prepared).error());
        *statement = std::move(*prepared);
    }
    out.refusals_.of_refusals = true;
    out.entries_.after_at = time.from;
    out.refusals_.after_at = time.refusals_from;
    out.entries_.until = out.refusals_.until = time.until;
    return out;
}

Result<> PastAttempts::read(const Pages& pages, PastRow& out) const {
    const Statement& row = pages.statement;
    core::PastAttempt& attempt = out.attempt;
    attempt.id = read_id(row, kId);
    attempt.admitted_at = {row.integer(kAdmittedAt)};
    int column = kDimensions;
    for (const core::Dimension d : kColumnDimensions) {
        attempt.attribution.values[static_cast<std::size_t>(d)] = row.text(column++);
    }
    const std::string_view sources = row.text(kSources);
    for (std::size_t i = 0; i < std::min(sources.size(), core::kDimensions); ++i) {
        attempt.attribution.sources[i] = static_cast<core::Source>(sources[i] - '0');
    }
    attempt.provider = row.text(kProvider);
    attempt.model = row.text(kModel);
    attempt.bound = row.money(kBound);
    if (token_bounds_) {
        Result<std::int64_t> tokens = token_bound(row);
        if (!tokens) return std::unexpected(std::move(tokens).error());
        attempt.token_bound = *tokens;
    }
    out.price_vendor = row.text(kPriceVendor);
    out.is_billed = row.integer(kIsBilled) != 0;
    attempt.refused = pages.of_refusals;
    if (!pages.of_refusals) read_end(row, out);
    return {};
}

Result<> PastAttempts::correct(PastRow& row) {
    bind_id(corrections_, 1, row.attempt.id);
    for (;;) {
        Result<bool> more = corrections_.step();
        if (!more) return std::unexpected(std::move(more).error());
        if (!*more) return {};
        row.attempt.cost += corrections_.money(0);
        row.attempt.charge.usd += corrections_.money(2);
        row.attempt.charge.tokens += corrections_.integer(4);
    }
}

Result<> PastAttempts::turn_page(Pages& pages) {
    pages.rows.clear();
    pages.place = 0;
    Statement& rows = pages.statement;
    rows.bind(1, pages.after_at.ns);
    bind_id(rows, 2, pages.after_id);
    rows.bind(6, pages.until.ns).bind(7, kPage);
    std::int64_t read_rows = 0;
    for (;;) {
        Result<bool> more = rows.step();
        if (!more) return std::unexpected(std::move(more).error());
        if (!*more) break;
        ++read_rows;
        pages.after_at = {rows.integer(kAdmittedAt)};
        pages.after_id = read_id(rows, kId);
        if (is_outside_budgets(rows.text(kEndpoint))) continue;
        PastRow& row = pages.rows.emplace_back();
        if (Result<> done = read(pages, row); !done) return done;
        if (pages.of_refusals || rows.integer(kCorrections) == 0) continue;
        if (Result<> done = correct(row); !done) return done;
    }
    pages.ended = read_rows < kPage;
    return {};
}

Result<PastRow*> PastAttempts::next() {
    Pages* first = nullptr;
    for (Pages* pages : {&entries_, &refusals_}) {
        while (pages->place == pages->rows.size() && !pages->ended) {
            if (Result<> turned = turn_page(*pages); !turned) {
                return std::unexpected(std::move(turned).error());
            }
        }
        if (pages->place == pages->rows.size()) continue;
        const auto at = [](const Pages& p) {
            return p.rows[p.place].attempt.admitted_at;
        };
        if (first == nullptr || at(*pages) < at(*first)) first = pages;
    }
    return first == nullptr ? nullptr : &first->rows[first->place++];
}

Result<core::Usage> PastAttempts::usage_of(const PastRow& row) {
    core::Usage usage;
    usage.completeness = core::Completeness::exact;
    charges_.bind(1, row.row);
    for (;;) {
        Result<bool> more = charges_.step();
        if (!more) return std::unexpected(std::move(more).error());
        if (!*more) return usage;
        core::UsageLine& line =
            line_of(usage, charges_.text(0), charges_.text(1), role_named(charges_.text(2)));
        if (charges_.integer(3) == 0) {
            if (const auto c = class_named(charges_.text(4))) line.of(*c) += charges_.integer(5);
        } else if (const auto kind = unit_named(charges_.text(4))) {
            usage.unit(*kind) += charges_.integer(5);
        }
    }
}

}  // namespace weir::store
