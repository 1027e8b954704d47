// What TLS changes for an exchange: an end that nobody vouches for, and bytes that are no answer.
#include "http/http_fixture.h"
#include "http/upstream_exchange.h"
#include "runtime/test_certificates.h"
#include "runtime/tls.h"

namespace weir::http {
namespace {

// Connects by TLS to the test itself; `wires` are the streams below the provider's ends.
class TlsPairNet final : public runtime::Net {
 public:
    TlsPairNet(runtime::Loop& loop, PairNet::Pair pair) : loop_(loop), pair_(std::move(pair)) {
        auto files = certificates_.issue("DNS:localhost");
        EXPECT_TRUE(server_.load(files.certificate, files.key));
    }
    runtime::Address address() const {
        return {.host = "localhost", .port = 443, .tls = true, .ca_file = certificates_.ca_file()};
    }
    Task<Result<Own>> connect(const runtime::Address& address, Duration timeout) override {
        auto [near, far] = pair_();
        wires.push_back(far.get());
        accepting_.spawn(accept(std::move(far)));
        co_return co_await client_.connect(std::move(near), address, timeout);
    }
    Task<void> sleep(Duration d) override { co_await loop_.sleep(d); }
    MonoTime loop_now() const override { return loop_.now(); }
    std::uint64_t resumed() const { return client_.resumed(); }

    std::deque<Own> accepted;
    std::deque<Stream*> wires;

 private:
    Task<> accept(Own far) {
        auto stream = co_await server_.accept(std::move(far), seconds{10});
        if (stream) accepted.push_back(std::move(*stream));
    }

    runtime::Loop& loop_;
    PairNet::Pair pair_;
    runtime::TestCertificates certificates_;
    runtime::TlsServer server_;
    runtime::TlsClient client_;
    runtime::TaskGroup accepting_;
};

struct Answer {
    Result<> result;
    std::string payload;
    bool done = false;
};

Task<> ask(UpstreamPool& pool, const runtime::Address& address, std::string body, Answer& out) {
    out = {};
    auto connection = co_await pool.acquire(address, seconds{10});
    if (!connection) {
        out.result = std::unexpected(connection.error());
        out.done = true;
        co_return;
    }
    UpstreamExchange it(pool, address, std::move(*connection), {.write = seconds{10}});
    out.result = co_await it.send("POST / HTTP/1.1\r\nhost: p\r\n\r\n", body);
    if (out.result) out.result = co_await it.read_head(false);
    std::vector<std::string_view> pieces;
    while (out.result) {
        out.result = co_await it.read_payload(pieces);
        if (!out.result || pieces.empty()) break;
        for (std::string_view piece : pieces) out.payload += piece;
    }
    out.done = true;
}

class UpstreamTls : public HttpTest {
 protected:
    void begin(std::string body = "question") {
        std::size_t connections = tls.accepted.size() + (pool.idle() == 0 ? 1 : 0);
        jobs.spawn(ask(pool, address, std::move(body), out));
        run_until([&] { return tls.accepted.size() == connections; });
        run_turns(5);
    }
    void finish() {
        run_until([&] { return out.done; });
        run_turns(3);
    }

    TlsPairNet tls{loop, [this] {
                       return connected_pair(pair_bytes);
                   }};
    runtime::Address address = tls.address();
    UpstreamPool pool{tls, buffers, {}};
    Answer out;
    runtime::TaskGroup jobs;  // before the pool
};

TEST_F(UpstreamTls, AnAnswerUntilCloseEndsWithAGoodbyeOnly) {
    for (bool goodbye : {true, false}) {
        begin();
        write(*tls.accepted.back(), "HTTP/1.1 200 OK\r\n\r\nhello");
        EXPECT_EQ(out.payload, "hello");
        // Below TLS anybody on the way can end the connection.
        goodbye ? tls.accepted.back()->shutdown_write() : tls.wires.back()->shutdown_write();
        finish();
        EXPECT_EQ(out.result.has_value(), goodbye);
        if (!out.result) EXPECT_EQ(out.result.error().code(), ErrorCode::provider_reset);
        EXPECT_EQ(pool.idle(), 0U);
    }
}

TEST_F(UpstreamTls, ConnectionsAreKeptAndSessionsResumed) {
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (int i = 0; i < 3; ++i) {
        begin();
        EXPECT_EQ(buffers.in_use(), 0U) << "waits without a buffer, whatever TLS had to say";
        write(*tls.accepted.back(), answer);
        finish();
        EXPECT_TRUE(out.result);
        EXPECT_EQ(out.payload, "ok");
    }
    EXPECT_EQ(tls.accepted.size(), 1U);
    EXPECT_EQ(pool.idle(), 1U);
    tls.accepted.back()->shutdown_write();
    run_turns(3);
    EXPECT_EQ(pool.idle(), 0U);
    begin();
    write(*tls.accepted.back(), answer);
    finish();
    EXPECT_TRUE(out.result);
    EXPECT_EQ(tls.accepted.size(), 2U);
    EXPECT_EQ(tls.resumed(), 1U);
}

TEST_F(UpstreamTls, ARefusalIsHeardBeforeTheWholeBodyIsSent) {
    pair_bytes = 64 * 1024;
    begin(std::string(8 << 20, 'q'));
    write(*tls.accepted.back(), "HTTP/1.1 413 x\r\nContent-Length: 2\r\n\r\nno");
    finish();
    EXPECT_TRUE(out.result);
    EXPECT_EQ(out.payload, "no");
    EXPECT_EQ(pool.idle(), 0U);
}

}  // namespace
}  // namespace weir::http
