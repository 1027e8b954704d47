#include "runtime/loop.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/loop_fixture.h"
#include "runtime/worker.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;

Duration monotonic() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

TEST_F(LoopTest, RunsWhatOtherThreadsPostInTheirOrder) {
    constexpr int kThreads = 4;
    constexpr int kEach = 2000;
    std::array<std::vector<int>, kThreads> got;
    int total = 0;
    Watchdog watchdog{loop};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                loop.post([&, t, i] {
                    got[t].push_back(i);
                    if (++total == kThreads * kEach) loop.stop();
                });
            }
        });
    }
    loop.run();
    for (auto& thread : threads) thread.join();
    for (const auto& each : got) {
        ASSERT_EQ(each.size(), static_cast<std::size_t>(kEach));
        EXPECT_TRUE(std::is_sorted(each.begin(), each.end()));
    }
}

Task<> sleep_for(Loop& loop, Duration d, Duration& slept) {
    Duration before = monotonic();
    co_await loop.sleep(d);
    slept = monotonic() - before;
}

TEST_F(LoopTest, SleepsAtLeastAsLongAsAsked) {
    Duration slept{};
    run(sleep_for(loop, milliseconds{100}, slept));
    EXPECT_GE(slept, milliseconds{95});  // the loop's clock is coarse
    EXPECT_LT(slept, milliseconds{5000});
}

TEST_F(LoopTest, ASleepingFrameMayBeDestroyed) {
    auto group = std::make_unique<TaskGroup>();
    Duration never{};
    Duration slept{};
    group->spawn(sleep_for(loop, milliseconds{1}, never));
    EXPECT_EQ(group->size(), 1u);
    group.reset();
    run(sleep_for(loop, milliseconds{130}, slept));
    EXPECT_EQ(never, Duration::zero());
}

TEST_F(LoopTest, CallsTheHookOnceAtTheEndOfEachTurn) {
    std::vector<std::uint64_t> turns;
    bool before_hook = false;
    loop.on_end_of_turn([&] {
        turns.push_back(loop.turn());
        if (turns.size() == 1) EXPECT_TRUE(before_hook);
    });
    loop.post([&] { before_hook = true; });
    run_turns(3);
    EXPECT_EQ(turns, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(LoopTest, WhatIsPostedToAStoppedLoopIsDestroyedWithIt) {
    auto owned = std::make_shared<int>(1);
    {
        Loop other;
        other.post([owned] {});
        EXPECT_EQ(owned.use_count(), 2);
    }
    EXPECT_EQ(owned.use_count(), 1);
}

TEST(Worker, RunsItsLoopOnItsOwnThread) {
    Worker worker{"a name longer than the kernel takes"};
    std::thread::id seen;
    worker.loop().post([&] {
        seen = std::this_thread::get_id();
        worker.stop();
    });
    worker.start();
    worker.join();
    EXPECT_NE(seen, std::thread::id{});
    EXPECT_NE(seen, std::this_thread::get_id());
}

TEST(Worker, StopsFromAnyThreadAndWhenNeverStarted) {
    std::atomic<int> ran{0};
    {
        Worker worker{"w"};
        worker.start();
        for (int i = 0; i < 100; ++i) worker.loop().post([&] { ++ran; });
    }
    EXPECT_EQ(ran, 100);
    Worker idle{"idle"};
}

}  // namespace
}  // namespace weir::runtime
