#include "runtime/wheel.h"

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "base/random.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Bell final : Timer {
    void expire() override {
        ++rung;
        if (then) then();
    }
    int rung = 0;
    std::function<void()> then;
};

MonoTime at(Duration d) { return MonoTime{1'000'000'000'000} + d; }

// Moves time in small steps; gives when `bell` rang.
std::optional<Duration> ring_time(Wheel& wheel, const Bell& bell, Duration from, Duration to) {
    int before = bell.rung;
    for (Duration t = from; t <= to; t += milliseconds{4}) {
        wheel.advance(at(t));
        if (bell.rung != before) return t;
    }
    return std::nullopt;
}

TEST(Wheel, FiresNeverEarlyAndLessThanTwoTicksLate) {
    SeededRng rng{1};
    for (int i = 0; i < 300; ++i) {
        Wheel wheel{at({})};
        Bell bell;
        // Up to three turns of the wheel ahead.
        Duration due = milliseconds{rng.below(200'000)};
        wheel.set(bell, at(due));
        auto rang = ring_time(wheel, bell, {}, due + seconds{1});
        ASSERT_TRUE(rang);
        EXPECT_GE(*rang, due);
        EXPECT_LE(*rang, due + 2 * Wheel::kTick);
        EXPECT_FALSE(ring_time(wheel, bell, due + seconds{1}, due + seconds{80}));
    }
}

TEST(Wheel, ADeadlineMayMoveEitherWay) {
    Wheel wheel{at({})};
    Bell bell;
    wheel.set(bell, at(seconds{1}));
    wheel.set(bell, at(seconds{5}));
    EXPECT_FALSE(ring_time(wheel, bell, {}, seconds{5} - milliseconds{4}));
    EXPECT_TRUE(ring_time(wheel, bell, seconds{5}, seconds{6}));
    wheel.set(bell, at(seconds{60}));
    wheel.set(bell, at(seconds{7}));
    auto rang = ring_time(wheel, bell, seconds{6}, seconds{70});
    ASSERT_TRUE(rang);
    EXPECT_LE(*rang, seconds{7} + 2 * Wheel::kTick);
}

TEST(Wheel, AClearedTimerStaysSilentAndMayBeSetAgain) {
    Wheel wheel{at({})};
    Bell bell;
    wheel.set(bell, at(seconds{1}));
    wheel.clear(bell);
    EXPECT_FALSE(ring_time(wheel, bell, {}, seconds{2}));
    wheel.set(bell, at(seconds{3}));
    wheel.clear(bell);
    wheel.set(bell, at(seconds{4}));
    EXPECT_TRUE(ring_time(wheel, bell, seconds{2}, seconds{5}));
}

TEST(Wheel, AFiringTimerMaySetItselfAndDestroyOthers) {
    Wheel wheel{at({})};
    Bell first;
    auto other = std::make_unique<Bell>();
    first.then = [&] {
        other.reset();
        if (first.rung < 3) wheel.set(first, at(seconds{first.rung + 1}));
    };
    wheel.set(first, at(seconds{1}));
    wheel.set(*other, at(seconds{1}));
    wheel.advance(at(seconds{10}));
    wheel.advance(at(seconds{20}));
    wheel.advance(at(seconds{30}));
    EXPECT_EQ(first.rung, 3);
}

TEST(Wheel, TellsHowLongTheLoopMaySleep) {
    EXPECT_FALSE(Wheel{at({})}.until_next(at({})));
    for (Duration due : {Duration{milliseconds{1}}, Duration{milliseconds{70}},
                         Duration{seconds{3}}, Duration{seconds{64}}}) {
        Wheel wheel{at({})};
        Bell bell;
        wheel.set(bell, at(due));
        auto sleep = wheel.until_next(at({}));
        ASSERT_TRUE(sleep);
        EXPECT_GE(*sleep, due - milliseconds{1});
        EXPECT_LE(*sleep, due + 2 * Wheel::kTick);
    }
}

TEST(Wheel, SleepingAsLongAsToldMissesNothing) {
    SeededRng rng{2};
    Wheel wheel{at({})};
    std::vector<std::unique_ptr<Bell>> bells;
    std::vector<Duration> due;
    for (int i = 0; i < 100; ++i) {
        bells.push_back(std::make_unique<Bell>());
        due.push_back(milliseconds{rng.below(300'000)});
        wheel.set(*bells.back(), at(due.back()));
    }
    MonoTime now = at({});
    int wakes = 0;
    while (auto sleep = wheel.until_next(now)) {
        now = now + *sleep;
        wheel.advance(now);
        ++wakes;
        for (std::size_t i = 0; i < bells.size(); ++i) {
            if (now >= at(due[i]) + Wheel::kTick) EXPECT_EQ(bells[i]->rung, 1);
            if (now < at(due[i])) EXPECT_EQ(bells[i]->rung, 0);
        }
        ASSERT_LT(wakes, 1000);
    }
    for (const auto& bell : bells) EXPECT_EQ(bell->rung, 1);
}

}  // namespace
}  // namespace weir::runtime
