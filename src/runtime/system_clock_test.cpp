#include <gtest/gtest.h>
#include <set>

#include "runtime/clock.h"

namespace weir::runtime {
namespace {

TEST(SystemClock, TellsThePresentAndNeverStepsBack) {
    SystemClock clock;
    EXPECT_GT(clock.unix_now(), start_of({2024, 1, 1}));
    EXPECT_LT(clock.unix_now(), start_of({2100, 1, 1}));
    MonoTime before = clock.mono_now();
    for (int i = 0; i < 1000; ++i) {
        MonoTime now = clock.mono_now();
        EXPECT_GE(now, before);
        before = now;
    }
}

TEST(SystemRng, DoesNotRepeat) {
    SystemRng rng;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(rng.next());
    EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace weir::runtime
