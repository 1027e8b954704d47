#include "store/queries.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

#include "store/books_fixture.h"

namespace weir::store {
namespace {

struct Desk : Books {
    std::unique_ptr<Queries> queries = Queries::open(scratch.file("weir.db")).value();
};

UnixTime at_second(std::int64_t after) { return {(kNoon + after) * 1'000'000'000}; }

TEST(Calls, PagesNeitherRepeatNorSkipWhileNewCallsComeIn) {
    Desk desk;
    desk.settle(1, 40);
    desk.take({refusal_of(attempt(41)), refusal_of(attempt(20, 2))});
    std::vector<AttemptId> seen;
    std::optional<PageKey> after;
    std::uint64_t newer = 100;
    do {
        const CallPage page = desk.queries->calls({}, after, 5).value();
        for (const CallRow& row : page.rows) seen.push_back(row.head.id);
        after = page.next;
        desk.settle(newer, newer + 2);
        newer += 3;
    } while (after);
    EXPECT_EQ(seen.size(), 42u);
    EXPECT_EQ(std::set<AttemptId>(seen.begin(), seen.end()).size(), 42u);
    EXPECT_EQ(seen.front(), attempt(41));
    EXPECT_EQ(seen.back(), attempt(1));
}

TEST(Calls, FiltersByDimensionStateAndTime) {
    Desk desk;
    desk.settle(1, 12);
    desk.take({admit_of(attempt(13)), end_of(attempt(14), ledger::EndState::orphaned),
               refusal_of(attempt(15))});
    CallFilter filter;
    filter.where = {{core::Dimension::team, "support"}};
    EXPECT_EQ(desk.queries->calls(filter, std::nullopt, 100).value().rows.size(), 5u);
    filter.state = "refused";
    EXPECT_EQ(desk.queries->calls(filter, std::nullopt, 100).value().rows.size(), 1u);
    filter = {};
    filter.state = "open";
    ASSERT_EQ(desk.queries->calls(filter, std::nullopt, 100).value().rows.size(), 1u);
    filter = {};
    filter.unproven = true;
    const CallPage orphans = desk.queries->calls(filter, std::nullopt, 100).value();
    ASSERT_EQ(orphans.rows.size(), 1u);
    EXPECT_EQ(orphans.rows[0].head.id, attempt(14));
    EXPECT_EQ(orphans.rows[0].charge, orphans.rows[0].bound);
    filter = {};
    filter.errors = true;
    filter.from = at_second(14);
    filter.until = at_second(15);
    EXPECT_EQ(desk.queries->calls(filter, std::nullopt, 100).value().rows.size(), 1u);
    EXPECT_EQ(desk.queries->last_calls_of_key("k-odd", 3).value().size(), 3u);
}

TEST(Calls, FollowShowsEachRowOnceInTheOrderItCameIn) {
    Desk desk;
    desk.settle(50, 60);
    FollowPlace place = desk.queries->latest_place().value();
    desk.settle(1, 7);  // admitted earlier, read later
    desk.take({refusal_of(attempt(8))});
    std::size_t seen = 0;
    for (int i = 0; i < 5; ++i) seen += desk.queries->follow({}, place, 3).value().size();
    EXPECT_EQ(seen, 8u);
    EXPECT_TRUE(desk.queries->follow({}, place, 3).value().empty());
}

TEST(Calls, DetailShowsAttemptsChargesFiguresAndCorrections) {
    Desk desk;
    desk.take({admit_of(attempt(5)), dispatched_of(attempt(5)),
               end_of(attempt(5), ledger::EndState::unknown), admit_of(attempt(5, 2)),
               end_of(attempt(5, 2)), correction_of(attempt(5, 2), -7)});
    const CallDetail detail = desk.queries->call(attempt(5).call).value();
    ASSERT_EQ(detail.attempts.size(), 2u);
    const auto& second = detail.attempts[1];
    EXPECT_EQ(second.row.state, "settled");
    EXPECT_EQ(second.row.cost.to_usd(), "0.0009");
    ASSERT_EQ(second.charges.size(), 2u);
    EXPECT_EQ(second.charges, end_of(attempt(5)).bill.charges);
    ASSERT_EQ(second.corrections.size(), 1u);
    EXPECT_EQ(second.corrections[0].cost_delta.pico(), -7);
    ASSERT_EQ(second.row.parts.size(), 3u);
    EXPECT_EQ(second.row.parts[0].amount, Money::from_usd(500).pico());
    EXPECT_EQ(second.row.notes, std::vector<std::string>{"injected include_usage"});
    EXPECT_EQ(second.row.head.attribution.tags, head_of(attempt(5)).attribution.tags);
    EXPECT_TRUE(detail.attempts[0].row.dispatched_at);
    EXPECT_EQ(desk.queries->call({9, 9, 9}).error().code(), ErrorCode::not_found);
}

TEST(Spend, GroupsAddUpToTheSameTotalFromRollupsAndFromEntries) {
    Desk desk;
    // Three days, so that whole days and hours at both ends are used.
    std::vector<ledger::Record> records;
    Money total;
    for (std::uint64_t seq = 1; seq <= 60; ++seq) {
        ledger::EndRecord end = end_of(attempt(seq));
        end.head.admitted_at = at_second(static_cast<std::int64_t>(seq) * 4'321);
        records.emplace_back(end);
        total += end.cost;
    }
    records.emplace_back(correction_of(attempt(30), -1'000));
    total += Money::from_pico(-1'000);
    desk.take(records);
    SpendQuery query;
    query.from = at_second(0);
    query.until = at_second(300'000);
    for (const std::vector<core::Facet>& by : {std::vector<core::Facet>{},
                                               {core::Dimension::team},
                                               {core::Dimension::team, core::Dimension::model},
                                               {core::Dimension::trajectory}}) {
        for (const auto bucket :
             {SpendQuery::Bucket::none, SpendQuery::Bucket::hour, SpendQuery::Bucket::day}) {
            query.by = by;
            query.bucket = bucket;
            Money sum;
            std::int64_t calls = 0;
            const Result<std::vector<SpendRow>> rows = desk.queries->spend(query);
            ASSERT_TRUE(rows) << rows.error().detail();
            for (const SpendRow& row : *rows) {
                sum += row.sums.cost;
                calls += row.sums.calls;
            }
            EXPECT_EQ(sum.to_usd(), total.to_usd());
            EXPECT_EQ(calls, 60);
        }
    }
    query.by = {core::Dimension::team};
    query.bucket = SpendQuery::Bucket::none;
    query.where = {{core::Dimension::team, {"support"}}};
    const auto support = desk.queries->spend(query).value();
    ASSERT_EQ(support.size(), 1u);
    EXPECT_EQ(support[0].sums.calls, 20);
    query.until = at_second(4'000);
    EXPECT_TRUE(desk.queries->spend(query).value().empty());
}

// A budget's window may begin within an hour of the rollups; its spend is told to the entry.
TEST(Spend, IsExactForTimesWithinAnHourAndForDaysOfAZone) {
    Desk desk;
    std::vector<ledger::Record> records;
    std::vector<std::int64_t> at;
    for (std::uint64_t seq = 1; seq <= 200; ++seq) {
        ledger::EndRecord end = end_of(attempt(seq));
        at.push_back(static_cast<std::int64_t>(seq) * 997);
        end.head.admitted_at = at_second(at.back());
        records.emplace_back(end);
    }
    desk.take(records);
    const auto between = [&at](std::int64_t from, std::int64_t until) {
        return std::ranges::count_if(at, [=](auto t) { return from <= t && t < until; });
    };
    const auto calls = [&desk](const SpendQuery& query) {
        std::int64_t sum = 0;
        for (const SpendRow& row : desk.queries->spend(query).value()) sum += row.sums.calls;
        return sum;
    };
    constexpr std::pair<std::int64_t, std::int64_t> kTimes[] = {
        {997, 998}, {1'000, 1'994}, {998, 3'988}, {0, 199'400}, {5'000, 150'001}, {7'200, 10'800}};
    const auto half =
        std::make_shared<core::Zone>("Asia/Kolkata", 19'800, std::vector<core::Zone::Shift>{});
    for (const auto& [from, until] : kTimes) {
        SpendQuery query;
        query.from = at_second(from);
        query.until = at_second(until);
        EXPECT_EQ(calls(query), between(from, until)) << from;
        query.zone = half;
        for (const auto bucket : {SpendQuery::Bucket::hour, SpendQuery::Bucket::day}) {
            query.bucket = bucket;
            EXPECT_EQ(calls(query), between(from, until)) << from;
            const auto kind =
                bucket == SpendQuery::Bucket::hour ? core::WindowKind::hour : core::WindowKind::day;
            for (const SpendRow& row : desk.queries->spend(query).value()) {
                const auto start = UnixTime::from_seconds(row.start);
                EXPECT_EQ(core::window_at(kind, start, *half).start, row.start);
            }
        }
    }
    SpendQuery far;
    far.zone = half;
    far.bucket = SpendQuery::Bucket::hour;
    far.until = at_second(0);
    EXPECT_EQ(desk.queries->spend(far).error().code(), ErrorCode::invalid_parameter);
}

TEST(Export, EachLineIsAWholeJsonObjectOrCsvRow) {
    Desk desk;
    desk.settle(1, 3);
    std::string jsonl;
    std::string csv;
    const auto collect = [](std::string& to) {
        return [&to](std::string_view line) {
            to += line;
            return true;
        };
    };
    ASSERT_TRUE(
        desk.queries->export_ledger(Queries::Format::jsonl, {0}, {INT64_MAX}, collect(jsonl)));
    ASSERT_TRUE(desk.queries->export_ledger(Queries::Format::csv, {0}, {INT64_MAX}, collect(csv)));
    std::size_t lines = 0;
    for (std::size_t at = 0; at < jsonl.size(); ++lines) {
        const std::size_t end = jsonl.find('\n', at);
        const auto line = nlohmann::json::parse(jsonl.substr(at, end - at), nullptr, false);
        ASSERT_TRUE(line.is_object());
        EXPECT_EQ(line["cost_usd"], "0.0009");
        EXPECT_EQ(line["tags"]["customer"], "Grü\"n");
        at = end + 1;
    }
    EXPECT_EQ(lines, 3u);
    EXPECT_TRUE(csv.starts_with("call,attempt,state,"));
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
    int taken = 0;
    ASSERT_TRUE(desk.queries->export_ledger(Queries::Format::jsonl, {0}, {INT64_MAX},
                                            [&](std::string_view) { return ++taken < 2; }));
    EXPECT_EQ(taken, 2);
}

TEST(Queries, MissingDatabaseIsToldApart) {
    ScratchDirectory scratch;
    EXPECT_EQ(Queries::open(scratch.file("none.db")).error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace weir::store
