#include "store/tally.h"

#include <algorithm>
#include <fmt/core.h>

#include "ledger/fold.h"
#include "store/event_fold.h"

namespace weir::store {
namespace {

constexpr std::int64_t kHourSeconds = 3'600;
constexpr std::int64_t kDaySeconds = 86'400;

std::int64_t floor_to(std::int64_t seconds, std::int64_t step) {
    const std::int64_t rest = seconds % step;
    return seconds - (rest < 0 ? rest + step : rest);
}

constexpr std::string_view kCounts[] = {"calls",
                                        "attempts",
                                        "errors",
                                        "refusals",
                                        "unknown",
                                        "input",
                                        "cache_read",
                                        "cache_write_short",
                                        "cache_write_long",
                                        "input_audio",
                                        "input_image",
                                        "cache_read_audio",
                                        "output",
                                        "output_audio",
                                        "output_image",
                                        "reasoning",
                                        "units",
                                        "charge_tokens"};
constexpr std::string_view kMoney[] = {"cost", "charge", "corrected"};

// Both halves of a sum of money, with the carry of the lower one.
std::string add_money_sql(std::string_view name) {
    return fmt::format(
        "{0}_usd={0}_usd+excluded.{0}_usd+({0}_pico+excluded.{0}_pico)/1000000000000,"
        "{0}_pico=({0}_pico+excluded.{0}_pico)%1000000000000",
        name);
}

std::string upsert_sql(std::string_view table) {
    std::string set;
    for (const std::string_view name : kCounts) {
        set += fmt::format("{0}={0}+excluded.{0},", name);
    }
    for (const std::string_view name : kMoney) set += add_money_sql(name) + ",";
    set.pop_back();
    return fmt::format("INSERT INTO {} VALUES {} ON CONFLICT DO UPDATE SET {}", table,
                       placeholders(26), set);
}

RollupSums sums_of(const ledger::EndRecord& end) {
    RollupSums sums;
    sums.calls = end.head.id.ordinal <= 1 ? 1 : 0;
    sums.attempts = 1;
    sums.errors = end.outcome.has_error || end.outcome.http_status >= 400 ? 1 : 0;
    sums.unknown =
        end.state == ledger::EndState::unknown || end.state == ledger::EndState::orphaned;
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
        sums.tokens[c] = tokens_of(end.usage, static_cast<core::TokenClass>(c));
    }
    sums.reasoning = plausible(end.usage.reasoning_tokens);
    sums.units = units_of(end.usage);
    sums.charge_tokens = plausible(end.charge_tokens);
    sums.cost = end.cost;
    sums.charge = end.charge;
    return sums;
}

}  // namespace

std::size_t BalanceKeyHash::operator()(const BalanceKey& key) const noexcept {
    std::size_t h = std::hash<std::string>{}(key.instance);
    h ^= key.budget * 0x9E3779B97F4A7C15ull;
    return h ^ static_cast<std::size_t>(key.window.start) * 0xC2B2AE3D27D4EB4Full;
}

std::size_t Tally::RollupKeyHash::operator()(const RollupKey& key) const noexcept {
    return static_cast<std::size_t>(key.start) * 0x9E3779B97F4A7C15ull ^
           static_cast<std::size_t>(key.scope) * 0xC2B2AE3D27D4EB4Full;
}

void RollupSums::add(const RollupSums& other, int sign) {
    const auto signed_money = [sign](Money m) {
        return sign < 0 ? -m : m;
    };
    calls += sign * other.calls;
    attempts += sign * other.attempts;
    errors += sign * other.errors;
    refusals += sign * other.refusals;
    unknown += sign * other.unknown;
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) tokens[c] += sign * other.tokens[c];
    reasoning += sign * other.reasoning;
    units += sign * other.units;
    charge_tokens += sign * other.charge_tokens;
    cost += signed_money(other.cost);
    charge += signed_money(other.charge);
    corrected += signed_money(other.corrected);
}

Result<Tally> Tally::open(Database& database) {
    Tally tally;
    const std::pair<Statement*, std::string> wanted[] = {
        {&tally.upsert_hour_, upsert_sql("rollup_hours")},
        {&tally.upsert_day_, upsert_sql("rollup_days")},
        {&tally.select_balance_,
         "SELECT settled,overrun FROM balances "
         "WHERE budget=? AND instance=? AND window_start=? AND window_end=?"},
        {&tally.select_seed_,
         "SELECT settled FROM budget_seeds "
         "WHERE budget=? AND instance=? AND window_start=? AND window_end=?"},
        {&tally.upsert_balance_,
         "INSERT INTO balances (budget,instance,window_start,window_end,settled,overrun) "
         "VALUES (?,?,?,?,?,?) "
         "ON CONFLICT DO UPDATE SET settled=excluded.settled,overrun=excluded.overrun"},
    };
    for (const auto& [statement, sql] : wanted) {
        Result<Statement> prepared = database.prepare(sql);
        if (!prepared) return std::unexpected(std::move(prepared).error());
        *statement = std::move(*prepared);
    }
    return tally;
}

void Tally::add(std::int64_t scope, UnixTime at, const RollupSums& sums, int sign) {
    hours_[{floor_to(at.seconds(), kHourSeconds), scope}].add(sums, sign);
}

void Tally::move_end(std::int64_t scope, const ledger::EndRecord& end, int sign) {
    add(scope, end.head.admitted_at, sums_of(end), sign);
    for (const core::HoldPart& part : end.parts) {
        const Int128 charge = ledger::settled_part(end, part);
        BalanceDelta& sum = balances_[{part.budget_id, part.window, part.instance}];
        sum.settled += sign * charge;
        sum.overrun += sign * std::max<Int128>(charge - part.held, 0);
        if (sign < 0 || charge <= 0) continue;
        if (sum.end != nullptr && end.head.admitted_at < sum.end->head.admitted_at) continue;
        sum.end = &end;
        sum.part = &part;
    }
}

void Tally::add_end(std::int64_t scope, const ledger::EndRecord& end) { move_end(scope, end, +1); }
void Tally::take_end(std::int64_t scope, const ledger::EndRecord& end) { move_end(scope, end, -1); }

void Tally::add_refusal(std::int64_t scope, const ledger::RefusalRecord& refusal) {
    RollupSums sums;
    sums.refusals = 1;
    add(scope, refusal.head.admitted_at, sums);
}

void Tally::add_correction(std::int64_t scope, UnixTime admitted_at,
                           const ledger::CorrectionRecord& correction,
                           const std::vector<core::HoldPart>& parts) {
    RollupSums sums;
    sums.cost = correction.cost_delta;
    sums.charge = correction.charge_delta;
    sums.corrected = correction.cost_delta;
    sums.charge_tokens = std::clamp<std::int64_t>(correction.token_delta, -kTokensMax, kTokensMax);
    add(scope, admitted_at, sums);
    for (const core::HoldPart& part : parts) {
        balances_[{part.budget_id, part.window, part.instance}].settled +=
            ledger::corrected_part(correction, part);
    }
}

Result<> Tally::flush_rollups(Statement& upsert, const Rollups& rollups) {
    for (const auto& [key, sums] : rollups) {
        upsert.bind(1, key.start);
        upsert.bind(2, key.scope);
        int at = 3;
        for (const std::int64_t count :
             {sums.calls, sums.attempts, sums.errors, sums.refusals, sums.unknown}) {
            upsert.bind(at++, count);
        }
        for (const std::int64_t tokens : sums.tokens) upsert.bind(at++, tokens);
        upsert.bind(at++, sums.reasoning);
        upsert.bind(at++, sums.units);
        upsert.bind(at++, sums.charge_tokens);
        upsert.bind_money(at, sums.cost);
        upsert.bind_money(at + 2, sums.charge);
        upsert.bind_money(at + 4, sums.corrected);
        if (Result<> done = upsert.run(); !done) return done;
    }
    return {};
}

Result<> Tally::flush_balances(EventFold& events) {
    std::string settled;
    std::string overrun;
    for (const auto& [key, delta] : balances_) {
        BalanceDelta sum = delta;
        for (Statement* statement : {&select_balance_, &select_seed_, &upsert_balance_}) {
            statement->bind(1, static_cast<std::int64_t>(key.budget));
            statement->bind(2, key.instance);
            statement->bind(3, key.window.start);
            statement->bind(4, key.window.end);
        }
        Result<bool> row = select_balance_.step();
        if (!row) return std::unexpected(std::move(row).error());
        if (*row) {
            sum.settled += select_balance_.int128(0);
            sum.overrun += select_balance_.int128(1);
            select_balance_.reset();
        }
        upsert_balance_.bind_int128(5, sum.settled, settled);
        upsert_balance_.bind_int128(6, sum.overrun, overrun);
        if (Result<> done = upsert_balance_.run(); !done) return done;
        Result<bool> seed = select_seed_.step();
        if (!seed) return std::unexpected(std::move(seed).error());
        if (*seed) {
            sum.settled += select_seed_.int128(0);
            select_seed_.reset();
        }
        if (Result<> done = events.add_balance(key, delta, sum); !done) return done;
    }
    return {};
}

Result<> Tally::flush(EventFold& events) {
    Rollups days;
    for (const auto& [key, sums] : hours_) {
        days[{floor_to(key.start, kDaySeconds), key.scope}].add(sums);
    }
    if (Result<> done = flush_rollups(upsert_hour_, hours_); !done) return done;
    if (Result<> done = flush_rollups(upsert_day_, days); !done) return done;
    if (Result<> done = flush_balances(events); !done) return done;
    clear();
    return {};
}

void Tally::clear() {
    hours_.clear();
    balances_.clear();
}

}  // namespace weir::store
