// For tests of this room: what loop_fixture.h gives, a pool of buffers, and a Net that connects to
// the test itself.
#pragma once

#include <deque>
#include <gtest/gtest.h>
#include <string>

#include "http/upstream_pool.h"
#include "runtime/loop_fixture.h"
#include "runtime/slab.h"

namespace weir::http {

using runtime::Own;
using runtime::Stream;
using runtime::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::string_literals::operator""s;

// Every connection is a loopback pair, whose other end waits in `accepted`.
class PairNet final : public runtime::Net {
 public:
    using Pair = std::function<std::pair<Own, Own>()>;
    PairNet(runtime::Loop& loop, Pair pair) : loop_(loop), pair_(std::move(pair)) {}

    Task<Result<Own>> connect(const runtime::Address&, Duration) override {
        ++dials;
        if (refuse) co_return fail(ErrorCode::provider_unreachable);
        if (hang) co_await loop_.sleep(std::chrono::hours{1});
        auto [near, far] = pair_();
        accepted.push_back(std::move(far));
        co_return std::move(near);
    }
    Task<void> sleep(Duration d) override { co_await loop_.sleep(d); }
    MonoTime loop_now() const override { return loop_.now(); }

    int dials = 0;
    bool refuse = false;
    bool hang = false;
    std::deque<Own> accepted;

 private:
    runtime::Loop& loop_;
    Pair pair_;
};

// What one end of a connection has read, and how that ended.
struct Received {
    std::string text;
    bool ended = false;
    int error = 0;  // errno
};

inline Task<> receive(Stream& stream, Received& into) {
    std::string buffer(64 * 1024, '\0');
    for (;;) {
        ssize_t n = co_await runtime::read_some(stream, buffer.data(), buffer.size());
        if (n <= 0) {
            into.ended = true;
            into.error = static_cast<int>(-n);
            co_return;
        }
        into.text.append(buffer, 0, static_cast<std::size_t>(n));
    }
}

inline Task<> write_and_mark(Stream& stream, std::string text, int& result) {
    result = co_await runtime::write_text(stream, std::move(text));
}

// A peer that means to be slow: one byte of `text`, again and again, every `pause`.
inline Task<> drip(runtime::Loop& loop, Stream& stream, std::string text, Duration pause) {
    for (std::size_t i = 0;; i = (i + 1) % text.size()) {
        iovec byte{&text[i], 1};
        if (co_await runtime::write_all(stream, &byte, 1) != 0) co_return;
        co_await loop.sleep(pause);
    }
}

class HttpTest : public runtime::LoopTest {
 protected:
    static constexpr int kPending = 1;

    // Runs the loop until `done()`; a watchdog ends what does not come.
    template <class Done>
    void run_until(Done done) {
        MonoTime end = loop.now() + seconds{20};
        while (!done()) {
            run_turns(1);
            ASSERT_LT(loop.now(), end) << "it did not come";
        }
    }
    // Writes all of `text`, while the loop runs.
    void write(Stream& stream, std::string text) {
        int wrote = kPending;
        jobs.spawn(write_and_mark(stream, std::move(text), wrote));
        run_until([&] { return wrote != kPending; });
        ASSERT_EQ(wrote, 0);
        run_turns(3);
    }

    runtime::BufferPool buffers;
    PairNet net{loop, [this] {
                    return connected_pair(pair_bytes);
                }};
    int pair_bytes = 0;  // of the kernel's buffers; 0: its default
    runtime::TaskGroup jobs;
};

}  // namespace weir::http
