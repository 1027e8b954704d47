#include "http/server_connection.h"

#include <memory>

#include "http/http_fixture.h"

namespace weir::http {
namespace {

struct Request {
    std::string method;
    std::string target;
    std::string tag;  // of the x-tag field
    std::string body;
    bool operator==(const Request&) const = default;
};

void PrintTo(const Request& r, std::ostream* out) {
    *out << r.method << ' ' << r.target << " tag=" << r.tag << " body(" << r.body.size()
         << ")=" << r.body.substr(0, 100);
}

// What a server does with a connection, written down.
struct Log {
    std::vector<Request> requests;
    std::optional<ErrorCode> error;
    bool reusable_after_error = false;
    bool closed = false;
};

Task<> answer(ServerConnection& client, int status, std::string body, bool close) {
    std::string head;
    codec::append_status_line(head, status);
    codec::append_field(head, "content-length", std::uint64_t{body.size()});
    if (close) codec::append_field(head, "connection", "close");
    head += "\r\n";
    co_await client.write(head, body);
}

// Serves as the road does: head, body, answer; an error is answered and ends the connection.
Task<> serve(Own stream, runtime::BufferPool& buffers, Limits limits, Log& log) {
    ServerConnection client(*stream, buffers, limits);
    for (bool open = true; open;) {
        auto head = co_await client.read_head();
        if (head && !*head) break;
        std::optional<Error> error;
        if (!head) error = head.error();
        if (head) {
            std::string_view target = client.head().target;
            auto body = co_await client.read_body();
            // The views taken before the body was read are used after it.
            if (body) {
                log.requests.push_back({std::string(client.head().method), std::string(target),
                                        std::string(client.head().find("x-tag")),
                                        std::string(*body)});
            } else {
                error = body.error();
            }
        }
        if (error) {
            log.error = error->code();
            log.reusable_after_error = co_await client.discard_body() && head.has_value();
            co_await answer(client, error->info().http_status, "", true);
            break;
        }
        open = client.head().keep_alive;
        co_await answer(client, 200, "ok", !open);
    }
    co_await client.linger();
    log.closed = true;
}

class Server : public HttpTest {
 protected:
    // Sends the pieces one after the other, ends the client's side, and gives all that the server
    // said.
    std::string talk(const std::vector<std::string>& pieces, Limits limits = {}) {
        log = {};
        auto [client, server] = connected_pair();
        Received received;
        jobs.spawn(serve(std::move(server), buffers, limits, log));
        jobs.spawn(receive(*client, received));
        for (const std::string& piece : pieces) {
            int wrote = kPending;
            jobs.spawn(write_and_mark(*client, piece, wrote));
            run_until([&] { return wrote != kPending || received.ended; });
            run_turns(2);
        }
        client->shutdown_write();
        run_until([&] { return received.ended && log.closed; });
        EXPECT_EQ(received.error, 0) << "the connection was reset";
        run_turns(2);
        EXPECT_EQ(buffers.in_use(), 0U);
        return received.text;
    }
    std::size_t answers(const std::string& text, std::string_view status = "200 OK") {
        std::size_t n = 0;
        for (std::size_t at = 0;
             (at = text.find("HTTP/1.1 " + std::string(status), at)) != std::string::npos; ++at) {
            ++n;
        }
        return n;
    }
    // A connection that stays open, with the server's end served.
    Own open(Limits limits = {}) {
        log = {};
        auto [client, server] = connected_pair();
        jobs.spawn(serve(std::move(server), buffers, limits, log));
        run_turns(2);
        return std::move(client);
    }

    Log log;
};

const std::string kMixed =
    "POST /a HTTP/1.1\r\nHost: w\r\nX-Tag: 1\r\nContent-Length: 5\r\n\r\nhello"
    "POST /b?q=1 HTTP/1.1\r\nHost: w\r\nX-Tag: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;e=1\r\nGET\r\n11\r\n / HTTP/1.1\r\n\r\nxy\r\n0\r\nTrailer: t\r\n\r\n"
    "GET /c HTTP/1.1\r\nHost: w\r\nX-Tag: 3\r\n\r\n"
    "POST /d HTTP/1.1\r\nHost: w\r\nX-Tag: 4\r\nContent-Length: 0\r\n\r\n"
    "\r\nGET /e HTTP/1.1\r\nHost: w\r\nX-Tag: 5\r\n\r\n";

std::vector<Request> mixed_requests() {
    return {{"POST", "/a", "1", "hello"},
            {"POST", "/b?q=1", "2", "GET / HTTP/1.1\r\n\r\nxy"},
            {"GET", "/c", "3", ""},
            {"POST", "/d", "4", ""},
            {"GET", "/e", "5", ""}};
}

TEST_F(Server, PipelinedRequestsInOnePacketAreServedInOrder) {
    std::string said = talk({kMixed});
    EXPECT_EQ(log.requests, mixed_requests());
    EXPECT_FALSE(log.error);
    EXPECT_EQ(answers(said), 5U);
    EXPECT_EQ(said.find("connection: close"), std::string::npos);
}

TEST_F(Server, RequestsMeanTheSameWhereverThePacketsEnd) {
    for (std::size_t at = 1; at < kMixed.size(); ++at) {
        talk({kMixed.substr(0, at), kMixed.substr(at)});
        ASSERT_EQ(log.requests, mixed_requests()) << "split at " << at;
    }
    std::vector<std::string> bytes;
    for (char c : kMixed) bytes.emplace_back(1, c);
    talk(bytes);
    EXPECT_EQ(log.requests, mixed_requests());
}

TEST_F(Server, AKeptConnectionWaitsForTheNextRequestWithoutABuffer) {
    auto client = open();
    EXPECT_EQ(buffers.in_use(), 0U);
    for (std::size_t i = 1; i <= 3; ++i) {
        write(*client, "POST /x HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\n\r\n" +
                           std::string(i == 2 ? "" : "x"));
        if (i == 2) {
            EXPECT_EQ(buffers.in_use(), 1U) << "half a request";
            write(*client, "x");
        }
        run_until([&] { return log.requests.size() == i; });
        run_turns(2);
        EXPECT_EQ(buffers.in_use(), 0U) << "between requests";
    }
    client.reset();
    run_until([&] { return log.closed; });
}

// Bodies larger than the buffer, whose bytes look like a head, must not shine through views of it.
TEST_F(Server, TheHeadStaysWhatItWasWhileALargeBodyArrives) {
    std::string line = "GET /evil HTTP/1.1\r\nX-Tag: evil\r\n";
    std::string body;
    while (body.size() < 300'000) body += line;
    std::string head = "POST /good?key=value HTTP/1.1\r\nHost: w\r\nX-Tag: good\r\n";
    std::string sized = head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += 1000) {
        std::string piece = body.substr(at, 1000);
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        chunked += size + piece + "\r\n";
    }
    chunked += "0\r\n\r\n";
    std::string next = "GET /next HTTP/1.1\r\nHost: w\r\n\r\n";
    for (const std::string& request : {sized, chunked}) {
        talk({request + next});
        ASSERT_EQ(log.requests.size(), 2U);
        EXPECT_EQ(log.requests[0], (Request{"POST", "/good?key=value", "good", body}));
        EXPECT_EQ(log.requests[1], (Request{"GET", "/next", "", ""}));
        talk({request.substr(0, head.size() + 40), request.substr(head.size() + 40)});
        ASSERT_EQ(log.requests.size(), 1U);
        EXPECT_EQ(log.requests[0].target, "/good?key=value");
    }
}

TEST_F(Server, AHeadLargerThanABufferIsRead) {
    std::string tag(40'000, 't');
    std::string head = "POST /big HTTP/1.1\r\nHost: w\r\nX-Tag: " + tag + "\r\n";
    talk({head + "Content-Length: 4\r\n\r\nbody" + head + "Transfer-Encoding: chunked\r\n\r\n",
          "4\r\nbody\r\n0\r\n\r\n"});
    EXPECT_EQ(log.requests,
              (std::vector<Request>{{"POST", "/big", tag, "body"}, {"POST", "/big", tag, "body"}}));
}

TEST_F(Server, AsksForABodyThatWaitsToBeAskedFor) {
    auto client = open();
    Received received;
    jobs.spawn(receive(*client, received));
    write(*client,
          "POST /a HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    run_until([&] { return received.text.ends_with("\r\n\r\n"); });
    EXPECT_EQ(received.text, "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_TRUE(log.requests.empty());
    write(*client, "body");
    run_until([&] { return log.requests.size() == 1; });
    EXPECT_EQ(log.requests[0].body, "body");
    // Who sends it all the same is not asked.
    received.text.clear();
    write(*client,
          "POST /b HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nb");
    write(*client, "ody");
    run_until([&] { return log.requests.size() == 2; });
    run_turns(3);
    EXPECT_EQ(received.text.find("100 Continue"), std::string::npos);
}

TEST_F(Server, DoesNotAskForABodyThatItRefuses) {
    std::string said = talk({"POST / HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\n"
                             "Content-Length: 1001\r\n\r\n"},
                            {.body_bytes_max = 1000});
    EXPECT_EQ(log.error, ErrorCode::body_too_large);
    EXPECT_FALSE(log.reusable_after_error);
    EXPECT_EQ(said.find("100 Continue"), std::string::npos);
    EXPECT_EQ(answers(said, "413"), 1U);
}

Task<> refuse_unread(Own stream, runtime::BufferPool& buffers, std::vector<bool>& reusable) {
    ServerConnection client(*stream, buffers, {});
    for (;;) {
        auto head = co_await client.read_head();
        if (!head || !*head) co_return;
        reusable.push_back(co_await client.discard_body());
        co_await answer(client, 401, "no", !reusable.back());
        if (reusable.back()) continue;
        co_await client.linger();
        co_return;
    }
}

// A caller that is refused by its head sends its body all the same.
TEST_F(Server, AnUnwantedBodyIsThrownAwayWithinBounds) {
    struct Case {
        std::string fields;
        std::string body;
        bool reusable;
    };
    std::string huge(300'000, 'x');
    for (const Case& c :
         {Case{"Content-Length: 200000\r\n", std::string(200'000, 'x'), true},
          Case{"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", true}, Case{"", "", true},
          Case{"Content-Length: 300000\r\n", huge, false},
          Case{"Transfer-Encoding: chunked\r\n", "493e0\r\n" + huge + "\r\n0\r\n\r\n", false},
          Case{"Transfer-Encoding: chunked\r\n", "x\r\n0\r\n\r\n", false},
          Case{"Expect: 100-continue\r\nContent-Length: 1\r\n", "x", false}}) {
        std::vector<bool> reusable;
        auto [client, server] = connected_pair();
        Received received;
        jobs.spawn(refuse_unread(std::move(server), buffers, reusable));
        jobs.spawn(receive(*client, received));
        int wrote = kPending;
        jobs.spawn(write_and_mark(*client,
                                  "POST / HTTP/1.1\r\nHost: w\r\n" + c.fields + "\r\n" + c.body +
                                      "GET /hidden HTTP/1.1\r\nHost: w\r\n\r\n",
                                  wrote));
        run_until([&] { return wrote != kPending; });
        client->shutdown_write();
        run_until([&] { return received.ended; });
        EXPECT_EQ(received.error, 0);
        ASSERT_FALSE(reusable.empty());
        EXPECT_EQ(reusable[0], c.reusable) << c.fields << c.body.substr(0, 20);
        EXPECT_EQ(answers(received.text, "401"), c.reusable ? 2U : 1U);
        run_until([&] { return jobs.size() == 0; });
    }
    EXPECT_EQ(buffers.in_use(), 0U);
}

TEST_F(Server, LimitsOfHeadAndBodyAreToldAndEndTheConnection) {
    Limits limits{.header_bytes_max = 1000, .body_bytes_max = 1000};
    std::string next = "GET /hidden HTTP/1.1\r\nHost: w\r\n\r\n";
    std::string post = "POST / HTTP/1.1\r\nHost: w\r\n";
    struct Case {
        std::string request;
        ErrorCode error;
        std::string status;
    };
    for (const Case& c :
         {Case{post + "X: " + std::string(2000, 'x') + "\r\n\r\n", ErrorCode::headers_too_large,
               "431"},
          Case{post + std::string(200'000, 'x'), ErrorCode::headers_too_large, "431"},
          Case{post + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'),
               ErrorCode::body_too_large, "413"},
          Case{post + "Content-Length: 18446744073709551615\r\n\r\n", ErrorCode::body_too_large,
               "413"},
          Case{post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') +
                   "\r\n0\r\n\r\n",
               ErrorCode::body_too_large, "413"},
          Case{post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" +
                   std::string(2000, 'x'),
               ErrorCode::body_too_large, "413"}}) {
        std::string said = talk({c.request + next}, limits);
        EXPECT_TRUE(log.requests.empty()) << c.request.substr(0, 80);
        EXPECT_EQ(log.error, c.error);
        EXPECT_FALSE(log.reusable_after_error);
        EXPECT_EQ(answers(said, c.status), 1U) << said;
        EXPECT_NE(said.find("connection: close\r\n"), std::string::npos);
    }
    talk({post + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x')}, limits);
    EXPECT_EQ(log.requests.size(), 1U);
}

// The bytes behind a body whose end is unknown may look like the end of a body and another request.
TEST_F(Server, ABodyThatBrokeIsNeverTakenUpAgain) {
    std::string hidden = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: w\r\n\r\n";
    std::string post = "POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n";
    Limits limits{.body_bytes_max = 100};
    for (const std::vector<std::string>& pieces : std::vector<std::vector<std::string>>{
             {post + "5\r\nhello" + hidden},
             {post + "5\r\nhello", hidden},
             {post + "5 \r\nhello\r\n" + hidden},
             {post + "5\r\nhello\r\n", "\n" + hidden},
             {post + "c8\r\n" + std::string(100, 'x'), hidden + std::string(200, 'x')},
             {post + "64\r\n" + std::string(100, 'x') + "\r\n1\r\nx\r\n" + hidden},
         }) {
        std::string said = talk(pieces, limits);
        EXPECT_TRUE(log.requests.empty());
        EXPECT_TRUE(log.error);
        EXPECT_FALSE(log.reusable_after_error);
        EXPECT_EQ(answers(said, "200"), 0U) << said;
    }
}

TEST_F(Server, RequestsThatHaveTwoMeaningsAreRefusedAndSoIsAllThatFollows) {
    std::string hidden = "GET /hidden HTTP/1.1\r\nHost: w\r\n\r\n";
    std::string post = "POST / HTTP/1.1\r\nHost: w\r\n";
    for (const std::string& request : std::vector<std::string>{
             post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
             post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
             post + "Content-Length: 5, 5\r\n\r\nhello",
             post + "Content-Length: +5\r\n\r\nhello",
             post + "Content-Length: 0x5\r\n\r\nhello",
             post + "Content-Length: -1\r\n\r\n",
             post + "Content-Length: 99999999999999999999\r\n\r\n",
             post + "Content-Length:\r\n\r\n",
             post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding: identity\r\n\r\n",
             post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding:\x0b"
                    "chunked\r\n\r\n0\r\n\r\n",
             post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
             post + " X: folded\r\n\r\n",
             post + "X: a\r\n\tfolded\r\n\r\n",
             post + "X: a\nContent-Length: 5\r\n\r\nhello",
             "POST / HTTP/1.1\nHost: w\nContent-Length: 5\n\nhello",
             post + "X: a\rb\r\n\r\n",
             post + std::string("X: a\0b\r\n\r\n", 10),
             post + std::string("X\0: a\r\n\r\n", 9),
             post + ": a\r\n\r\n",
             post + "no colon\r\n\r\n",
             "POST / HTTP/1.1\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a b\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: a/b\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: user@a\r\n\r\n",
             "POST ftp://w/ HTTP/1.1\r\nHost: w\r\n\r\n",
             "POST http:///x HTTP/1.1\r\nHost: w\r\n\r\n",
             "POST http://u@w/x HTTP/1.1\r\nHost: w\r\n\r\n",
             "POST x HTTP/1.1\r\nHost: w\r\n\r\n",
             "POST  / HTTP/1.1\r\nHost: w\r\n\r\n",
             "POST /\t HTTP/1.1\r\nHost: w\r\n\r\n",
             "POST / HTTP/1.1 \r\nHost: w\r\n\r\n",
             "POST / HTTP/2.0\r\nHost: w\r\n\r\n",
             "POST / http/1.1\r\nHost: w\r\n\r\n",
             "POST /\r\nHost: w\r\n\r\n",
             "P@ST / HTTP/1.1\r\nHost: w\r\n\r\n",
             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
             "\x16\x03\x01\x02hello",
             "\r\n\r\nPOST / HTTP/1.1\r\nHost: w\r\n\r\n",
             "POST / HTTP/1.0\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             // chunk framing
             post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx",
             post + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx",
             post + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\n\r\n0\n\n",
             post + "Transfer-Encoding: chunked\r\n\r\n1\r\nx0\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX : a\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\n\r\n",
             post + "Transfer-Encoding: chunked\r\n\r\n0;" + std::string(20'000, 'e') + "\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(20'000, 't') +
                 "\r\n\r\n",
         }) {
        std::string said = talk({request + hidden});
        EXPECT_TRUE(log.requests.empty()) << request.substr(0, 200);
        EXPECT_EQ(log.error, ErrorCode::malformed_http) << request.substr(0, 200);
        EXPECT_FALSE(log.reusable_after_error) << request.substr(0, 200);
        EXPECT_EQ(answers(said, "400"), 1U) << request.substr(0, 200) << said;
        EXPECT_EQ(answers(said, "200"), 0U) << request.substr(0, 200) << said;
    }
}

TEST_F(Server, ExtensionsAndTrailersAreDroppedAndAbsoluteTargetsTaken) {
    talk(
        {"POST http://w:80/x?y HTTP/1.1\r\nHost: other\r\nTransfer-Encoding: chunked\r\n\r\n"
         "1;a=\"b\";c\r\nx\r\n0000\r\nContent-Length: 5\r\nX-Tag: t\r\n\r\n"
         "GET /next HTTP/1.1\r\nHost: w\r\n\r\n"});
    EXPECT_EQ(log.requests, (std::vector<Request>{{"POST", "http://w:80/x?y", "", "x"},
                                                  {"GET", "/next", "", ""}}));
}

TEST_F(Server, OldClientsAndThoseThatSayCloseGetOneAnswer) {
    std::string next = "GET /hidden HTTP/1.1\r\nHost: w\r\n\r\n";
    for (const std::string& first :
         std::vector<std::string>{"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nHost: w\r\n\r\n",
                                  "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                                  "GET / HTTP/1.1\r\nHost: w\r\nConnection: x, Close\r\n\r\n"}) {
        std::string said = talk({first + next});
        EXPECT_EQ(log.requests.size(), 1U) << first;
        EXPECT_EQ(answers(said), 1U) << first;
        EXPECT_NE(said.find("connection: close\r\n"), std::string::npos);
    }
}

TEST_F(Server, AnIdleClientIsClosedWithoutAWord) {
    auto client = open({.keep_alive = milliseconds{50}});
    Received received;
    run(receive(*client, received));
    EXPECT_EQ(received.text, "");
    EXPECT_EQ(received.error, 0);
    EXPECT_FALSE(log.error);
}

TEST_F(Server, AHeadThatDripsInHasOneTimeForAllOfIt) {
    auto client = open({.header_timeout = milliseconds{200}});
    Received received;
    MonoTime begun = loop.now();
    jobs.spawn(drip(loop, *client, "GET / HTTP/1.1\r\nX: ", milliseconds{20}));
    run(receive(*client, received));
    EXPECT_EQ(log.error, ErrorCode::request_timeout);
    EXPECT_EQ(answers(received.text, "408"), 1U) << received.text;
    EXPECT_LT(loop.now() - begun, seconds{5});
    client->cancel(ECANCELED);
}

TEST_F(Server, ABodyThatDripsInIsCutHoweverItIsFramed) {
    for (const std::string& framing : std::vector<std::string>{
             "Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nf4240\r\n"}) {
        auto client = open({.idle = milliseconds{200}});
        Received received;
        write(*client, "POST / HTTP/1.1\r\nHost: w\r\n" + framing);
        MonoTime begun = loop.now();
        runtime::TaskGroup dripping;
        dripping.spawn(drip(loop, *client, "x", milliseconds{20}));
        run(receive(*client, received));
        EXPECT_EQ(log.error, ErrorCode::request_timeout);
        EXPECT_FALSE(log.reusable_after_error);
        EXPECT_EQ(answers(received.text, "408"), 1U);
        EXPECT_LT(loop.now() - begun, seconds{5});
        run_until([&] { return log.closed; });
    }
}

Task<> write_slowly(runtime::Loop& loop, Stream& stream, int pieces, Duration pause) {
    for (int i = 0; i < pieces; ++i) {
        std::string text(16 * 1024, 'x');
        if (co_await runtime::write_text(stream, text) != 0) co_return;
        co_await loop.sleep(pause);
    }
}

TEST_F(Server, ABodyThatIsSlowButMovesIsRead) {
    constexpr int kPieces = 6;
    auto client = open({.idle = milliseconds{300}});
    write(*client, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: " +
                       std::to_string(kPieces * 16 * 1024) + "\r\n\r\n");
    run(write_slowly(loop, *client, kPieces, milliseconds{100}));
    run_until([&] { return log.requests.size() == 1 || log.error; });
    EXPECT_FALSE(log.error);
}

Task<> write_much(Own stream, runtime::BufferPool& buffers, Duration idle, int& result) {
    ServerConnection client(*stream, buffers, {.idle = idle});
    std::string body(2'000'000, 'b');
    result = co_await client.write("head", body);
}

TEST_F(Server, AClientThatDoesNotReadIsCut) {
    auto [client, server] = connected_pair(64 * 1024);
    int result = kPending;
    run(write_much(std::move(server), buffers, milliseconds{100}, result));
    EXPECT_EQ(result, -ETIMEDOUT);
}

Task<> read_slowly(runtime::Loop& loop, Stream& stream, std::size_t bytes, Duration pause,
                   std::size_t& got) {
    std::string buffer(bytes, '\0');
    for (;;) {
        ssize_t n = co_await runtime::read_some(stream, buffer.data(), buffer.size());
        if (n <= 0) co_return;
        got += static_cast<std::size_t>(n);
        co_await loop.sleep(pause);
    }
}

TEST_F(Server, AClientThatSipsIsCutAndOneThatIsSlowIsNot) {
    for (bool sips : {true, false}) {
        auto [client, server] = connected_pair(64 * 1024);
        int result = kPending;
        std::size_t got = 0;
        runtime::TaskGroup reading;
        reading.spawn(read_slowly(loop, *client, sips ? 100 : 1'000'000, milliseconds{10}, got));
        MonoTime begun = loop.now();
        run(write_much(std::move(server), buffers, milliseconds{300}, result));
        EXPECT_EQ(result, sips ? -ETIMEDOUT : 0) << got;
        // The slow one was given more time than a single wait has.
        if (!sips) EXPECT_GT(loop.now() - begun, milliseconds{300});
    }
}

// A reset would take the answer from a client that is still sending.
TEST_F(Server, AnAnswerIsNotLostToWhatTheClientStillSends) {
    auto client = open({.body_bytes_max = 1000});
    Received received;
    int wrote = kPending;
    jobs.spawn(write_and_mark(*client,
                              "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 5000000\r\n\r\n" +
                                  std::string(5'000'000, 'x'),
                              wrote));
    run_until([&] { return wrote != kPending; });
    EXPECT_EQ(wrote, 0);
    EXPECT_FALSE(log.closed);
    jobs.spawn(receive(*client, received));
    run_until([&] { return received.ended; });
    EXPECT_EQ(received.error, 0);
    EXPECT_EQ(answers(received.text, "413"), 1U);
    client.reset();
    run_until([&] { return log.closed; });
    EXPECT_EQ(buffers.in_use(), 0U);
}

TEST_F(Server, LingeringEndsByItself) {
    auto client = open({.body_bytes_max = 1000, .idle = milliseconds{100}});
    write(*client, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 5000\r\n\r\n");
    jobs.spawn(drip(loop, *client, "x", milliseconds{10}));
    run_until([&] { return log.closed; });
    EXPECT_EQ(log.error, ErrorCode::body_too_large);
    run_until([&] { return jobs.size() == 0; });
}

TEST_F(Server, AClientThatLeavesInMidRequestIsGone) {
    for (const std::string& part : std::vector<std::string>{
             "GET / HT", "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\nhel",
             "POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"}) {
        talk({part});
        EXPECT_TRUE(log.requests.empty());
        EXPECT_EQ(log.error, ErrorCode::client_gone) << part;
    }
    talk({""});
    EXPECT_FALSE(log.error);
}

Task<> stream_answer(Own stream, runtime::BufferPool& buffers, std::vector<std::string_view> pieces,
                     bool chunked) {
    ServerConnection client(*stream, buffers, {});
    if (chunked) {
        EXPECT_EQ(co_await client.write_chunk(pieces.data(), pieces.size()), 0);
        EXPECT_EQ(co_await client.write_last_chunk(), 0);
    } else {
        EXPECT_EQ(co_await client.write_raw(pieces.data(), pieces.size()), 0);
    }
}

TEST_F(Server, AnswersAreWrittenInChunksOrRaw) {
    std::vector<std::string_view> pieces{"", "hello ", "", "world"};
    for (int i = 0; i < 200; ++i) pieces.emplace_back("0123456789");
    std::string all = "hello world";
    for (int i = 0; i < 200; ++i) all += "0123456789";
    for (bool chunked : {true, false}) {
        auto [client, server] = connected_pair();
        Received received;
        jobs.spawn(stream_answer(std::move(server), buffers, pieces, chunked));
        run(receive(*client, received));
        std::string body;
        codec::ChunkedDecoder decoder;
        std::string_view left = received.text;
        while (chunked && !left.empty()) {
            auto step = decoder.feed(left);
            ASSERT_TRUE(step);
            body += step->payload;
            left.remove_prefix(step->consumed);
            if (step->done) break;
        }
        EXPECT_EQ(chunked ? body : received.text, all);
        EXPECT_TRUE(!chunked || (decoder.done() && left.empty()));
    }
    // Pieces without a byte would be the last chunk.
    auto [client, server] = connected_pair();
    Received received;
    jobs.spawn(stream_answer(std::move(server), buffers, {"", ""}, true));
    run(receive(*client, received));
    EXPECT_EQ(received.text, "0\r\n\r\n");
}

Task<> hold_request(ServerConnection& client, Stream& other, bool& holding) {
    auto head = co_await client.read_head();
    EXPECT_TRUE(head && *head);
    auto body = co_await client.read_body();
    EXPECT_TRUE(body && body->size() == 4);
    client.forget_request();
    holding = true;
    co_await runtime::readable(other);
}

TEST_F(Server, ARequestThatWasForgottenHoldsNoMemoryWhileItsAnswerStreams) {
    auto [client, server] = connected_pair();
    auto [provider, other] = connected_pair();
    ServerConnection connection(*server, buffers, {});
    bool holding = false;
    jobs.spawn(hold_request(connection, *other, holding));
    write(*client, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nbody");
    run_until([&] { return holding; });
    EXPECT_EQ(buffers.in_use(), 0U);
    provider.reset();
    run_until([&] { return jobs.size() == 0; });
}

TEST_F(Server, AConnectionMayBeDestroyedWhereverItWaits) {
    for (const std::string& part : std::vector<std::string>{
             "", "GET / HT", "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 90000\r\n\r\nhel",
             "POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"}) {
        auto [client, server] = connected_pair();
        auto group = std::make_unique<runtime::TaskGroup>();
        group->spawn(serve(std::move(server), buffers, {}, log));
        write(*client, part);
        EXPECT_EQ(group->size(), 1U);
        group.reset();
        run_turns(2);
        EXPECT_EQ(buffers.in_use(), 0U);
    }
}

}  // namespace
}  // namespace weir::http
