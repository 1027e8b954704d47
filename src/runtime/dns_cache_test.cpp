#include "runtime/dns_cache.h"

#include <gtest/gtest.h>

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

MonoTime at(Duration d) { return MonoTime{1'000'000'000'000} + d; }
Addresses one(const char* literal) { return {*SocketAddress::parse(literal, 0)}; }

TEST(DnsCache, ServesAnAnswerForItsTtlAndThenAsksWhileServingIt) {
    DnsCache cache;
    EXPECT_TRUE(cache.find("a", at({})).look_up);
    cache.store("a", one("192.0.2.1"), seconds{60}, at({}));
    auto fresh = cache.find("a", at(seconds{59}));
    ASSERT_TRUE(fresh.addresses);
    EXPECT_FALSE(fresh.look_up);
    auto stale = cache.find("a", at(seconds{60}));
    ASSERT_TRUE(stale.addresses);
    EXPECT_EQ(stale.addresses->front().host(), "192.0.2.1");
    EXPECT_TRUE(stale.look_up);
    EXPECT_FALSE(cache.find("a", at(std::chrono::hours{2})).addresses);
}

TEST(DnsCache, AnUnknownTtlIsThirtySecondsAndOthersAreKeptInBounds) {
    DnsCache cache;
    cache.store("unknown", one("192.0.2.1"), std::nullopt, at({}));
    EXPECT_FALSE(cache.find("unknown", at(seconds{29})).look_up);
    EXPECT_TRUE(cache.find("unknown", at(seconds{30})).look_up);
    cache.store("short", one("192.0.2.1"), milliseconds{0}, at({}));
    EXPECT_FALSE(cache.find("short", at(milliseconds{999})).look_up);
    cache.store("long", one("192.0.2.1"), std::chrono::hours{24}, at({}));
    EXPECT_TRUE(cache.find("long", at(DnsCache::kMostTtl)).look_up);
}

TEST(DnsCache, AFailureIsBelievedForASecond) {
    DnsCache cache;
    cache.store_failure("a", "no such name", at({}));
    auto failed = cache.find("a", at(milliseconds{999}));
    EXPECT_FALSE(failed.addresses);
    EXPECT_FALSE(failed.look_up);
    ASSERT_TRUE(failed.failure);
    EXPECT_EQ(*failed.failure, "no such name");
    EXPECT_TRUE(cache.find("a", at(seconds{1})).look_up);
}

TEST(DnsCache, AFailureDoesNotDriveOutAnAnswer) {
    DnsCache cache;
    cache.store("a", one("192.0.2.1"), seconds{10}, at({}));
    cache.store_failure("a", "server is down", at(seconds{20}));
    auto stale = cache.find("a", at(seconds{20}));
    EXPECT_TRUE(stale.addresses);
    EXPECT_FALSE(stale.look_up);
    EXPECT_TRUE(cache.find("a", at(seconds{21})).look_up);
    cache.store_failure("a", "server is down", at(std::chrono::hours{2}));
    EXPECT_FALSE(cache.find("a", at(std::chrono::hours{2})).addresses);
}

TEST(DnsCache, DoubtAsksAgainAtOnce) {
    DnsCache cache;
    cache.store("a", one("192.0.2.1"), seconds{60}, at({}));
    cache.doubt("a", at(seconds{1}));
    cache.doubt("never seen", at(seconds{1}));
    auto found = cache.find("a", at(seconds{1}));
    EXPECT_TRUE(found.addresses);
    EXPECT_TRUE(found.look_up);
    EXPECT_EQ(cache.size(), 1u);
}

TEST(DnsCache, IsBounded) {
    DnsCache cache;
    for (std::size_t i = 0; i < 3 * DnsCache::kMaxNames; ++i) {
        cache.store(std::to_string(i), one("192.0.2.1"), seconds{60}, at({}));
        cache.store_failure("f" + std::to_string(i), "no", at({}));
        ASSERT_LE(cache.size(), DnsCache::kMaxNames);
    }
}

}  // namespace
}  // namespace weir::runtime
