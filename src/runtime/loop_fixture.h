// For tests of this room: a loop that runs until a task has ended, and connected pairs of streams.
#pragma once

#include <exception>
#include <functional>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "runtime/loop.h"
#include "runtime/task.h"
#include "runtime/tcp.h"

namespace weir::runtime {

struct Watchdog final : Timer {
    explicit Watchdog(Loop& l) : loop(l) {
        loop.wheel().set(*this, loop.now() + std::chrono::seconds{30});
    }
    void expire() override {
        ADD_FAILURE() << "the task did not end";
        loop.stop();
    }
    Loop& loop;
};

class LoopTest : public ::testing::Test {
 protected:
    // Runs the loop until `task` has ended.
    void run(Task<> task) {
        bool done = false;
        Watchdog watchdog{loop};
        tasks.spawn(then_stop(std::move(task), loop, done));
        loop.run();
        EXPECT_TRUE(done);
    }
    // Runs some turns: whatever is ready gets done.
    void run_turns(int count) {
        for (int i = 0; i < count; ++i) {
            loop.stop();
            loop.run();
        }
    }

    // Two ends of a TCP connection over loopback. `bytes`: size of the kernel's buffers.
    std::pair<Own, Own> connected_pair(int bytes = 0) {
        auto [a, b] = connected_sockets(bytes);
        return {TcpStream::adopt(loop, a), TcpStream::adopt(loop, b)};
    }
    static std::pair<int, int> connected_sockets(int bytes = 0) {
        int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        int a = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        for (int fd : {listening, a}) {
            if (bytes == 0) continue;
            ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
            ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        }
        EXPECT_EQ(::bind(listening, any, size), 0);
        EXPECT_EQ(::listen(listening, 1), 0);
        EXPECT_EQ(::getsockname(listening, any, &size), 0);
        EXPECT_EQ(::connect(a, any, size), 0);
        int b = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
        ::close(listening);
        for (int fd : {a, b}) {
            int on = 1;
            ::ioctl(fd, FIONBIO, &on);
        }
        return {a, b};
    }

    Loop loop;
    TaskGroup tasks{[](const std::exception_ptr&) {
        ADD_FAILURE() << "an exception escaped";
    }};

 private:
    static Task<> then_stop(Task<> task, Loop& l, bool& done) {
        co_await task;
        done = true;
        l.stop();
    }
};

inline Task<int> write_text(Stream& stream, std::string text) {
    iovec piece{text.data(), text.size()};
    co_return co_await write_all(stream, &piece, 1);
}

// Reads `size` bytes, or fewer if the stream ends before; an error gives what came until then.
inline Task<std::string> read_text(Stream& stream, std::size_t size) {
    std::string text(size, '\0');
    std::size_t got = 0;
    while (got < size) {
        ssize_t n = co_await read_some(stream, text.data() + got, size - got);
        if (n <= 0) break;
        got += static_cast<std::size_t>(n);
    }
    text.resize(got);
    co_return text;
}

// Echoes until the peer ends its side.
inline Task<> echo(Own stream) {
    std::string buffer(16 * 1024, '\0');
    for (;;) {
        ssize_t n = co_await read_some(*stream, buffer.data(), buffer.size());
        if (n <= 0) co_return;
        iovec piece{buffer.data(), static_cast<std::size_t>(n)};
        if (co_await write_all(*stream, &piece, 1) != 0) co_return;
    }
}

}  // namespace weir::runtime
