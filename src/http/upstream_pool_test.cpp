#include "http/upstream_pool.h"

#include <memory>

#include "http/http_fixture.h"

namespace weir::http {
namespace {

using Connection = UpstreamPool::Connection;

Task<> acquire_into(UpstreamPool& pool, const runtime::Address& address, Result<Connection>& into) {
    into = co_await pool.acquire(address, seconds{10});
}

Task<> dial_into(UpstreamPool& pool, const runtime::Address& address, Result<Connection>& into) {
    into = co_await pool.dial(address, seconds{10});
}

class Pool : public HttpTest {
 protected:
    void make(PoolLimits limits = {}) { pool.emplace(net, buffers, limits); }
    Result<Connection> acquire(const runtime::Address& address) {
        Result<Connection> got = fail(ErrorCode::internal);
        run(acquire_into(*pool, address, got));
        run_turns(2);
        return got;
    }
    Result<Connection> dial(const runtime::Address& address) {
        Result<Connection> got = fail(ErrorCode::internal);
        run(dial_into(*pool, address, got));
        run_turns(2);
        return got;
    }
    // The provider's end of the n-th connection.
    Stream& far(std::size_t n) { return *net.accepted.at(n); }

    runtime::Address one{.host = "one", .port = 443};
    runtime::Address two{.host = "two", .port = 443};
    std::optional<UpstreamPool> pool;
};

TEST_F(Pool, TheNewestConnectionIsUsedFirst) {
    make();
    auto a = acquire(one);
    auto b = acquire(one);
    ASSERT_TRUE(a && b);
    EXPECT_FALSE((*a)->reused());
    const UpstreamConnection* newest = b->get();
    const UpstreamConnection* oldest = a->get();
    pool->give_back(one, std::move(*a));
    pool->give_back(one, std::move(*b));
    EXPECT_EQ(pool->idle(), 2U);
    EXPECT_EQ(buffers.in_use(), 0U);
    auto first = acquire(one);
    EXPECT_EQ(first->get(), newest);
    EXPECT_TRUE((*first)->reused());
    EXPECT_EQ(acquire(one)->get(), oldest);
    EXPECT_EQ(net.dials, 2);
}

TEST_F(Pool, AddressesDoNotShare) {
    make();
    runtime::Address tls = one;
    tls.tls = true;
    runtime::Address unverified = tls;
    unverified.verify_tls = false;
    runtime::Address trusting = tls;
    trusting.ca_file = "ca.pem";
    pool->give_back(one, std::move(*acquire(one)));
    for (const auto& other : {two, tls, unverified, trusting}) {
        auto got = acquire(other);
        EXPECT_FALSE((*got)->reused());
        pool->give_back(other, std::move(*got));
    }
    EXPECT_EQ(net.dials, 5);
    EXPECT_EQ(pool->addresses(), 5U);
}

TEST_F(Pool, AnIdleConnectionThatTheProviderClosesIsGoneAtOnce) {
    make();
    auto a = acquire(one);
    auto b = acquire(one);
    pool->give_back(one, std::move(*a));
    pool->give_back(one, std::move(*b));
    net.accepted[0].reset();
    run_turns(2);
    EXPECT_EQ(pool->idle(), 1U);
    far(1).shutdown_write();
    run_turns(2);
    EXPECT_EQ(pool->idle(), 0U);
    EXPECT_EQ(pool->addresses(), 0U);
    EXPECT_FALSE((*acquire(one))->reused());
}

// They would be taken for the answer to the next request, which may be somebody else's.
TEST_F(Pool, AnIdleConnectionThatSpeaksUnaskedIsGone) {
    make();
    pool->give_back(one, std::move(*acquire(one)));
    write(far(0), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    EXPECT_EQ(pool->idle(), 0U);

    auto held = acquire(one);
    write(far(1), "x");
    pool->give_back(one, std::move(*held));  // the byte has come, and nobody has looked
    EXPECT_FALSE((*acquire(one))->reused());
    EXPECT_EQ(net.dials, 3);
}

Task<> use_up_the_turn_and_acquire(UpstreamPool& pool, const runtime::Address& address,
                                   Connection connection, bool& reused) {
    char byte = 0;
    while (connection->stream().try_read(&byte, 1) == 1) {
    }
    pool.give_back(address, std::move(connection));
    auto again = co_await pool.acquire(address, seconds{10});
    reused = (*again)->reused();
}

TEST_F(Pool, AConnectionThatHadItsShareOfTheTurnIsNotTrustedToBeQuiet) {
    make();
    auto held = acquire(one);
    write(far(0), std::string(1000, 'x'));  // more than a turn's share of reads by one byte
    bool reused = true;
    run(use_up_the_turn_and_acquire(*pool, one, std::move(*held), reused));
    EXPECT_FALSE(reused);
    run_turns(3);
    EXPECT_EQ(pool->idle(), 0U);
}

TEST_F(Pool, UnreadBytesOfAnAnswerEndAConnection) {
    make();
    auto held = acquire(one);
    auto& input = (*held)->input();
    ASSERT_TRUE(input.make_room(100));
    input.free_space()[0] = 'x';
    input.filled(1);
    pool->give_back(one, std::move(*held));
    EXPECT_EQ(pool->idle(), 0U);
    EXPECT_EQ(buffers.in_use(), 0U);
}

TEST_F(Pool, IdleConnectionsRunOutOfTime) {
    make({.idle_for = milliseconds{50}});
    pool->give_back(one, std::move(*acquire(one)));
    EXPECT_EQ(pool->idle(), 1U);
    run_until([&] { return pool->idle() == 0; });
    Received received;
    run(receive(far(0), received));
    EXPECT_EQ(received.error, 0);
}

TEST_F(Pool, NoMoreThanSoManyStayIdle) {
    make({.idle_max = 2});
    std::vector<Connection> held;
    for (int i = 0; i < 4; ++i) held.push_back(std::move(*acquire(one)));
    for (auto& connection : held) pool->give_back(one, std::move(connection));
    EXPECT_EQ(pool->idle(), 2U);
}

TEST_F(Pool, BeyondTheLimitOfConnectionsACallIsRefused) {
    make({.connections_max = 2});
    auto a = acquire(one);
    auto b = acquire(one);
    auto c = acquire(one);
    ASSERT_FALSE(c);
    EXPECT_EQ(c.error().code(), ErrorCode::overloaded);
    EXPECT_TRUE(acquire(two)) << "the limit is an address's own";
    pool->discard(one, std::move(*a));
    EXPECT_TRUE(acquire(one));
}

TEST_F(Pool, AFreshConnectionTakesThePlaceOfTheOldestIdleOne) {
    make({.connections_max = 2});
    auto a = acquire(one);
    auto b = acquire(one);
    pool->give_back(one, std::move(*a));
    pool->give_back(one, std::move(*b));
    EXPECT_TRUE(dial(one));
    EXPECT_EQ(pool->idle(), 1U);
    Received received;
    run(receive(far(0), received));
    EXPECT_TRUE(received.ended);
    EXPECT_FALSE(far(1).peer_gone());
}

TEST_F(Pool, AFailedDialHoldsNoPlace) {
    make({.connections_max = 1});
    net.refuse = true;
    EXPECT_EQ(acquire(one).error().code(), ErrorCode::provider_unreachable);
    net.refuse = false;
    net.hang = true;
    Result<Connection> got = fail(ErrorCode::internal);
    auto group = std::make_unique<runtime::TaskGroup>();
    group->spawn(acquire_into(*pool, one, got));
    EXPECT_EQ(acquire(one).error().code(), ErrorCode::overloaded);
    group.reset();  // the call was abandoned in the middle of it
    net.hang = false;
    EXPECT_TRUE(acquire(one));
}

TEST_F(Pool, AnAddressWithoutConnectionsIsForgotten) {
    make();
    for (int i = 0; i < 100; ++i) {
        runtime::Address address{.host = "host" + std::to_string(i), .port = 80};
        pool->discard(address, std::move(*acquire(address)));
    }
    EXPECT_EQ(pool->addresses(), 0U);
}

TEST_F(Pool, MayBeDestroyedWithIdleConnections) {
    make();
    pool->give_back(one, std::move(*acquire(one)));
    pool.reset();
    Received received;
    run(receive(far(0), received));
    EXPECT_EQ(received.error, 0);
}

}  // namespace
}  // namespace weir::http
