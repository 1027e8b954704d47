#include "runtime/dns.h"

#include <memory>

#include "runtime/loop_fixture.h"
#include "runtime/test_dns_server.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Dns : public LoopTest {
 protected:
    Result<Addresses> resolve(const std::string& host, Duration timeout = seconds{10}) {
        Result<Addresses> result = fail(ErrorCode::internal);
        run(resolve_into(resolver, host, timeout, result));
        return result;
    }
    static Task<> resolve_into(Resolver& r, std::string host, Duration timeout,
                               Result<Addresses>& result) {
        result = co_await r.resolve(std::move(host), 443, timeout);
    }
    static Task<> rest(Loop& l, Duration d) { co_await l.sleep(d); }

    TestDnsServer server{loop};
    Resolver resolver{loop, server.address()};
};

TEST_F(Dns, LiteralsNeedNoLookUp) {
    auto v4 = resolve("192.0.2.1");
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->front().text(), "192.0.2.1:443");
    auto v6 = resolve("[2001:db8::1]");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->front().text(), "[2001:db8::1]:443");
    EXPECT_EQ(resolver.look_ups(), 0u);
}

TEST_F(Dns, LocalhostIsThisMachine) {
    auto found = resolve("localhost");
    ASSERT_TRUE(found) << found.error().detail();
    for (const SocketAddress& address : *found) {
        EXPECT_TRUE(address.host() == "127.0.0.1" || address.host() == "::1") << address.text();
    }
}

TEST_F(Dns, AnAnswerIsAskedForOnceAndCached) {
    server.names["api.example.com"] = {"192.0.2.7"};
    Result<Addresses> other = fail(ErrorCode::internal);
    tasks.spawn(resolve_into(resolver, "api.example.com", seconds{10}, other));
    auto found = resolve("api.example.com");
    ASSERT_TRUE(found) << found.error().detail();
    EXPECT_EQ(found->front().text(), "192.0.2.7:443");
    run_turns(1);
    ASSERT_TRUE(other);
    EXPECT_TRUE(resolve("api.example.com"));
    EXPECT_EQ(resolver.look_ups(), 1u);
    EXPECT_EQ(server.questions, 1);
}

TEST_F(Dns, AnOldAnswerIsUsedWhileANewOneIsFetched) {
    server.names["api.example.com"] = {"192.0.2.7"};
    server.ttl = 1;
    ASSERT_TRUE(resolve("api.example.com"));
    run(rest(loop, milliseconds{1100}));
    server.names["api.example.com"] = {"192.0.2.8"};
    auto old = resolve("api.example.com");
    ASSERT_TRUE(old);
    EXPECT_EQ(old->front().host(), "192.0.2.7");
    EXPECT_EQ(resolver.look_ups(), 2u);
    std::string now_known;
    for (int i = 0; i < 50 && now_known != "192.0.2.8"; ++i) {
        run(rest(loop, milliseconds{10}));
        now_known = resolve("api.example.com")->front().host();
    }
    EXPECT_EQ(now_known, "192.0.2.8");
}

TEST_F(Dns, AMissingNameIsAnErrorAndAskedForOnceASecond) {
    auto missing = resolve("missing.example.com");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), ErrorCode::provider_unreachable);
    EXPECT_NE(missing.error().detail().find("missing.example.com"), std::string::npos);
    EXPECT_FALSE(resolve("missing.example.com"));
    EXPECT_EQ(resolver.look_ups(), 1u);
    server.names["missing.example.com"] = {"192.0.2.9"};
    run(rest(loop, milliseconds{1100}));
    EXPECT_TRUE(resolve("missing.example.com"));
}

TEST_F(Dns, ASilentServerTimesOut) {
    server.silent = true;
    auto result = resolve("api.example.com", milliseconds{50});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::provider_timeout);
}

TEST_F(Dns, WaitersAndResolverMayGoInAnyOrder) {
    server.silent = true;
    Result<Addresses> result = fail(ErrorCode::internal);
    {
        TaskGroup group;
        group.spawn(resolve_into(resolver, "a.example.com", seconds{10}, result));
        run_turns(2);
    }
    TaskGroup group;
    {
        Resolver doomed{loop, server.address()};
        group.spawn(resolve_into(doomed, "b.example.com", milliseconds{1}, result));
        run_turns(2);
    }
    run(rest(loop, milliseconds{200}));
    EXPECT_EQ(group.size(), 1u);
    EXPECT_EQ(result.error().code(), ErrorCode::internal);
}

TEST_F(Dns, NamesThatAreNoneAreErrors) {
    for (const std::string& name :
         {std::string{}, std::string(300, 'a'), std::string{"a..b"}, std::string{"a b"}}) {
        EXPECT_FALSE(resolve(name, seconds{5})) << name;
    }
}

}  // namespace
}  // namespace weir::runtime
