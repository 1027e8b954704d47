// The second world's own physics: time, streams, and that a seed has one history only.
#include "sim/world/sim_net.h"

#include <gtest/gtest.h>

#include "sim/world/client.h"
#include "sim/world/server.h"

namespace weir::world {
namespace {

using namespace std::chrono_literals;

TEST(VirtualTime, EventsRunInTheOrderOfTheirInstants) {
    Scheduler s(1);
    std::string order;
    MonoTime begun = s.now();
    s.after(3s, [&] { order += 'c'; });
    s.after(1s, [&] {
        order += 'a';
        s.next_turn([&] { order += 'b'; });
    });
    while (s.run_one()) {
    }
    EXPECT_EQ(order, "abc");
    EXPECT_EQ(s.now() - begun, 3s);
}

TEST(VirtualTime, AFrameThatGoesWhileItWaitsIsNotResumed) {
    Scheduler s(1);
    bool resumed = false;
    {
        runtime::TaskGroup tasks;
        auto wait = [](Scheduler& scheduler, bool& there) -> runtime::Task<void> {
            co_await scheduler.delay(1s);
            there = true;
        };
        tasks.spawn(wait(s, resumed));
    }
    while (s.run_one()) {
    }
    EXPECT_FALSE(resumed);
}

class SimStreams : public ::testing::Test {
 protected:
    std::pair<runtime::Own, runtime::Own> pair(const Link& link = {}) {
        return SimStream::pair(s, link, {}, {});
    }
    static ssize_t write(runtime::Stream& to, std::string_view bytes) {
        iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
        return to.try_write(&piece, 1);
    }
    static std::string read(runtime::Stream& from) {
        char buffer[256];
        ssize_t n = from.try_read(buffer, sizeof buffer);
        if (n == -EAGAIN) return "(nothing yet)";
        if (n == -ECONNRESET) return "(reset)";
        return n <= 0 ? "(end)" : std::string(buffer, static_cast<std::size_t>(n));
    }
    Scheduler s{1};
};

TEST_F(SimStreams, BytesTakeTheirTime) {
    auto [a, b] = pair({.delay_min = 10ms, .delay_max = 10ms});
    EXPECT_EQ(write(*a, "hello"), 5);
    EXPECT_EQ(read(*b), "(nothing yet)");
    s.run_for(11ms);
    EXPECT_EQ(read(*b), "hello");
    EXPECT_EQ(read(*b), "(nothing yet)");
}

TEST_F(SimStreams, AWriterWaitsForRoom) {
    auto [a, b] = pair({.window = 8});
    EXPECT_EQ(write(*a, "0123456789"), 8);
    EXPECT_EQ(write(*a, "89"), -EAGAIN);
    s.run_for(1ms);
    EXPECT_EQ(read(*b), "01234567");
    s.run_for(1ms);
    EXPECT_EQ(write(*a, "89"), 2);
}

TEST_F(SimStreams, AHalfCloseIsAnEndAndTheOtherHalfGoesOn) {
    auto [a, b] = pair();
    write(*a, "bye");
    a->shutdown_write();
    s.run_for(1ms);
    EXPECT_EQ(read(*b), "bye");
    EXPECT_EQ(read(*b), "(end)");
    EXPECT_TRUE(b->peer_gone());
    write(*b, "still here");
    s.run_for(1ms);
    EXPECT_EQ(read(*a), "still here");
}

TEST_F(SimStreams, ACloseOverUnreadBytesIsAReset) {
    auto [a, b] = pair();
    write(*b, "never read");
    s.run_for(1ms);
    a.reset();
    s.run_for(1ms);
    EXPECT_EQ(read(*b), "(reset)");
}

TEST_F(SimStreams, BytesForNobodyBringAReset) {
    auto [a, b] = pair();
    a.reset();
    EXPECT_EQ(write(*b, "hello?"), 6) << "the end is still on its way";
    s.run_for(1ms);
    EXPECT_EQ(read(*b), "(reset)");
}

TEST_F(SimStreams, ADeadlineEndsTheWait) {
    auto [a, b] = pair();
    int result = 1;
    runtime::TaskGroup tasks;
    auto wait = [](runtime::Stream& stream, int& out) -> runtime::Task<void> {
        out = co_await runtime::readable(stream);
    };
    b->set_deadline(5s);
    tasks.spawn(wait(*b, result));
    MonoTime begun = s.now();
    EXPECT_TRUE(s.run_until([&] { return result != 1; }, 10s));
    EXPECT_EQ(result, -ETIMEDOUT);
    EXPECT_GE(s.now() - begun, 5s);
    EXPECT_LE(s.now() - begun, 5s + 2 * runtime::Wheel::kTick);
}

TEST_F(SimStreams, AnEndThatNobodyWaitsForIsToldToTheLinkedOne) {
    auto [client, ours] = pair();
    auto [upstream, provider] = pair();
    ours->link(upstream.get());
    int result = 1;
    runtime::TaskGroup tasks;
    auto wait = [](runtime::Stream& stream, int& out) -> runtime::Task<void> {
        out = co_await runtime::readable(stream);
    };
    tasks.spawn(wait(*upstream, result));
    client.reset();
    s.run_for(1ms);
    EXPECT_EQ(result, -ECANCELED);
    ours->link(nullptr);
}

TEST_F(SimStreams, WhatADeadProcessWritesGoesNowhere) {
    auto life = std::make_shared<Life>();
    auto [a, b] = SimStream::pair(s, {}, {.life = life, .counts_steps = true}, {});
    std::uint64_t steps = s.steps();
    write(*a, "before");
    EXPECT_GT(s.steps(), steps);
    life->dead = true;
    EXPECT_EQ(write(*a, "after"), 5);
    a.reset();
    s.run_for(1ms);
    EXPECT_EQ(read(*b), "before");
    EXPECT_EQ(read(*b), "(end)");
}

// However a link treats the bytes, they arrive whole and in order.
TEST(SimLinks, NoLinkLosesOrReordersBytes) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        Scheduler s(seed);
        Link link{.delay_min = 1ms,
                  .delay_max = 50ms,
                  .window = 64 + seed * 13,
                  .chop_percent = 60,
                  .short_percent = 60,
                  .stutter_percent = 30};
        std::string sent;
        for (int i = 0; i < 5'000; ++i) sent.push_back(static_cast<char>('a' + i % 23));
        auto ends = SimStream::pair(s, link, {}, {});
        Conversation writer(s, std::move(ends.first));
        Conversation reader(s, std::move(ends.second));
        std::string got;
        bool done = false;
        runtime::TaskGroup tasks;
        auto send = [](Conversation& c, std::string bytes) -> runtime::Task<void> {
            co_await send_all(c, std::move(bytes));
            c.stream->shutdown_write();
        };
        auto receive = [](Conversation& c, std::string& into, bool& over) -> runtime::Task<void> {
            char buffer[300];
            for (;;) {
                ssize_t n = co_await runtime::read_some(*c.stream, buffer, sizeof buffer);
                if (n <= 0) break;
                into.append(buffer, static_cast<std::size_t>(n));
            }
            over = true;
        };
        tasks.spawn(send(writer, sent));
        tasks.spawn(receive(reader, got, done));
        ASSERT_TRUE(s.run_until([&] { return done; }, 1h)) << seed;
        ASSERT_EQ(got, sent) << seed;
    }
}

}  // namespace
}  // namespace weir::world
