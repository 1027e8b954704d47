#include "runtime/task.h"

#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>

namespace weir::runtime {
namespace {

// Something to be suspended on; resumes when told to.
struct Event {
    std::coroutine_handle<> handle;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) noexcept { handle = h; }
    void await_resume() const noexcept {}
    void fire() { std::exchange(handle, {}).resume(); }
};

Task<int> count_down(int n) {
    if (n == 0) co_return 0;
    co_return 1 + co_await count_down(n - 1);
}

Task<std::unique_ptr<std::string>> text() { co_return std::make_unique<std::string>("weir"); }

Task<int> thrower() {
    throw std::runtime_error("no");
    co_return 1;
}

TEST(Task, StartsOnlyWhenAwaited) {
    bool started = false;
    auto body = [](bool& s) -> Task<> {
        s = true;
        co_return;
    };
    TaskGroup group;
    {
        Task<> task = body(started);
        EXPECT_FALSE(started);
        group.spawn(std::move(task));
    }
    EXPECT_TRUE(started);
}

TEST(Task, HandsBackMoveOnlyValuesAndExceptions) {
    TaskGroup group;
    std::string got;
    bool caught = false;
    auto body = [](std::string& g, bool& c) -> Task<> {
        g = *co_await text();
        try {
            co_await thrower();
        } catch (const std::runtime_error&) {
            c = true;
        }
    };
    group.spawn(body(got, caught));
    EXPECT_EQ(got, "weir");
    EXPECT_TRUE(caught);
    EXPECT_EQ(group.size(), 0u);
}

TEST(Task, DeepChainsNeedNoStack) {
    TaskGroup group;
    int got = 0;
    auto body = [](int& g) -> Task<> {
        g = co_await count_down(100'000);
    };
    group.spawn(body(got));
    EXPECT_EQ(got, 100'000);
}

TEST(TaskGroup, DrainedResumesWhenTheLastTaskEnds) {
    TaskGroup group;
    TaskGroup closer;
    Event a;
    Event b;
    bool drained = false;
    auto wait = [](Event& e) -> Task<> {
        co_await e;
    };
    auto drain = [](TaskGroup& g, bool& d) -> Task<> {
        co_await g.drained();
        d = true;
    };
    group.spawn(wait(a));
    group.spawn(wait(b));
    closer.spawn(drain(group, drained));
    EXPECT_EQ(group.size(), 2u);
    b.fire();
    EXPECT_EQ(group.size(), 1u);
    EXPECT_FALSE(drained);
    a.fire();
    EXPECT_TRUE(drained);
    EXPECT_EQ(closer.size(), 0u);
}

TEST(TaskGroup, DrainedResumesAtOnceWhenEmpty) {
    TaskGroup group;
    TaskGroup closer;
    bool drained = false;
    auto drain = [](TaskGroup& g, bool& d) -> Task<> {
        co_await g.drained();
        d = true;
    };
    closer.spawn(drain(group, drained));
    EXPECT_TRUE(drained);
}

TEST(TaskGroup, MayBeDestroyedByWhatItsDrainResumes) {
    auto group = std::make_unique<TaskGroup>();
    TaskGroup closer;
    Event event;
    auto wait = [](Event& e) -> Task<> {
        co_await e;
    };
    auto drain = [](std::unique_ptr<TaskGroup>& g) -> Task<> {
        co_await g->drained();
        g.reset();
    };
    group->spawn(wait(event));
    closer.spawn(drain(group));
    event.fire();
    EXPECT_EQ(group, nullptr);
}

TEST(TaskGroup, DestroysSuspendedFramesAndWhatTheyOwn) {
    auto owned = std::make_shared<int>(1);
    Event event;
    auto inner = [](Event& e, std::shared_ptr<int>) -> Task<int> {
        co_await e;
        co_return 1;
    };
    auto outer = [&inner](Event& e, std::shared_ptr<int> o) -> Task<> {
        co_await inner(e, o);
    };
    {
        TaskGroup group;
        group.spawn(outer(event, owned));
        EXPECT_GT(owned.use_count(), 1);
    }
    EXPECT_EQ(owned.use_count(), 1);
}

TEST(TaskGroup, EitherSideOfADrainMayGoFirst) {
    Event event;
    auto wait = [](Event& e) -> Task<> {
        co_await e;
    };
    auto drain = [](TaskGroup& g) -> Task<> {
        co_await g.drained();
    };
    {
        TaskGroup closer;  // destroyed last
        TaskGroup group;
        group.spawn(wait(event));
        closer.spawn(drain(group));
    }
    {
        TaskGroup group;
        group.spawn(wait(event));
        {
            TaskGroup closer;
            closer.spawn(drain(group));
        }
        event.fire();
        EXPECT_EQ(group.size(), 0u);
    }
}

TEST(TaskGroup, AnExceptionEndsOneTaskAndIsTold) {
    int told = 0;
    TaskGroup group([&told](std::exception_ptr e) {
        EXPECT_TRUE(e);
        ++told;
    });
    Event event;
    auto wait = [](Event& e) -> Task<> {
        co_await e;
    };
    auto bad = []() -> Task<> {
        co_await thrower();
    };
    group.spawn(wait(event));
    group.spawn(bad());
    EXPECT_EQ(told, 1);
    EXPECT_EQ(group.size(), 1u);
}

TEST(TaskGroup, ATaskSpawnedWhileTheGroupDiesIsNotStarted) {
    bool started = false;
    auto late = [](bool& s) -> Task<> {
        s = true;
        co_return;
    };
    struct SpawnsAtEnd {
        std::move_only_function<void()> f;
        ~SpawnsAtEnd() { f(); }
    };
    Event event;
    auto body = [](Event& e, std::unique_ptr<SpawnsAtEnd>) -> Task<> {
        co_await e;
    };
    {
        TaskGroup group;
        group.spawn(
            body(event, std::make_unique<SpawnsAtEnd>([&] { group.spawn(late(started)); })));
    }
    EXPECT_FALSE(started);
}

}  // namespace
}  // namespace weir::runtime
