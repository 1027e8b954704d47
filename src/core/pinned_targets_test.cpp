#include "core/pinned_targets.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

constexpr MonoTime kNow{1'000'000'000};

TEST(PinnedTargets, KeepsATrajectorysChoiceUntilItIsMoved) {
    PinnedTargets pins{64};
    EXPECT_FALSE(pins.find(7, kNow));
    pins.pin(7, 100, kNow);
    EXPECT_EQ(pins.find(7, kNow), 100u);
    pins.pin(7, 200, kNow);
    EXPECT_EQ(pins.find(7, kNow), 200u);
    EXPECT_FALSE(pins.find(8, kNow));
}

TEST(PinnedTargets, ForgetsWhatWasNotUsedForADay) {
    PinnedTargets pins{64};
    pins.pin(7, 100, kNow);
    const MonoTime used = kNow + std::chrono::hours{20};
    EXPECT_TRUE(pins.find(7, used));
    EXPECT_TRUE(pins.find(7, used + std::chrono::hours{20}));
    EXPECT_FALSE(pins.find(7, used + std::chrono::hours{20} + PinnedTargets::kKept + Duration{1}));
}

TEST(PinnedTargets, MakesRoomWhereTheLongestUnusedWas) {
    PinnedTargets pins{4};
    for (std::uint64_t i = 1; i <= 4; ++i) pins.pin(i, i, kNow + Duration{static_cast<int>(i)});
    EXPECT_TRUE(pins.find(1, kNow + Duration{10}));
    pins.pin(5, 5, kNow + Duration{11});
    EXPECT_FALSE(pins.find(2, kNow + Duration{12}));
    EXPECT_TRUE(pins.find(1, kNow + Duration{12}));
    EXPECT_TRUE(pins.find(5, kNow + Duration{12}));
}

}  // namespace
}  // namespace weir::core
