#include "base/time.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Time, Rfc3339GoesThereAndBack) {
    EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00Z");
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-24T03:43:37.125Z")), "2026-11-24T03:43:37.125Z");
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-24T03:43:37+02:00")), "2026-11-24T01:43:37Z");
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2024-02-29")), "2024-02-29T00:00:00Z");
}

TEST(Time, RefusesWhatIsNoInstant) {
    for (const char* text : {"", "2026-13-01", "2025-02-29", "2026-11-24T25:00:00Z",
                             "2026-11-24T03:43", "2026-11-24T03:43:37", "yesterday"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
}

TEST(Time, DatesAreUtc) {
    EXPECT_EQ(date_of(*parse_rfc3339("2026-12-31T23:59:59Z")), (Date{2026, 12, 31}));
    EXPECT_EQ(start_of({2027, 1, 1}).ns, parse_rfc3339("2027-01-01")->ns);
}

}  // namespace
}  // namespace weir
