#include "http/upstream_exchange.h"

#include <memory>

#include "http/http_fixture.h"

namespace weir::http {
namespace {

const std::string kHead = "POST /v1/messages HTTP/1.1\r\nhost: p\r\n\r\n";

// What became of one exchange.
struct Outcome {
    Result<> sent;
    Result<> head;
    Result<> body;
    int status = 0;
    std::string type;  // of the answer's head, read while it is valid
    std::string payload;
    std::size_t pieces = 0;
    bool fully_sent = false;
    bool may_have_worked = false;
    bool answer_begun = false;
    bool reused = false;
    bool gone = false;  // client_gone was told at least once
    bool done = false;

    std::optional<ErrorCode> error() const {
        for (const auto* step : {&sent, &head, &body}) {
            if (!*step) return step->error().code();
        }
        return std::nullopt;
    }
};

struct Plan {
    std::string body = "question";
    ExchangeTimeouts timeouts{};
    bool head_request = false;
    Stream* client = nullptr;
    bool drain = false;  // goes on when the client is gone
    std::optional<Duration> drain_within{};
};

// Asks and reads to the end, as the road does.
Task<> exchange(UpstreamPool& pool, const runtime::Address& address, Plan plan, Outcome& out) {
    out = {};
    auto connection = co_await pool.acquire(address, seconds{10});
    if (!connection) {
        out.sent = std::unexpected(connection.error());
        out.done = true;
        co_return;
    }
    UpstreamExchange it(pool, address, std::move(*connection), plan.timeouts);
    out.reused = it.reused();
    if (plan.client != nullptr) it.watch(*plan.client);
    out.sent = co_await it.send(kHead, plan.body);
    out.fully_sent = it.fully_sent();
    auto again = [&](const Result<>& step) {
        if (step || step.error().code() != ErrorCode::client_gone) return false;
        out.gone = true;
        it.unwatch();
        if (plan.drain_within) it.end_within(*plan.drain_within);
        return plan.drain;
    };
    if (out.sent) {
        do {
            out.head = co_await it.read_head(plan.head_request);
        } while (again(out.head));
        out.answer_begun = it.answer_begun();
    }
    if (out.sent && out.head) {
        out.status = it.head().status;
        out.type = it.head().find("content-type");
        std::vector<std::string_view> pieces;
        for (;;) {
            out.body = co_await it.read_payload(pieces);
            if (again(out.body)) continue;
            if (!out.body || pieces.empty()) break;
            out.pieces += pieces.size();
            for (std::string_view piece : pieces) out.payload += piece;
        }
    }
    out.may_have_worked = it.may_have_worked();
    out.done = true;
}

class Exchange : public HttpTest {
 protected:
    void begin(Plan plan = {}) {
        jobs.spawn(exchange(pool, address, std::move(plan), out));
        run_turns(3);
    }
    void finish() {
        run_until([&] { return out.done; });
        run_turns(2);
        EXPECT_EQ(buffers.in_use(), 0U);
    }
    // The provider's end of the newest connection.
    Stream& provider() { return *net.accepted.back(); }
    // One whole exchange, answered by `pieces` one after the other.
    void ask(const std::vector<std::string>& pieces, bool then_close = false, Plan plan = {}) {
        begin(std::move(plan));
        for (const std::string& piece : pieces) write(provider(), piece);
        if (then_close) provider().shutdown_write();
        finish();
    }

    runtime::Address address{.host = "p", .port = 80};
    UpstreamPool pool{net, buffers, {}};
    Outcome out;
};

const std::string kSized =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\nhello world";
const std::string kChunked =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    "6;x=y\r\nhello \r\n5\r\nworld\r\n0\r\nTrailer: t\r\n\r\n";
const std::string kUntilClose =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\nhello world";
const std::string kInterim =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";

TEST_F(Exchange, AnswersMeanTheSameHoweverTheyAreFramedAndSplit) {
    struct Case {
        std::string answer;
        bool close;
    };
    for (const Case& c : {Case{kSized, false}, Case{kChunked, false}, Case{kUntilClose, true},
                          Case{kInterim + kSized, false}, Case{kInterim + kChunked, false}}) {
        for (std::size_t at = 1; at <= c.answer.size(); ++at) {
            std::vector<std::string> pieces{c.answer.substr(0, at)};
            if (at < c.answer.size()) pieces.push_back(c.answer.substr(at));
            ask(pieces, c.close);
            ASSERT_FALSE(out.error()) << "split at " << at << " of " << c.answer;
            ASSERT_EQ(out.status, 200);
            ASSERT_EQ(out.type, "application/json");
            ASSERT_EQ(out.payload, "hello world") << "split at " << at << " of " << c.answer;
            ASSERT_EQ(pool.idle(), c.close ? 0U : 1U);
        }
    }
    EXPECT_TRUE(out.fully_sent);
    EXPECT_TRUE(out.reused);
    Received asked;
    jobs.spawn(receive(provider(), asked));
    run_turns(3);
    EXPECT_TRUE(asked.text.starts_with(kHead + "question" + kHead));
}

TEST_F(Exchange, WaitsForTheFirstByteAndBetweenBytesWithoutABuffer) {
    begin();
    EXPECT_EQ(buffers.in_use(), 0U);
    write(provider(), kChunked.substr(0, kChunked.find("5\r\nworld")));
    EXPECT_EQ(out.payload, "hello ");
    EXPECT_EQ(buffers.in_use(), 0U);
    write(provider(), kChunked.substr(kChunked.find("5\r\nworld")));
    finish();
    EXPECT_EQ(out.payload, "hello world");
}

TEST_F(Exchange, SomeAnswersHaveNoBodyAndLeaveTheConnectionUsable) {
    for (const std::string& answer : {"HTTP/1.1 204 No Content\r\n\r\n"s,
                                      "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"s,
                                      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"s}) {
        ask({answer});
        EXPECT_FALSE(out.error());
        EXPECT_EQ(out.payload, "");
        EXPECT_EQ(pool.idle(), 1U) << answer;
    }
    ask({"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"}, false, {.head_request = true});
    EXPECT_FALSE(out.error());
    EXPECT_EQ(pool.idle(), 1U);
    EXPECT_EQ(net.dials, 1);
}

TEST_F(Exchange, AProviderThatSaysCloseIsNotUsedAgain) {
    for (const std::string& answer :
         {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"s,
          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"s,
          "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n"s}) {
        ask({answer});
        EXPECT_FALSE(out.error());
        EXPECT_EQ(pool.idle(), 0U) << answer;
    }
    ask({"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"});
    EXPECT_EQ(pool.idle(), 1U);
}

TEST_F(Exchange, BytesBehindAnAnswerEndTheConnectionAndNothingElse) {
    for (const std::vector<std::string>& pieces : std::vector<std::vector<std::string>>{
             {kSized + "x"},
             {kChunked + kChunked},
             {kSized + kSized},
             {kChunked, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}}) {
        ask(pieces);
        EXPECT_FALSE(out.error());
        EXPECT_EQ(out.payload, "hello world");
        EXPECT_EQ(pool.idle(), 0U);
    }
}

TEST_F(Exchange, AnAnswerThatEndsEarlyIsAReset) {
    struct Case {
        std::string answer;
        bool begun;
        std::string payload;
    };
    for (const Case& c :
         {Case{"", false, ""}, Case{"HTTP/1.1 200 OK\r\nConten", true, ""},
          Case{kInterim, true, ""}, Case{kSized.substr(0, kSized.size() - 1), true, "hello worl"},
          Case{kChunked.substr(0, kChunked.find("5\r\n")), true, "hello "},
          Case{kChunked.substr(0, kChunked.size() - 2), true, "hello world"}}) {
        ask({c.answer}, true);
        EXPECT_EQ(out.error(), ErrorCode::provider_reset) << c.answer;
        EXPECT_TRUE(out.fully_sent);
        EXPECT_EQ(out.answer_begun, c.begun) << c.answer;
        EXPECT_EQ(out.payload, c.payload);
        EXPECT_EQ(pool.idle(), 0U);
    }
}

void reset(int fd) {
    linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
}

// Without framing the end of the connection is the end of the answer, if it is an end.
TEST_F(Exchange, AResetDoesNotEndAnAnswerWithoutLength) {
    auto [near, far] = connected_sockets();
    net.accepted.clear();
    PairNet resetting(loop, [&, fd = near]() -> std::pair<Own, Own> {
        return {runtime::TcpStream::adopt(loop, fd), connected_pair().first};
    });
    UpstreamPool own(resetting, buffers, {});
    jobs.spawn(exchange(own, address, {}, out));
    run_turns(3);
    ASSERT_EQ(::send(far, kUntilClose.data(), kUntilClose.size(), 0),
              static_cast<ssize_t>(kUntilClose.size()));
    run_turns(3);
    EXPECT_EQ(out.payload, "hello world");
    reset(far);
    finish();
    EXPECT_EQ(out.error(), ErrorCode::provider_reset);
}

TEST_F(Exchange, AnAnswerThatIsNoHttpIsAProtocolError) {
    std::string interims;
    for (int i = 0; i < 17; ++i) interims += "HTTP/1.1 102 Processing\r\n\r\n";
    for (const std::string& answer : std::vector<std::string>{
             "hello\r\n\r\n",
             "\x15\x03\x01\x02 alert\r\n\r\n",
             "HTTP/2 200\r\n\r\n",
             "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
             "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
             interims + kSized,
             "HTTP/1.1 200 OK\r\nX: " + std::string(300'000, 'x') + "\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
         }) {
        begin();
        int wrote = kPending;
        jobs.spawn(write_and_mark(provider(), answer, wrote));
        finish();
        EXPECT_EQ(out.error(), ErrorCode::provider_protocol) << answer.substr(0, 200);
        EXPECT_EQ(pool.idle(), 0U);
        net.accepted.back().reset();
    }
}

// The last good bytes may hold the usage.
TEST_F(Exchange, WhatCameBeforeAMalformedChunkIsHandedOut) {
    ask({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\nzzz"});
    EXPECT_EQ(out.error(), ErrorCode::provider_protocol);
    EXPECT_EQ(out.payload, "hello world");
}

TEST_F(Exchange, AConnectionThatWentStaleIsToldFromOneThatFailed) {
    ask({kSized});
    ASSERT_EQ(pool.idle(), 1U);
    // Closed in the same turn as it is used again: the pool cannot know.
    auto gone = std::move(net.accepted.back());
    jobs.spawn(exchange(pool, address, {}, out));
    gone.reset();
    finish();
    EXPECT_EQ(out.error(), ErrorCode::provider_reset);
    EXPECT_TRUE(out.reused);
    EXPECT_FALSE(out.answer_begun);
}

TEST_F(Exchange, AConnectionThatSpeaksBeforeItIsAskedIsNotAsked) {
    ask({kSized});
    auto connection = pool.acquire(address, seconds{1});
    Result<UpstreamPool::Connection> held = fail(ErrorCode::internal);
    auto take = [](auto task, auto& into) -> Task<> {
        into = co_await std::move(task);
    };
    run(take(std::move(connection), held));
    write(provider(), kSized);
    UpstreamExchange it(pool, address, std::move(*held), {});
    Result<> sent;
    run(take(it.send(kHead, "question"), sent));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), ErrorCode::provider_reset);
    EXPECT_TRUE(it.reused());
    EXPECT_FALSE(it.fully_sent());
    EXPECT_FALSE(it.answer_begun());
}

TEST_F(Exchange, EachWaitForTheProviderHasItsTime) {
    ExchangeTimeouts first{.first_byte = milliseconds{100}};
    ExchangeTimeouts idle{.idle = milliseconds{100}};
    ask({""}, false, {.timeouts = first});
    EXPECT_EQ(out.error(), ErrorCode::provider_timeout);
    EXPECT_FALSE(out.answer_begun);
    EXPECT_TRUE(out.fully_sent);
    ask({kChunked.substr(0, kChunked.find("5\r\n"))}, false, {.timeouts = idle});
    EXPECT_EQ(out.error(), ErrorCode::provider_timeout);
    EXPECT_EQ(out.payload, "hello ");
    EXPECT_EQ(pool.idle(), 0U);
}

TEST_F(Exchange, AHeadThatDripsInHasOneTimeForAllOfIt) {
    begin({.timeouts = {.first_byte = milliseconds{200}}});
    MonoTime begun = loop.now();
    runtime::TaskGroup dripping;
    dripping.spawn(drip(loop, provider(),
                        "HTTP/1.1 102 Processing\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyy",
                        milliseconds{20}));
    finish();
    EXPECT_EQ(out.error(), ErrorCode::provider_timeout);
    EXPECT_LT(loop.now() - begun, seconds{5});
}

TEST_F(Exchange, AnAnswerWithoutEndIsEndedByTheTotalTime) {
    begin({.timeouts = {.idle = seconds{10}, .total = milliseconds{300}}});
    write(provider(), "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    MonoTime begun = loop.now();
    runtime::TaskGroup dripping;
    dripping.spawn(drip(loop, provider(), "x", milliseconds{20}));
    finish();
    EXPECT_EQ(out.error(), ErrorCode::provider_timeout);
    EXPECT_FALSE(out.payload.empty());
    EXPECT_LT(loop.now() - begun, seconds{5});
}

Task<> write_without_end(Stream& stream) {
    std::string text(64 * 1024, 'x');
    iovec piece{};
    do {
        piece = {text.data(), text.size()};
    } while (co_await runtime::write_all(stream, &piece, 1) == 0);
}

TEST_F(Exchange, TheTotalTimeAlsoEndsAnAnswerThatNeverLetsWait) {
    begin({.timeouts = {.idle = seconds{10}, .total = milliseconds{300}}});
    write(provider(), "HTTP/1.1 200 OK\r\n\r\n");
    MonoTime begun = loop.now();
    runtime::TaskGroup writing;
    writing.spawn(write_without_end(provider()));
    finish();
    EXPECT_EQ(out.error(), ErrorCode::provider_timeout);
    EXPECT_LT(loop.now() - begun, seconds{5});
}

TEST_F(Exchange, AProviderThatDoesNotReadIsGivenUp) {
    pair_bytes = 64 * 1024;
    for (auto timeouts : {ExchangeTimeouts{.write = milliseconds{100}},
                          ExchangeTimeouts{.write = seconds{10}, .total = milliseconds{100}}}) {
        begin({.body = std::string(4'000'000, 'q'), .timeouts = timeouts});
        finish();
        EXPECT_EQ(out.error(), ErrorCode::provider_timeout);
        EXPECT_FALSE(out.fully_sent);
        EXPECT_EQ(pool.idle(), 0U);
    }
}

Task<> read_and_answer(runtime::Loop& loop, Stream& stream, std::size_t bytes, Duration pause,
                       std::string answer) {
    std::string buffer(256 * 1024, '\0');
    for (std::size_t got = 0; got < bytes;) {
        ssize_t n = co_await runtime::read_some(stream, buffer.data(), buffer.size());
        if (n <= 0) co_return;
        got += static_cast<std::size_t>(n);
        if (pause > Duration::zero()) co_await loop.sleep(pause);
    }
    co_await runtime::write_text(stream, std::move(answer));
}

TEST_F(Exchange, AProviderThatReadsSlowlyGetsALargeBody) {
    pair_bytes = 64 * 1024;
    Plan plan{.body = std::string(1'500'000, 'q'), .timeouts = {.write = milliseconds{300}}};
    std::size_t bytes = kHead.size() + plan.body.size();
    MonoTime begun = loop.now();
    begin(plan);
    jobs.spawn(read_and_answer(loop, provider(), bytes, milliseconds{40}, kSized));
    finish();
    EXPECT_FALSE(out.error());
    EXPECT_TRUE(out.fully_sent);
    EXPECT_GT(loop.now() - begun, milliseconds{300});
    EXPECT_EQ(pool.idle(), 1U);
}

const std::string kRefusal =
    "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\n"
    "Content-Length: 11\r\n\r\nhello world";

// Writing on would wait for ever: the provider has said all it will.
TEST_F(Exchange, ARefusalIsHeardBeforeTheWholeBodyIsSent) {
    pair_bytes = 64 * 1024;
    for (const std::string& before : {""s, kInterim}) {
        begin({.body = std::string(32 << 20, 'q'), .timeouts = {.write = seconds{10}}});
        MonoTime begun = loop.now();
        EXPECT_FALSE(out.done);
        write(provider(), before + kRefusal.substr(0, 20));
        EXPECT_FALSE(out.done);
        write(provider(), kRefusal.substr(20));
        finish();
        EXPECT_FALSE(out.error());
        EXPECT_EQ(out.status, 413);
        EXPECT_EQ(out.payload, "hello world");
        EXPECT_FALSE(out.fully_sent);
        EXPECT_FALSE(out.may_have_worked);
        EXPECT_EQ(pool.idle(), 0U) << "half a request lies on it";
        EXPECT_LT(loop.now() - begun, seconds{5});
    }
}

TEST_F(Exchange, ARefusalIsHeardOverTheResetThatFollowsIt) {
    pair_bytes = 64 * 1024;
    begin({.body = std::string(8 << 20, 'q'), .timeouts = {.write = seconds{10}}});
    int wrote = kPending;
    // In one turn: the answer, and the end with bytes unread.
    jobs.spawn(write_and_mark(provider(), kRefusal, wrote));
    ASSERT_EQ(wrote, 0);
    net.accepted.back().reset();
    finish();
    EXPECT_FALSE(out.error());
    EXPECT_EQ(out.status, 413);
    EXPECT_EQ(out.payload, "hello world");
    EXPECT_FALSE(out.fully_sent);
}

// A peer whose reset is known to writes first; what it said before is told by the next event. After
// an error was told once, the kernel's reads give an end.
class HungUp final : public Stream {
 public:
    explicit HungUp(std::string words) : words_(std::move(words)) {}

    ssize_t try_read(void* buffer, std::size_t size) override {
        if (!told) return -EAGAIN;
        std::size_t n = std::min(size, words_.size());
        std::copy_n(words_.data(), n, static_cast<char*>(buffer));
        words_.erase(0, n);
        return static_cast<ssize_t>(n);
    }
    ssize_t try_write(const iovec* pieces, int) override {
        if (++writes > room) return -ECONNRESET;
        return static_cast<ssize_t>(pieces[0].iov_len);
    }
    bool read_ready() const override { return told; }
    bool write_ready() const override { return true; }
    void wait_read(runtime::Waiter* waiter) override { reader.set(waiter); }
    void wait_write(runtime::Waiter*) override {}
    void set_deadline(Duration) override {}
    void link(Stream*) override {}
    void cancel(int error) override { reader.wake(error); }
    void shutdown_write() override {}
    bool peer_gone() const override { return false; }
    void release() noexcept override { reader.set(nullptr); }
    void tell() {
        told = true;
        reader.wake(0);
    }

    bool told = false;
    int room = 1;  // writes that go through
    int writes = 0;
    runtime::WaitSlot reader;

 private:
    std::string words_;
};

TEST_F(Exchange, LastWordsAreWaitedForOnceARequestHasBegun) {
    struct Case {
        std::string words;
        int room;
        std::optional<ErrorCode> error;
        int status;
    };
    std::string without_length = "HTTP/1.1 413 Content Too Large\r\n\r\nhello";
    for (const Case& c : {Case{kRefusal, 1, std::nullopt, 413},
                          Case{without_length, 1, ErrorCode::provider_reset, 413},
                          Case{"", 1, ErrorCode::provider_reset, 0},
                          // Said before it was asked: no answer to this request.
                          Case{kRefusal, 0, ErrorCode::provider_reset, 0}}) {
        HungUp stream(c.words);
        stream.room = c.room;
        PairNet hung_up(loop, [&] { return std::pair{Own{&stream}, Own{}}; });
        UpstreamPool own(hung_up, buffers, {});
        runtime::TaskGroup asking;
        asking.spawn(exchange(own, address, {}, out));
        if (c.room > 0) {
            EXPECT_FALSE(out.done);
            stream.tell();
        }
        EXPECT_TRUE(out.done);
        EXPECT_EQ(out.error(), c.error) << c.words;
        EXPECT_EQ(out.status, c.status);
        EXPECT_FALSE(out.fully_sent);
        EXPECT_EQ(own.idle(), 0U);
    }
}

TEST_F(Exchange, AProviderThatHangsUpInTheMiddleOfABodyCannotHaveWorked) {
    pair_bytes = 64 * 1024;
    begin({.body = std::string(8 << 20, 'q'), .timeouts = {.write = seconds{10}}});
    net.accepted.back().reset();
    finish();
    EXPECT_EQ(out.error(), ErrorCode::provider_reset);
    EXPECT_FALSE(out.fully_sent);
    EXPECT_FALSE(out.answer_begun);
    EXPECT_FALSE(out.may_have_worked);
}

// One that answers 2xx as it reads is no refusal: it gets the rest.
TEST_F(Exchange, AnAnswerThatBeginsEarlyDoesNotCutTheBody) {
    pair_bytes = 64 * 1024;
    Plan plan{.body = std::string(2'000'000, 'q'), .timeouts = {.write = seconds{10}}};
    std::size_t bytes = kHead.size() + plan.body.size();
    begin(plan);
    std::size_t split = kChunked.find("5\r\nworld");
    write(provider(), kChunked.substr(0, split));
    jobs.spawn(read_and_answer(loop, provider(), bytes, Duration::zero(), kChunked.substr(split)));
    finish();
    EXPECT_FALSE(out.error());
    EXPECT_TRUE(out.fully_sent);
    EXPECT_EQ(out.payload, "hello world");
    EXPECT_EQ(pool.idle(), 1U);
}

TEST_F(Exchange, AClientThatLeavesEndsTheWaitAndTheRestCanBeDrained) {
    for (bool after_head : {false, true}) {
        auto [client, other] = connected_pair();
        run_turns(2);
        begin({.client = other.get(), .drain = true});
        if (after_head) write(provider(), kChunked.substr(0, kChunked.find("5\r\n")));
        client.reset();
        run_until([&] { return out.gone; });
        EXPECT_FALSE(out.done);
        write(provider(), after_head ? kChunked.substr(kChunked.find("5\r\n")) : kChunked);
        finish();
        EXPECT_FALSE(out.error());
        EXPECT_EQ(out.payload, "hello world");
        EXPECT_EQ(pool.idle(), 1U) << "drained to its end";
    }
}

TEST_F(Exchange, DrainingHasABound) {
    for (Duration bound : {Duration::zero(), Duration{milliseconds{100}}}) {
        auto [client, other] = connected_pair();
        run_turns(2);
        begin({.timeouts = {.first_byte = seconds{20}, .idle = seconds{20}},
               .client = other.get(),
               .drain = true,
               .drain_within = bound});
        client.reset();
        MonoTime begun = loop.now();
        finish();
        EXPECT_TRUE(out.gone);
        EXPECT_EQ(out.error(), ErrorCode::provider_timeout);
        EXPECT_LT(loop.now() - begun, seconds{5});
        EXPECT_EQ(pool.idle(), 0U);
    }
}

TEST_F(Exchange, AClientThatLeavesWhileItsBodyIsSentEndsTheCall) {
    pair_bytes = 64 * 1024;
    auto [client, other] = connected_pair();
    run_turns(2);
    begin({.body = std::string(8 << 20, 'q'), .client = other.get()});
    client.reset();
    finish();
    EXPECT_EQ(out.error(), ErrorCode::client_gone);
    EXPECT_FALSE(out.fully_sent);
    EXPECT_EQ(pool.idle(), 0U);
}

// Who answers before it has read everything has worked, unless it refuses.
TEST_F(Exchange, AnAnswerThatBeganBeforeTheBodyWasSentIsADoubt) {
    pair_bytes = 64 * 1024;
    struct Case {
        std::string_view begun;
        bool may_have_worked;
    };
    for (const Case& c : {Case{"HTTP/1.1 200 OK\r\n\r\n", true}, Case{"HTTP/1.1 2", true},
                          Case{"HTTP/1.1 100 Continue\r\n\r\n", false}, Case{"", false}}) {
        auto [client, other] = connected_pair();
        run_turns(2);
        begin({.body = std::string(8 << 20, 'q'), .client = other.get()});
        if (!c.begun.empty()) write(provider(), std::string(c.begun));
        run_turns(3);
        client.reset();
        finish();
        EXPECT_EQ(out.error(), ErrorCode::client_gone) << c.begun;
        EXPECT_FALSE(out.fully_sent);
        EXPECT_EQ(out.may_have_worked, c.may_have_worked) << c.begun;
    }
}

Task<> read_one_piece(UpstreamExchange& it, bool& done) {
    std::vector<std::string_view> pieces;
    EXPECT_TRUE(co_await it.read_payload(pieces));
    done = true;
}

// Who does not ask for payload holds the provider back; nothing is gathered meanwhile.
TEST_F(Exchange, ASlowConsumerHoldsTheProviderBack) {
    pair_bytes = 64 * 1024;
    Result<UpstreamPool::Connection> held = fail(ErrorCode::internal);
    auto take = [](auto task, auto& into) -> Task<> {
        into = co_await std::move(task);
    };
    run(take(pool.acquire(address, seconds{1}), held));
    auto it =
        std::make_unique<UpstreamExchange>(pool, address, std::move(*held), ExchangeTimeouts{});
    Result<> step;
    run(take(it->send(kHead, ""), step));
    int wrote = kPending;
    jobs.spawn(write_and_mark(
        provider(),
        "HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + std::string(8'000'000, 'x'), wrote));
    run(take(it->read_head(false), step));
    ASSERT_TRUE(step);
    run_turns(100);
    EXPECT_EQ(wrote, kPending);
    EXPECT_EQ(buffers.in_use(), 1U);
    for (int i = 0; i < 20; ++i) {
        bool done = false;
        run(read_one_piece(*it, done));
        ASSERT_TRUE(done);
        EXPECT_LE(buffers.in_use(), 1U);
    }
    EXPECT_EQ(wrote, kPending);
    it.reset();
    run_until([&] { return wrote != kPending; });
    EXPECT_LT(wrote, 0);
    EXPECT_EQ(buffers.in_use(), 0U);
}

TEST_F(Exchange, MayBeDestroyedWhereverItWaits) {
    pair_bytes = 64 * 1024;
    for (const std::string& answer : {""s, "HTTP/1.1 200"s, kChunked.substr(0, 100)}) {
        for (std::size_t body : {std::size_t{1}, std::size_t{4} << 20}) {
            auto [client, other] = connected_pair();
            auto group = std::make_unique<runtime::TaskGroup>();
            group->spawn(exchange(pool, address,
                                  {.body = std::string(body, 'q'), .client = other.get()}, out));
            run_turns(2);
            write(provider(), answer);
            EXPECT_EQ(group->size(), 1U);
            group.reset();
            run_turns(2);
            EXPECT_EQ(buffers.in_use(), 0U);
            EXPECT_EQ(pool.idle(), 0U);
            client.reset();
            run_turns(2);
        }
    }
}

}  // namespace
}  // namespace weir::http
