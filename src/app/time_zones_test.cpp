#include "app/time_zones.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "core/budget_spec.h"

namespace weir::app {
namespace {

using core::WindowKind;
using core::WindowSpan;

core::Zone zone(const std::string& name) {
    auto read = read_zone(name);
    EXPECT_TRUE(read) << (read ? "" : read.error().message());
    return read ? **read : core::Zone{};
}

UnixTime at(std::string_view text) { return *parse_rfc3339(text); }

// Of the zone's window at an instant: "start end", UTC.
std::string window(const std::string& name, WindowKind kind, std::string_view when) {
    const WindowSpan span = window_at(kind, at(when), zone(name));
    return to_rfc3339(UnixTime::from_seconds(span.start)) + " " +
           to_rfc3339(UnixTime::from_seconds(span.end));
}

TEST(TimeZones, ADayIsThatOfTheWall) {
    EXPECT_EQ(window("Pacific/Kiritimati", WindowKind::day, "2026-11-24T12:00:00Z"),
              "2026-11-24T10:00:00Z 2026-11-25T10:00:00Z");
    EXPECT_EQ(window("America/New_York", WindowKind::month, "2026-11-01T03:59:59Z"),
              "2026-10-01T04:00:00Z 2026-11-01T04:00:00Z");
    EXPECT_EQ(window("Europe/Berlin", WindowKind::week, "2026-10-25T12:00:00Z"),
              "2026-10-18T22:00:00Z 2026-10-25T23:00:00Z")
        << "Monday to Monday, and an hour longer";
    EXPECT_EQ(window("Europe/Berlin", WindowKind::quarter, "2026-11-24T12:00:00Z"),
              "2026-09-30T22:00:00Z 2026-12-31T23:00:00Z");
    EXPECT_EQ(window("Asia/Kolkata", WindowKind::hour, "2026-11-24T12:00:00Z"),
              "2026-11-24T11:30:00Z 2026-11-24T12:30:00Z")
        << "whose hours begin between those of UTC";
}

TEST(TimeZones, ADayWithoutMidnightBeginsWithItsFirstHour) {
    EXPECT_EQ(window("Africa/Cairo", WindowKind::day, "2026-04-24T12:00:00Z"),
              "2026-04-23T22:00:00Z 2026-04-24T21:00:00Z");
    EXPECT_EQ(window("America/Santiago", WindowKind::day, "2026-09-06T12:00:00Z"),
              "2026-09-06T04:00:00Z 2026-09-07T03:00:00Z");
    EXPECT_EQ(window("America/Santiago", WindowKind::day, "2026-09-06T03:59:59Z"),
              "2026-09-05T04:00:00Z 2026-09-06T04:00:00Z");
}

TEST(TimeZones, ADayIsAsLongAsItIs) {
    EXPECT_EQ(window("Australia/Lord_Howe", WindowKind::day, "2026-10-03T20:00:00Z"),
              "2026-10-03T13:30:00Z 2026-10-04T13:00:00Z")
        << "23.5 hours";
    EXPECT_EQ(window("Australia/Lord_Howe", WindowKind::day, "2026-04-04T20:00:00Z"),
              "2026-04-04T13:00:00Z 2026-04-05T13:30:00Z");
    EXPECT_EQ(window("Pacific/Apia", WindowKind::day, "2011-12-30T09:59:59Z"),
              "2011-12-29T10:00:00Z 2011-12-30T10:00:00Z");
    EXPECT_EQ(window("Pacific/Apia", WindowKind::day, "2011-12-30T10:00:00Z"),
              "2011-12-30T10:00:00Z 2011-12-31T10:00:00Z")
        << "the 31st: there was no 30th";
}

TEST(TimeZones, AnHourThatClocksRepeatIsOneWindow) {
    for (const char* when : {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}) {
        EXPECT_EQ(window("Europe/Berlin", WindowKind::hour, when),
                  "2026-10-25T00:00:00Z 2026-10-25T02:00:00Z");
    }
    EXPECT_EQ(window("Europe/Berlin", WindowKind::hour, "2026-03-29T01:30:00Z"),
              "2026-03-29T01:00:00Z 2026-03-29T02:00:00Z")
        << "and one that they leave out is none";
}

// Clocks went back from one minute past midnight: the wall showed the day before once more.
TEST(TimeZones, ADayThatTheWallLeavesAgainGoesOn) {
    for (const char* when :
         {"2010-11-07T02:30:30Z", "2010-11-07T02:45:00Z", "2010-11-07T20:00:00Z"}) {
        EXPECT_EQ(window("America/St_Johns", WindowKind::day, when),
                  "2010-11-07T02:30:00Z 2010-11-08T03:30:00Z");
    }
}

TEST(TimeZones, RulesHoldBeyondTheTablesOfTheDatabase) {
    EXPECT_EQ(window("Europe/Berlin", WindowKind::day, "2150-07-01T12:00:00Z"),
              "2150-06-30T22:00:00Z 2150-07-01T22:00:00Z");
    EXPECT_EQ(window("Europe/Berlin", WindowKind::day, "2150-12-01T12:00:00Z"),
              "2150-11-30T23:00:00Z 2150-12-01T23:00:00Z");
}

std::vector<std::string> all_zones() {
    std::vector<std::string> names;
    std::ifstream table("/usr/share/zoneinfo/tzdata.zi");
    for (std::string line; std::getline(table, line);) {
        if (line.starts_with("Z ") && line != "Z Factory 0 - -00")
            names.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
    return names;
}

std::int64_t label(WindowKind kind, std::int64_t utc, const cctz::time_zone& zone) {
    const cctz::civil_second shown =
        cctz::convert(cctz::time_point<cctz::seconds>(cctz::seconds(utc)), zone);
    const cctz::civil_second zero;
    switch (kind) {
        case WindowKind::hour:
            return cctz::civil_hour(shown) - cctz::civil_hour(zero);
        case WindowKind::day:
            return cctz::civil_day(shown) - cctz::civil_day(zero);
        case WindowKind::week:
            return (cctz::civil_day(shown) - cctz::civil_day(zero) + 3 + 7'000'000) / 7;
        case WindowKind::month:
            return cctz::civil_month(shown) - cctz::civil_month(zero);
        default:
            return (shown.year() - 1970) * 4 + (shown.month() - 1) / 3;
    }
}

// I11 between two instants: windows leave no gap, do not overlap, and each begins at the first
// instant whose label is new, by another reading of the database than ours.
void expect_partition(const core::Zone& ours, WindowKind kind, std::int64_t from,
                      std::int64_t until) {
    cctz::time_zone theirs;
    ASSERT_TRUE(cctz::load_time_zone(ours.name(), &theirs));
    const auto window_of = [&](std::int64_t t) {
        return window_at(kind, UnixTime::from_seconds(t), ours);
    };
    SCOPED_TRACE(ours.name() + " " + std::string{core::window_name(kind)});
    WindowSpan span = window_of(from);
    while (span.start < until) {
        ASSERT_LT(span.start, span.end);
        ASSERT_EQ(window_of(span.end - 1), span);
        const std::int64_t shown = label(kind, span.start, theirs);
        ASSERT_LT(label(kind, span.start - 1, theirs), shown);
        ASSERT_LE(label(kind, span.end - 1, theirs), shown);
        const WindowSpan next = window_of(span.end);
        ASSERT_EQ(next.start, span.end);
        ASSERT_LT(shown, label(kind, next.start, theirs));
        span = next;
    }
}

TEST(TimeZones, WindowsPartitionTimeInEveryZoneFrom1970To2040) {
    const std::vector<std::string> names = all_zones();
    ASSERT_GT(names.size(), 300u);
    const std::int64_t until = at("2040-01-01T00:00:00Z").seconds();
    for (const std::string& name : names) {
        const core::Zone ours = zone(name);
        for (const WindowKind kind :
             {WindowKind::day, WindowKind::week, WindowKind::month, WindowKind::quarter}) {
            expect_partition(ours, kind, 0, until);
            if (HasFatalFailure()) return;
        }
    }
}

// All hours would be too many: those of two days around each change of the clocks.
TEST(TimeZones, HoursPartitionTimeWhereverClocksChange) {
    const std::int64_t until = at("2040-01-01T00:00:00Z").seconds();
    for (const std::string& name : all_zones()) {
        const core::Zone ours = zone(name);
        cctz::time_zone theirs;
        ASSERT_TRUE(cctz::load_time_zone(name, &theirs));
        cctz::time_zone::civil_transition change;
        for (auto t = cctz::time_point<cctz::seconds>(); theirs.next_transition(t, &change);) {
            t = theirs.lookup(change.to).trans;
            const std::int64_t then = t.time_since_epoch().count();
            if (then > until) break;
            expect_partition(ours, WindowKind::hour, then - 86'400, then + 86'400);
            if (HasFatalFailure()) return;
        }
    }
}

std::string refusal(const std::string& name) {
    auto read = read_zone(name);
    return read ? "" : std::string{read.error().message()};
}

TEST(TimeZones, AnUnknownNameIsToldWithTheNearest) {
    EXPECT_EQ(refusal("Europe/Berln"),
              "there is no time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)");
    EXPECT_EQ(refusal("kolkata"), "there is no time zone 'kolkata' (did you mean 'Asia/Kolkata'?)");
    EXPECT_EQ(refusal("europe/berlin"),
              "there is no time zone 'europe/berlin' (did you mean 'Europe/Berlin'?)");
    EXPECT_EQ(refusal("Mars/Olympus_Mons_Base"), "there is no time zone 'Mars/Olympus_Mons_Base'");
    for (const char* name :
         {"", "..", "/usr/share/zoneinfo/Europe/Berlin", "right/Europe/Berlin",
          "file:Europe/Berlin", "Fixed/UTC+01:00:00", "localtime", "tzdata.zi"}) {
        EXPECT_TRUE(refusal(name).starts_with("there is no time zone")) << name;
    }
}

TEST(TimeZones, WithoutADatabaseThereIsUtc) {
    ASSERT_EQ(::setenv("TZDIR", "/no/such/place", 1), 0);
    EXPECT_TRUE(read_zone("UTC"));
    EXPECT_EQ(refusal("Asia/Tokyo"),
              "this machine has no time zones in /no/such/place: install tzdata, or leave "
              "'timezone' at UTC");
    ASSERT_EQ(::unsetenv("TZDIR"), 0);
}

}  // namespace
}  // namespace weir::app
