#include "http/client.h"

#include "http/http_fixture.h"

namespace weir::http {
namespace {

Task<> fetch_into(UpstreamPool& pool, const runtime::Address& address, const ClientRequest& request,
                  Duration timeout, std::size_t most, Result<ClientAnswer>& into) {
    into = co_await fetch(pool, address, request, timeout, most);
}

class Fetch : public HttpTest {
 protected:
    void begin(const ClientRequest& request, Duration timeout = seconds{10},
               std::size_t most = 1000) {
        got = fail(ErrorCode::internal);
        jobs.spawn(fetch_into(pool, address, request, timeout, most, got));
        run_turns(3);
    }
    void finish() {
        run_until([&] { return jobs.size() == 0; });
    }
    // What the server was asked, and its answer.
    std::string serve(const std::string& answer) {
        std::string asked(10'000, '\0');
        ssize_t n = net.accepted.back()->try_read(asked.data(), asked.size());
        asked.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        write(*net.accepted.back(), answer);
        return asked;
    }

    runtime::Address address{.host = "h", .port = 8080};
    UpstreamPool pool{net, buffers, {}};
    Result<ClientAnswer> got = fail(ErrorCode::internal);
};

const std::string kOk =
    "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

TEST_F(Fetch, AsksAndReadsTheWholeAnswer) {
    ClientRequest post{.method = "POST",
                       .target = "/x?y=1",
                       .fields = {{"authorization", "k\r\nx: 1"}},
                       .body = "{}"};
    begin(post);
    EXPECT_EQ(serve(kOk),
              "POST /x?y=1 HTTP/1.1\r\nhost: h:8080\r\nauthorization: k  x: 1\r\n"
              "content-length: 2\r\n\r\n{}");
    finish();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->status, 201);
    EXPECT_EQ(got->content_type, "text/plain");
    EXPECT_EQ(got->body, "ok");
    EXPECT_EQ(pool.idle(), 1U);
}

TEST_F(Fetch, AnAnswerToHeadHasNoBody) {
    ClientRequest head{.method = "HEAD"};
    address.port = 80;
    begin(head);
    EXPECT_EQ(serve(kOk.substr(0, kOk.size() - 2)), "HEAD / HTTP/1.1\r\nhost: h\r\n\r\n");
    finish();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->body, "");
}

TEST_F(Fetch, AnAnswerThatIsTooLargeIsAnError) {
    ClientRequest get;
    begin(get);
    serve("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'));
    finish();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), ErrorCode::provider_protocol);
}

TEST_F(Fetch, TheTimeIsForAllOfIt) {
    ClientRequest get;
    begin(get, milliseconds{200}, 1'000'000);
    serve("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    runtime::TaskGroup dripping;
    dripping.spawn(drip(loop, *net.accepted.back(), "x", milliseconds{20}));
    finish();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), ErrorCode::provider_timeout);
}

// The server closes a kept connection just as it is used again.
TEST_F(Fetch, AStaleConnectionIsReplacedUnlessTheRequestMayHaveBeenDone) {
    for (std::string method : {"GET", "POST"}) {
        ClientRequest request{.method = method};
        begin(request);
        serve(kOk);
        finish();
        ASSERT_TRUE(got);
        auto gone = std::move(net.accepted.back());
        int dials = net.dials;
        jobs.spawn(fetch_into(pool, address, request, seconds{10}, 1000, got));
        gone.reset();
        run_turns(5);
        EXPECT_EQ(net.dials, method == "GET" ? dials + 1 : dials);
        if (method == "GET") serve(kOk);
        finish();
        EXPECT_EQ(got.has_value(), method == "GET");
        if (!got) EXPECT_EQ(got.error().code(), ErrorCode::provider_reset);
    }
}

TEST_F(Fetch, AServerThatCannotBeReachedIsAnError) {
    net.refuse = true;
    ClientRequest get;
    begin(get);
    finish();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), ErrorCode::provider_unreachable);
}

}  // namespace
}  // namespace weir::http
