#include "runtime/tcp.h"

#include <cerrno>
#include <memory>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "runtime/either_way.h"
#include "runtime/loop_fixture.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;

constexpr int kSmall = 64 * 1024;

class Tcp : public LoopTest {};

Task<> read_into(Stream& stream, std::size_t size, std::string& got) {
    got = co_await read_text(stream, size);
}

Task<> wait_read_result(Stream& stream, ssize_t& result) {
    char byte = 0;
    result = co_await read_some(stream, &byte, 1);
}

Task<> write_and_mark(Stream& stream, std::string text, int& result) {
    result = co_await write_text(stream, std::move(text));
}

TEST_F(Tcp, EchoesMoreThanTheKernelBuffers) {
    auto [a, b] = connected_pair(kSmall);
    std::string sent(3'000'000, 'x');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 23);
    std::string got;
    int wrote = 1;
    tasks.spawn(echo(std::move(b)));
    tasks.spawn(write_and_mark(*a, sent, wrote));
    run(read_into(*a, sent.size(), got));
    EXPECT_EQ(wrote, 0);
    EXPECT_TRUE(got == sent);
}

TEST_F(Tcp, AHalfClosedPeerStillReads) {
    auto [a, b] = connected_pair();
    int wrote = 1;
    std::string got;
    ssize_t end = 1;
    tasks.spawn(write_and_mark(*a, "last words", wrote));
    a->shutdown_write();
    run(read_into(*b, 100, got));
    EXPECT_EQ(got, "last words");
    EXPECT_TRUE(b->peer_gone());
    EXPECT_FALSE(a->peer_gone());
    run(wait_read_result(*b, end));
    EXPECT_EQ(end, 0);
    tasks.spawn(write_and_mark(*b, "understood", wrote));
    run(read_into(*a, 10, got));
    EXPECT_EQ(got, "understood");
}

// The writer waits instead of buffering, and goes on when there is room.
TEST_F(Tcp, ASlowReaderHoldsTheWriterBack) {
    auto [a, b] = connected_pair(kSmall);
    constexpr std::size_t kSize = 8 * 1024 * 1024;
    int wrote = 1;
    tasks.spawn(write_and_mark(*a, std::string(kSize, 'x'), wrote));
    run_turns(100);
    EXPECT_EQ(wrote, 1);
    EXPECT_FALSE(a->write_ready());
    std::string got;
    run(read_into(*b, kSize / 2, got));
    EXPECT_EQ(wrote, 1);
    run(read_into(*b, kSize / 2, got));
    EXPECT_EQ(wrote, 0);
}

TEST_F(Tcp, ADeadlineEndsTheWaitAndTheNextOnesUntilSetAgain) {
    auto [a, b] = connected_pair();
    a->set_deadline(milliseconds{10});
    ssize_t result = 1;
    run(wait_read_result(*a, result));
    EXPECT_EQ(result, -ETIMEDOUT);
    run(wait_read_result(*a, result));
    EXPECT_EQ(result, -ETIMEDOUT);
    a->set_deadline(std::chrono::seconds{20});
    int wrote = 1;
    tasks.spawn(write_and_mark(*b, "x", wrote));
    run(wait_read_result(*a, result));
    EXPECT_EQ(result, 1);
}

TEST_F(Tcp, ADeadlineThatPassesWhileNobodyWaitsEndsTheNextWait) {
    auto [a, b] = connected_pair();
    a->set_deadline(milliseconds{1});
    ssize_t result = 1;
    b->set_deadline(milliseconds{200});
    run(wait_read_result(*b, result));
    run(wait_read_result(*a, result));
    EXPECT_EQ(result, -ETIMEDOUT);
}

TEST_F(Tcp, NoDeadlineMeansNone) {
    auto [a, b] = connected_pair();
    a->set_deadline(milliseconds{1});
    a->set_deadline(Duration::zero());
    ssize_t result = 1;
    tasks.spawn(wait_read_result(*a, result));
    ssize_t other = 1;
    b->set_deadline(milliseconds{200});
    run(wait_read_result(*b, other));
    EXPECT_EQ(result, 1);
    a->cancel(ECANCELED);
    EXPECT_EQ(result, -ECANCELED);
}

TEST_F(Tcp, CancelEndsOnlyAPresentWait) {
    auto [a, b] = connected_pair();
    a->cancel(ECANCELED);
    ssize_t result = 1;
    tasks.spawn(wait_read_result(*a, result));
    run_turns(3);
    EXPECT_EQ(result, 1);
    a->cancel(ECANCELED);
    EXPECT_EQ(result, -ECANCELED);
}

TEST_F(Tcp, APeerThatLeavesCancelsTheLinkedWait) {
    auto [client, client_end] = connected_pair();
    auto [upstream, upstream_end] = connected_pair();
    run_turns(2);
    client->link(upstream.get());
    ssize_t result = 1;
    tasks.spawn(wait_read_result(*upstream, result));
    EXPECT_FALSE(client->peer_gone());
    client_end.reset();
    while (result == 1) run_turns(1);
    EXPECT_EQ(result, -ECANCELED);
    EXPECT_TRUE(client->peer_gone());
    client->link(nullptr);
}

TEST_F(Tcp, APeerThatLeavesIsToldToItsOwnReaderFirst) {
    auto [client, client_end] = connected_pair();
    auto [upstream, upstream_end] = connected_pair();
    client->link(upstream.get());
    ssize_t upstream_result = 1;
    ssize_t client_result = 1;
    tasks.spawn(wait_read_result(*upstream, upstream_result));
    tasks.spawn(wait_read_result(*client, client_result));
    client_end.reset();
    while (client_result == 1) run_turns(1);
    EXPECT_EQ(client_result, 0);
    EXPECT_EQ(upstream_result, 1);
    client->link(nullptr);
}

Task<> write_within(Stream& stream, std::size_t size, Duration within, int& result) {
    std::string text(size, 'x');
    iovec piece{text.data(), text.size()};
    result = co_await write_all(stream, &piece, 1, within);
}

Task<> sip(Loop& loop, Stream& stream, std::size_t bytes, std::size_t& got) {
    std::string buffer(bytes, '\0');
    for (;;) {
        ssize_t n = co_await read_some(stream, buffer.data(), buffer.size());
        if (n <= 0) co_return;
        got += static_cast<std::size_t>(n);
        co_await loop.sleep(milliseconds{50});
    }
}

TEST_F(Tcp, AWriteWithinATimeLastsAsLongAsItMoves) {
    auto [a, b] = connected_pair(kSmall);
    std::size_t got = 0;
    TaskGroup reading;
    reading.spawn(sip(loop, *b, 256 * 1024, got));
    int wrote = 1;
    MonoTime begun = loop.now();
    run(write_within(*a, 1'500'000, milliseconds{300}, wrote));
    EXPECT_EQ(wrote, 0);
    EXPECT_GT(loop.now() - begun, milliseconds{300});
}

TEST_F(Tcp, AWriteWithinATimeEndsWithAReaderThatSips) {
    auto [a, b] = connected_pair(kSmall);
    std::size_t got = 0;
    TaskGroup reading;
    reading.spawn(sip(loop, *b, 100, got));
    int wrote = 1;
    run(write_within(*a, 1'500'000, milliseconds{300}, wrote));
    EXPECT_EQ(wrote, -ETIMEDOUT);
    EXPECT_GT(got, 0U);
}

Task<> wait_either_way(Stream& stream, int& result) { result = co_await either_way(stream); }

TEST_F(Tcp, AWriterThatIsFullHearsOfBytesAndOfRoom) {
    auto [a, b] = connected_pair(kSmall);
    int wrote = 1;
    std::string chunk(kSmall, 'x');
    iovec piece{chunk.data(), chunk.size()};
    auto fill = [&] {
        for (int i = 0; i < 100; ++i) {
            while (a->try_write(&piece, 1) > 0) {
            }
            run_turns(1);
        }
    };
    fill();
    int result = 1;
    tasks.spawn(wait_either_way(*a, result));
    run_turns(3);
    EXPECT_EQ(result, 1);
    tasks.spawn(write_and_mark(*b, "!", wrote));
    run_turns(3);
    EXPECT_EQ(result, 0);
    char byte = 0;
    EXPECT_EQ(a->try_read(&byte, 1), 1);
    EXPECT_EQ(a->try_read(&byte, 1), -EAGAIN);

    fill();  // what was heard may have brought room as well
    result = 1;
    tasks.spawn(wait_either_way(*a, result));
    run_turns(3);
    EXPECT_EQ(result, 1);
    std::size_t got = 0;
    auto reading = std::make_unique<TaskGroup>();
    reading->spawn(sip(loop, *b, kSmall, got));
    while (result == 1) run_turns(1);
    EXPECT_EQ(result, 0);
    EXPECT_EQ(a->try_read(&byte, 1), -EAGAIN);

    reading.reset();
    a->set_deadline(milliseconds{100});
    for (result = 0; result == 0;) {
        fill();
        run(wait_either_way(*a, result));
    }
    EXPECT_EQ(result, -ETIMEDOUT);
    EXPECT_EQ(tasks.size(), 0U);
}

// What a busy stream may do in one turn is bounded, and nothing of it is lost.
TEST_F(Tcp, ABusyStreamYieldsToOthers) {
    auto [fd, b] = connected_sockets(208 * 1024);
    Own reader = TcpStream::adopt(loop, b);
    std::string chunk(16 * 1024, 'x');
    std::size_t sent = 0;
    while (sent < 2 * kTurnBytes) {
        ssize_t n = ::send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
    }
    ::close(fd);
    ASSERT_GT(sent, kTurnBytes + chunk.size());
    run_turns(2);
    std::size_t got = 0;
    ssize_t n = 0;
    while ((n = reader->try_read(chunk.data(), chunk.size())) > 0) {
        got += static_cast<std::size_t>(n);
    }
    EXPECT_EQ(n, -EAGAIN);
    EXPECT_FALSE(reader->read_ready());
    EXPECT_GE(got, kTurnBytes);
    EXPECT_LE(got, kTurnBytes + chunk.size());
    std::string rest;
    run(read_into(*reader, sent, rest));
    EXPECT_EQ(got + rest.size(), sent);
}

TEST_F(Tcp, ManySmallReadsYieldToo) {
    auto [a, b] = connected_pair();
    int wrote = 1;
    tasks.spawn(write_and_mark(*a, std::string(1000, 'x'), wrote));
    run_turns(2);
    char byte = 0;
    unsigned reads = 0;
    while (b->try_read(&byte, 1) == 1) ++reads;
    EXPECT_EQ(reads, kTurnOperations);
    std::string rest;
    run(read_into(*b, 1000 - reads, rest));
    EXPECT_EQ(rest.size(), 1000 - reads);
}

TEST_F(Tcp, WaitingToReadWhatIsThereAlreadyEnds) {
    auto [a, b] = connected_pair();
    int wrote = 1;
    tasks.spawn(write_and_mark(*a, "xy", wrote));
    ssize_t result = 0;
    run(wait_read_result(*b, result));
    EXPECT_EQ(result, 1);
    bool fired = false;
    struct Flag : Waiter {
        bool* fired = nullptr;
    } flag;
    flag.fired = &fired;
    flag.fire = [](Waiter* w, int) {
        *static_cast<Flag*>(w)->fired = true;
    };
    b->wait_read(&flag);
    run_turns(2);
    EXPECT_TRUE(fired);
}

TEST_F(Tcp, SuspendedFramesMayBeDestroyedInAnyOrderWithTheirStreams) {
    ssize_t result = 1;
    int wrote = 1;
    std::string got;
    auto [a, b] = connected_pair(kSmall);
    auto group = std::make_unique<TaskGroup>();
    group->spawn(wait_read_result(*a, result));
    group->spawn(write_and_mark(*b, std::string(8'000'000, 'x'), wrote));
    group->spawn(echo(connected_pair().first));
    run_turns(3);
    a.reset();      // before its waiter
    group.reset();  // before the other stream
    run_turns(3);
    EXPECT_EQ(result, 1);
    EXPECT_EQ(wrote, 1);
}

Task<> dial(Loop& loop, SocketAddress address, Duration timeout, Dialled& dialled) {
    dialled = co_await dial_tcp(loop, address, timeout);
}

TEST_F(Tcp, ADialTellsWhyItFailed) {
    auto [a, b] = connected_sockets();
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    ::getsockname(a, reinterpret_cast<sockaddr*>(&name), &size);
    auto nobody = SocketAddress::from(reinterpret_cast<sockaddr*>(&name));
    ::close(a);
    ::close(b);
    Dialled dialled;
    run(dial(loop, nobody.value(), std::chrono::seconds{5}, dialled));
    EXPECT_FALSE(dialled.stream);
    EXPECT_EQ(dialled.error, ECONNREFUSED);
}

TEST(SocketAddress, TextGoesThereAndBack) {
    auto v4 = SocketAddress::parse("127.0.0.1", 80);
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->text(), "127.0.0.1:80");
    auto v6 = SocketAddress::parse("[2001:db8::1]", 443);
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host(), "2001:db8::1");
    EXPECT_EQ(v6->with_port(8443).text(), "[2001:db8::1]:8443");
    EXPECT_EQ(SocketAddress::from(v6->data())->text(), v6->text());
    auto mapped = SocketAddress::parse("::ffff:192.0.2.7", 9);
    EXPECT_EQ(SocketAddress::from(mapped->data())->text(), "192.0.2.7:9");
    for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4.5", "::g", "[]", "127.0.0.1 "}) {
        EXPECT_FALSE(SocketAddress::parse(text, 1)) << text;
    }
    EXPECT_FALSE(SocketAddress::parse(std::string(500, '1'), 1));
}

}  // namespace
}  // namespace weir::runtime
