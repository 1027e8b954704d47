#include "runtime/loop_net.h"

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/listener.h"
#include "runtime/loop_fixture.h"
#include "runtime/test_certificates.h"
#include "runtime/test_dns_server.h"
#include "runtime/worker.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LoopNetTest : public LoopTest {
 protected:
    void listen(TlsServer* with_tls = nullptr) {
        auto opened =
            Listener::open(loop, "127.0.0.1", 0, [this, with_tls](Own stream, std::string_view) {
                tasks.spawn(with_tls != nullptr ? echo_tls(*with_tls, std::move(stream))
                                                : echo(std::move(stream)));
            });
        ASSERT_TRUE(opened);
        listener = std::move(*opened);
    }
    static Task<> echo_tls(TlsServer& server, Own low) {
        Result<Own> stream = co_await server.accept(std::move(low), seconds{10});
        if (stream) co_await echo(std::move(*stream));
    }
    // What comes back for "ping", or the error's name.
    std::string ping(const Address& address, Duration timeout = seconds{10}) {
        std::string answer;
        run(ping_into(net, address, timeout, answer));
        return answer;
    }
    static Task<> ping_into(Net& n, const Address& address, Duration timeout, std::string& answer) {
        Result<Own> stream = co_await n.connect(address, timeout);
        if (!stream) {
            answer = std::string{stream.error().info().name} + ": " + stream.error().detail();
            co_return;
        }
        co_await write_text(**stream, "ping");
        answer = co_await read_text(**stream, 4);
    }

    TestDnsServer dns{loop};
    TlsClient tls;
    LoopNet net{loop, tls, dns.address()};
    std::unique_ptr<Listener> listener;
    std::vector<Own> silent;
};

TEST_F(LoopNetTest, ConnectsByNameAndByAddress) {
    listen();
    dns.names["provider.example.com"] = {"127.0.0.1"};
    EXPECT_EQ(ping({.host = "provider.example.com", .port = listener->port()}), "ping");
    EXPECT_EQ(ping({.host = "127.0.0.1", .port = listener->port()}), "ping");
    EXPECT_EQ(ping({.host = "localhost", .port = listener->port()}), "ping");
}

TEST_F(LoopNetTest, FallsFromAnAddressThatFailsToOneThatAnswers) {
    listen();
    // Nobody listens on the first two, with or without IPv6 on this machine.
    dns.names["provider.example.com"] = {"::1", "127.0.0.3", "127.0.0.1"};
    EXPECT_EQ(ping({.host = "provider.example.com", .port = listener->port()}), "ping");
}

TEST_F(LoopNetTest, TellsWhichAddressesFailedAndHow) {
    listen();
    std::uint16_t port = listener->port();
    listener.reset();
    dns.names["provider.example.com"] = {"127.0.0.1"};
    std::string answer = ping({.host = "provider.example.com", .port = port});
    EXPECT_TRUE(answer.starts_with("provider_unreachable")) << answer;
    EXPECT_NE(answer.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << answer;
    EXPECT_NE(answer.find("refused"), std::string::npos) << answer;
}

TEST_F(LoopNetTest, AUselessAnswerIsAskedForAgain) {
    listen();
    dns.names["provider.example.com"] = {"127.0.0.3"};
    Address address{.host = "provider.example.com", .port = listener->port()};
    EXPECT_NE(ping(address), "ping");
    dns.names["provider.example.com"] = {"127.0.0.1"};
    EXPECT_NE(ping(address), "ping");  // still the old one; the new one is under way
    std::string answer;
    for (int i = 0; i < 50 && answer != "ping"; ++i) answer = ping(address);
    EXPECT_EQ(answer, "ping");
}

TEST_F(LoopNetTest, SpeaksTlsIfAsked) {
    TestCertificates certificates;
    TlsServer server;
    auto files = certificates.issue("DNS:provider.example.com");
    ASSERT_TRUE(server.load(files.certificate, files.key));
    listen(&server);
    dns.names["provider.example.com"] = {"127.0.0.1"};
    dns.names["other.example.com"] = {"127.0.0.1"};
    Address address{.host = "provider.example.com",
                    .port = listener->port(),
                    .tls = true,
                    .ca_file = certificates.ca_file()};
    EXPECT_EQ(ping(address), "ping");
    EXPECT_EQ(ping(address), "ping");
    EXPECT_EQ(tls.resumed(), 1u);
    address.host = "other.example.com";
    std::string answer = ping(address);
    EXPECT_TRUE(answer.starts_with("provider_tls")) << answer;
}

TEST_F(LoopNetTest, TheTimeoutCoversTheHandshake) {
    auto opened = Listener::open(loop, "127.0.0.1", 0, [this](Own stream, std::string_view) {
        silent.push_back(std::move(stream));
    });
    ASSERT_TRUE(opened);
    Address address{.host = "127.0.0.1", .port = (*opened)->port(), .tls = true};
    std::string answer = ping(address, milliseconds{50});
    EXPECT_TRUE(answer.starts_with("provider_timeout")) << answer;
    silent.clear();
}

TEST_F(LoopNetTest, ConnectionAttemptsMayBeAbandonedAtAnyPoint) {
    TestCertificates certificates;
    TlsServer server;
    auto files = certificates.issue("DNS:provider.example.com");
    ASSERT_TRUE(server.load(files.certificate, files.key));
    listen(&server);
    dns.names["provider.example.com"] = {"127.0.0.1"};
    Address address{.host = "provider.example.com",
                    .port = listener->port(),
                    .tls = true,
                    .ca_file = certificates.ca_file()};
    for (int turns = 0; turns < 12; ++turns) {
        std::string answer;
        TaskGroup group;
        group.spawn(ping_into(net, address, seconds{10}, answer));
        run_turns(turns);
    }
    EXPECT_EQ(ping(address), "ping");
}

Task<> ping_often(Net& net, const Address& address, int& answered, Worker& worker) {
    for (int i = 0; i < 20; ++i) {
        Result<Own> stream = co_await net.connect(address, seconds{20});
        if (!stream || co_await write_text(**stream, "ping") != 0) continue;
        if (co_await read_text(**stream, 4) == "ping") ++answered;
    }
    worker.stop();
}

// The contexts and the cache of sessions are the only things that loops share.
TEST_F(LoopNetTest, SeveralLoopsShareOneTlsClient) {
    TestCertificates certificates;
    TlsServer server;
    auto files = certificates.issue("IP:127.0.0.1");
    ASSERT_TRUE(server.load(files.certificate, files.key));
    listen(&server);
    Address address{.host = "127.0.0.1",
                    .port = listener->port(),
                    .tls = true,
                    .ca_file = certificates.ca_file()};
    struct Client {
        Worker worker{"client"};
        std::unique_ptr<LoopNet> net;
        int answered = 0;
        TaskGroup tasks;
    };
    std::array<Client, 2> clients;
    for (Client& c : clients) {
        c.net = std::make_unique<LoopNet>(c.worker.loop(), tls);
        c.worker.loop().post(
            [&c, &address] { c.tasks.spawn(ping_often(*c.net, address, c.answered, c.worker)); });
        c.worker.start();
    }
    std::thread waiting{[&] {
        for (Client& c : clients) c.worker.join();
        loop.stop();
    }};
    loop.run();
    waiting.join();
    for (Client& c : clients) EXPECT_EQ(c.answered, 20);
    EXPECT_GT(tls.resumed(), 0u);
}

}  // namespace
}  // namespace weir::runtime
