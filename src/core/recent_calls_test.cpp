#include "core/recent_calls.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

TEST(RecentCalls, KnowWhatIsInFlightAndWhatWasDelivered) {
    RecentCalls calls;
    EXPECT_FALSE(calls.has(7));
    calls.begin(7);
    EXPECT_TRUE(calls.has(7)) << "128 at once are 127 repeats";
    calls.end(7, true);
    EXPECT_TRUE(calls.has(7));
}

TEST(RecentCalls, ForgetWhatNeverCame) {
    RecentCalls calls;
    calls.begin(7);
    calls.begin(7);
    calls.end(7, false);
    EXPECT_TRUE(calls.has(7)) << "one is in flight still";
    calls.end(7, false);
    EXPECT_FALSE(calls.has(7)) << "its caller may try again";
}

TEST(RecentCalls, ADeliveryIsNotForgottenForALaterFailure) {
    RecentCalls calls;
    calls.begin(7);
    calls.end(7, true);
    calls.begin(7);
    calls.end(7, false);
    EXPECT_TRUE(calls.has(7));
}

TEST(RecentCalls, KeepTheLastOfDifferentOnes) {
    RecentCalls calls;
    for (std::uint64_t i = 1; i <= RecentCalls::kKept + 1; ++i) {
        calls.begin(i);
        calls.end(i, true);
    }
    EXPECT_FALSE(calls.has(1));
    EXPECT_TRUE(calls.has(2));
    EXPECT_TRUE(calls.has(RecentCalls::kKept + 1));
    calls.end(1, true);  // of one that was forgotten while it was in flight
    EXPECT_FALSE(calls.has(1));
}

}  // namespace
}  // namespace weir::core
