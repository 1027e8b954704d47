#include "runtime/tls.h"

#include <array>
#include <cerrno>
#include <memory>

#include "runtime/loop_fixture.h"
#include "runtime/test_certificates.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Tls : public LoopTest {
 protected:
    void load(const std::string& names, int days = 1) {
        auto files = certificates.issue(names, days);
        auto loaded = server.load(files.certificate, files.key);
        ASSERT_TRUE(loaded) << loaded.error().message();
    }
    Address address(std::string host = "localhost") const {
        return {
            .host = std::move(host), .port = 443, .tls = true, .ca_file = certificates.ca_file()};
    }
    // Both handshakes over a fresh connection.
    void connect(const Address& to) {
        auto [a, b] = connected_pair();
        accepted = fail(ErrorCode::internal);
        connected = fail(ErrorCode::internal);
        tasks.spawn(accept_into(server, std::move(b), accepted));
        run(connect_into(client, std::move(a), to, connected));
        for (int i = 0; i < 50 && tasks.size() > 0; ++i) run_turns(1);
    }
    static Task<> accept_into(TlsServer& s, Own low, Result<Own>& result) {
        result = co_await s.accept(std::move(low), seconds{10});
    }
    static Task<> connect_into(TlsClient& c, Own low, const Address& to, Result<Own>& result) {
        result = co_await c.connect(std::move(low), to, seconds{10});
    }

    TestCertificates certificates;
    TlsServer server;
    TlsClient client;
    Result<Own> accepted = fail(ErrorCode::internal);
    Result<Own> connected = fail(ErrorCode::internal);
};

Task<> write_and_mark(Stream& stream, std::string text, int& result) {
    result = co_await write_text(stream, std::move(text));
}

Task<> read_into(Stream& stream, std::size_t size, std::string& got) {
    got = co_await read_text(stream, size);
}

Task<> read_one(Stream& stream, ssize_t& result) {
    char byte = 0;
    result = co_await read_some(stream, &byte, 1);
}

TEST_F(Tls, CarriesDataBothWays) {
    load("DNS:localhost");
    connect(address());
    ASSERT_TRUE(connected) << connected.error().detail();
    ASSERT_TRUE(accepted) << accepted.error().detail();
    std::string sent(2'000'000, 'x');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 23);
    tasks.spawn(echo(std::move(*accepted)));
    int wrote = 1;
    std::string got;
    tasks.spawn(write_and_mark(**connected, sent, wrote));
    run(read_into(**connected, sent.size(), got));
    EXPECT_EQ(wrote, 0);
    EXPECT_TRUE(got == sent);
}

Task<> write_pieces(Stream& stream, int& result) {
    std::string head = "head ";
    std::string empty;
    std::string body(40'000, 'b');
    std::string tail = " tail";
    std::array<iovec, 4> pieces{{{head.data(), head.size()},
                                 {empty.data(), 0},
                                 {body.data(), body.size()},
                                 {tail.data(), tail.size()}}};
    result = co_await write_all(stream, pieces.data(), 4);
}

TEST_F(Tls, GathersPiecesInOrder) {
    load("DNS:localhost");
    connect(address());
    ASSERT_TRUE(connected);
    int wrote = 1;
    std::string got;
    tasks.spawn(write_pieces(**connected, wrote));
    run(read_into(**accepted, 40'010, got));
    EXPECT_EQ(wrote, 0);
    EXPECT_EQ(got, "head " + std::string(40'000, 'b') + " tail");
}

TEST_F(Tls, AGoodbyeIsAnEndAndItsAbsenceAnError) {
    load("DNS:localhost");
    connect(address());
    ASSERT_TRUE(connected && accepted);
    connected->reset();
    ssize_t result = 1;
    run(read_one(**accepted, result));
    EXPECT_EQ(result, 0);

    auto [a, b] = connected_pair();
    Stream* wire = a.get();
    tasks.spawn(accept_into(server, std::move(b), accepted));
    Address to = address();
    run(connect_into(client, std::move(a), to, connected));
    ASSERT_TRUE(connected);
    for (int i = 0; i < 50 && tasks.size() > 0; ++i) run_turns(1);
    ASSERT_TRUE(accepted);
    wire->shutdown_write();  // of TCP, below TLS
    run(read_one(**accepted, result));
    EXPECT_EQ(result, -ECONNRESET);
}

TEST_F(Tls, HalfCloseLetsTheAnswerCome) {
    load("DNS:localhost");
    connect(address());
    ASSERT_TRUE(connected && accepted);
    (*connected)->shutdown_write();
    ssize_t result = 1;
    run(read_one(**accepted, result));
    EXPECT_EQ(result, 0);
    int wrote = 1;
    std::string got;
    tasks.spawn(write_and_mark(**accepted, "answer", wrote));
    run(read_into(**connected, 6, got));
    EXPECT_EQ(got, "answer");
}

TEST_F(Tls, RefusesAnotherName) {
    load("DNS:example.com");
    connect(address("localhost"));
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code(), ErrorCode::provider_tls);
    EXPECT_NE(connected.error().detail().find("hostname mismatch"), std::string::npos)
        << connected.error().detail();
}

TEST_F(Tls, ChecksAddressesAgainstTheCertificatesAddresses) {
    load("IP:127.0.0.1");
    connect(address("127.0.0.1"));
    EXPECT_TRUE(connected) << connected.error().detail();
    connect(address("127.0.0.2"));
    ASSERT_FALSE(connected);
    EXPECT_NE(connected.error().detail().find("IP address mismatch"), std::string::npos)
        << connected.error().detail();
}

TEST_F(Tls, RefusesAnExpiredCertificate) {
    load("DNS:localhost", -1);
    connect(address());
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code(), ErrorCode::provider_tls);
    EXPECT_NE(connected.error().detail().find("expired"), std::string::npos)
        << connected.error().detail();
}

TEST_F(Tls, RefusesAnUnknownAuthorityUnlessToldNotToVerify) {
    load("DNS:localhost");
    Address unknown = address();
    unknown.ca_file.clear();
    connect(unknown);
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code(), ErrorCode::provider_tls);
    unknown.verify_tls = false;
    connect(unknown);
    EXPECT_TRUE(connected) << connected.error().detail();
    // What was learned without verifying must not help a verifying connection.
    unknown.verify_tls = true;
    connect(unknown);
    EXPECT_FALSE(connected);
}

TEST_F(Tls, NamesAnUnreadableCaFile) {
    load("DNS:localhost");
    Address to = address();
    to.ca_file = "no/such/file.pem";
    connect(to);
    ASSERT_FALSE(connected);
    EXPECT_NE(connected.error().detail().find(to.ca_file), std::string::npos);
}

// Reading the first answer brings the tickets, as it does with a provider.
TEST_F(Tls, ResumesTheSessionOnTheSecondConnection) {
    load("DNS:localhost");
    connect(address());
    ASSERT_TRUE(connected && accepted);
    EXPECT_EQ(client.resumed(), 0u);
    int wrote = 1;
    std::string got;
    tasks.spawn(write_and_mark(**accepted, "x", wrote));
    run(read_into(**connected, 1, got));
    EXPECT_EQ(client.sessions(), 1u);
    connected->reset();
    connect(address());
    ASSERT_TRUE(connected && accepted);
    EXPECT_EQ(client.resumed(), 1u);
}

TEST_F(Tls, AReloadedCertificateServesTheNextConnection) {
    load("DNS:example.com");
    connect(address());
    EXPECT_FALSE(connected);
    load("DNS:localhost");
    connect(address());
    EXPECT_TRUE(connected);
    auto bad = server.load("no/such.pem", "no/such.key");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code(), ErrorCode::config_invalid);
    EXPECT_NE(bad.error().message().find("no/such.pem"), std::string_view::npos);
    connect(address());
    EXPECT_TRUE(connected);
}

TEST_F(Tls, AKeyOfAnotherCertificateIsRefused) {
    auto one = certificates.issue("DNS:localhost");
    auto two = certificates.issue("DNS:localhost");
    auto loaded = server.load(one.certificate, two.key);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().message().find("mismatch"), std::string_view::npos)
        << loaded.error().message();
}

TEST_F(Tls, AHandshakeThatHangsTimesOut) {
    auto [a, b] = connected_pair();
    Address to = address();
    auto hurried = [](TlsClient& c, Own low, const Address& at, Result<Own>& result) -> Task<> {
        result = co_await c.connect(std::move(low), at, milliseconds{20});
    };
    run(hurried(client, std::move(a), to, connected));
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code(), ErrorCode::provider_timeout);
}

TEST_F(Tls, APeerThatHangsUpIsUnreachableNotMistrusted) {
    auto [a, b] = connected_pair();
    b.reset();
    Address to = address();
    run(connect_into(client, std::move(a), to, connected));
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code(), ErrorCode::provider_unreachable);
}

TEST_F(Tls, APeerThatSpeaksNoTlsIsAnError) {
    load("DNS:localhost");
    auto [a, b] = connected_pair();
    int wrote = 1;
    tasks.spawn(write_and_mark(*a, "GET / HTTP/1.1\r\n\r\n", wrote));
    run(accept_into(server, std::move(b), accepted));
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code(), ErrorCode::client_gone);
    EXPECT_NE(accepted.error().detail().find("http request"), std::string::npos)
        << accepted.error().detail();
}

TEST_F(Tls, AnIdleStreamIsNotReadyForeverAfterTickets) {
    load("DNS:localhost");
    connect(address());
    ASSERT_TRUE(connected && accepted);
    run_turns(3);
    char byte = 0;
    EXPECT_EQ((*connected)->try_read(&byte, 1), -EAGAIN);
    EXPECT_FALSE((*connected)->read_ready());
    ssize_t result = 1;
    tasks.spawn(read_one(**connected, result));
    accepted->reset();
    while (result == 1) run_turns(1);
    EXPECT_EQ(result, 0);
}

TEST_F(Tls, SuspendedHandshakesMayBeDestroyed) {
    load("DNS:localhost");
    auto [a, b] = connected_pair();
    auto [c, d] = connected_pair();
    Address to = address();
    auto group = std::make_unique<TaskGroup>();
    group->spawn(connect_into(client, std::move(a), to, connected));
    group->spawn(accept_into(server, std::move(c), accepted));
    run_turns(3);
    EXPECT_EQ(group->size(), 2u);
    group.reset();
    run_turns(2);
    EXPECT_FALSE(connected);
}

}  // namespace
}  // namespace weir::runtime
