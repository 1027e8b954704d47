#include "app/side_thread.h"

#include <atomic>
#include <gtest/gtest.h>

namespace weir::app {
namespace {

TEST(SideThread, WorksApartAndSaysOnTheLoopThatItIsDone) {
    runtime::Loop loop;
    SideThread side{loop};
    std::thread::id worked;
    std::thread::id told;
    ASSERT_TRUE(side.run([&](const std::stop_token&) { worked = std::this_thread::get_id(); },
                         [&] {
                             told = std::this_thread::get_id();
                             loop.stop();
                         }));
    loop.run();
    EXPECT_NE(worked, std::this_thread::get_id());
    EXPECT_EQ(told, std::this_thread::get_id());
}

TEST(SideThread, TakesOnePieceAtATimeAndTheNextWhenThatIsDone) {
    runtime::Loop loop;
    SideThread side{loop};
    std::atomic<bool> go_on = false;
    ASSERT_TRUE(side.run([&](const std::stop_token&) { go_on.wait(false); }, [&] { loop.stop(); }));
    EXPECT_FALSE(side.run([](const std::stop_token&) {}, [] {}));
    go_on = true;
    go_on.notify_one();
    loop.run();
    EXPECT_TRUE(side.run([](const std::stop_token&) {}, [&] { loop.stop(); }));
    loop.run();
}

TEST(SideThread, IsAskedToEndWhenItIsTakenAway) {
    runtime::Loop loop;
    bool asked = false;
    {
        SideThread side{loop};
        ASSERT_TRUE(side.run(
            [&](const std::stop_token& stop) {
                while (!stop.stop_requested()) std::this_thread::yield();
                asked = true;
            },
            [] { FAIL() << "the loop does not run any more"; }));
    }
    EXPECT_TRUE(asked);
}

}  // namespace
}  // namespace weir::app
