#include "runtime/listener.h"

#include <cerrno>
#include <memory>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "runtime/loop_fixture.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;

class ListenerTest : public LoopTest {
 protected:
    std::unique_ptr<Listener> echo_listener(std::string_view host = "127.0.0.1") {
        auto listener = Listener::open(loop, host, 0, [this](Own stream, std::string_view peer) {
            peers.emplace_back(peer);
            tasks.spawn(echo(std::move(stream)));
        });
        if (!listener) return nullptr;
        return std::move(*listener);
    }
    std::vector<std::string> peers;
};

Task<> say(Loop& loop, SocketAddress address, std::string text, std::string& heard) {
    Dialled dialled = co_await dial_tcp(loop, address, std::chrono::seconds{5});
    if (!dialled.stream) co_return;
    if (co_await write_text(*dialled.stream, text) != 0) co_return;
    heard = co_await read_text(*dialled.stream, text.size());
}

Task<> rest(Loop& loop, Duration d) { co_await loop.sleep(d); }

TEST_F(ListenerTest, HandsOverConnectionsWithTheirPeer) {
    auto listener = echo_listener();
    ASSERT_TRUE(listener);
    ASSERT_NE(listener->port(), 0);
    EXPECT_EQ(listener->text(), "127.0.0.1:" + std::to_string(listener->port()));
    std::string heard;
    run(say(loop, *SocketAddress::parse("127.0.0.1", listener->port()), "hello", heard));
    EXPECT_EQ(heard, "hello");
    ASSERT_EQ(peers.size(), 1u);
    EXPECT_TRUE(peers[0].starts_with("127.0.0.1:")) << peers[0];
}

TEST_F(ListenerTest, SpeaksIpv6AndIpv4OnOneSocket) {
    auto listener = echo_listener("::");
    if (!listener) GTEST_SKIP() << "this machine has no IPv6";
    std::string heard;
    run(say(loop, *SocketAddress::parse("::1", listener->port()), "six", heard));
    EXPECT_EQ(heard, "six");
    run(say(loop, *SocketAddress::parse("127.0.0.1", listener->port()), "four", heard));
    EXPECT_EQ(heard, "four");
    ASSERT_EQ(peers.size(), 2u);
    EXPECT_TRUE(peers[0].starts_with("[::1]:")) << peers[0];
    EXPECT_TRUE(peers[1].starts_with("127.0.0.1:")) << peers[1];
}

TEST_F(ListenerTest, ATakenPortIsAClearError) {
    auto listener = echo_listener();
    ASSERT_TRUE(listener);
    Result<> free = check_port_is_free("127.0.0.1", listener->port());
    ASSERT_FALSE(free);
    EXPECT_EQ(free.error().code(), ErrorCode::conflict);
    EXPECT_NE(free.error().message().find(listener->text()), std::string_view::npos);
    EXPECT_NE(free.error().message().find("taken"), std::string_view::npos);
    std::uint16_t port = listener->port();
    listener.reset();
    EXPECT_TRUE(check_port_is_free("127.0.0.1", port));
}

TEST_F(ListenerTest, TwoLoopsShareOnePort) {
    auto listener = echo_listener();
    ASSERT_TRUE(listener);
    Loop other;
    EXPECT_TRUE(Listener::open(other, "127.0.0.1", listener->port(), [](Own, std::string_view) {}));
}

TEST_F(ListenerTest, RefusesWhatIsNoAddress) {
    auto listener = Listener::open(loop, "example.com", 0, [](Own, std::string_view) {});
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code(), ErrorCode::config_invalid);
}

TEST_F(ListenerTest, AfterCloseNobodyIsLetInAndThoseInsideStay) {
    auto listener = echo_listener();
    ASSERT_TRUE(listener);
    auto address = *SocketAddress::parse("127.0.0.1", listener->port());
    std::string heard;
    run(say(loop, address, "first", heard));
    listener->close();
    heard.clear();
    run(say(loop, address, "second", heard));
    EXPECT_EQ(heard, "");
    EXPECT_EQ(peers.size(), 1u);
}

// Without free descriptors it must neither spin nor go deaf.
TEST_F(ListenerTest, WaitsForAFreeDescriptor) {
#ifdef WEIR_SANITIZED
    GTEST_SKIP() << "UBSan itself needs a free descriptor, to look at memory";
#endif
    auto listener = echo_listener();
    ASSERT_TRUE(listener);
    int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = *SocketAddress::parse("127.0.0.1", listener->port());
    ASSERT_EQ(::connect(client, address.data(), address.size()), 0);
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    int next = ::dup(client);
    ::close(next);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(next);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    std::uint64_t turns = loop.turn();
    run(rest(loop, milliseconds{150}));
    EXPECT_TRUE(peers.empty());
    EXPECT_LT(loop.turn() - turns, 100u);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < 50 && peers.empty(); ++i) run(rest(loop, milliseconds{50}));
    EXPECT_EQ(peers.size(), 1u);
    ::close(client);
}

}  // namespace
}  // namespace weir::runtime
