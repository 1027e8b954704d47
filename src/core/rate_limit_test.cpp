#include "core/rate_limit.h"

#include <deque>
#include <gtest/gtest.h>
#include <random>

namespace weir::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'478'400);

Attribution whose(std::string_view team, std::string_view trajectory = {}) {
    Attribution out;
    out.offer(Dimension::team, team, Source::key);
    if (!trajectory.empty()) out.offer(Dimension::trajectory, trajectory, Source::header);
    return out;
}

RateLimitSpec of_team(std::string name) { return {.name = std::move(name), .by = Dimension::team}; }

RateLimitSpec requests(std::int64_t a_minute, Duration burst = std::chrono::minutes{1}) {
    RateLimitSpec spec = of_team("requests");
    spec.requests = a_minute;
    spec.burst = burst;
    return spec;
}

RateLimitSpec tokens(std::int64_t a_minute) {
    RateLimitSpec spec = of_team("tokens");
    spec.tokens = a_minute;
    return spec;
}

class RateLimitsTest : public ::testing::Test {
 protected:
    void define(std::vector<RateLimitSpec> specs) { limits_.define(std::move(specs)); }
    // Asks, and takes what is let through.
    bool pass(const Attribution& who, std::int64_t tokens = 0) {
        request_.attribution = &who;
        request_.token_bound = tokens;
        request_.now = now_;
        const Result<> checked = limits_.check(request_, verdict_);
        EXPECT_TRUE(checked);
        if (!checked || verdict_.refused) return false;
        limits_.enter(request_, verdict_, tickets_.emplace_back());
        return true;
    }
    bool pass(std::int64_t tokens = 0) { return pass(team_, tokens); }
    // Ends the oldest call that is open.
    void end(std::int64_t tokens = 0) {
        limits_.leave(tickets_.front(), tokens, now_);
        tickets_.pop_front();
    }
    int pass_all() {
        int count = 0;
        while (count < 10'000 && pass()) ++count;
        return count;
    }

    RateLimits limits_{64};
    Attribution team_ = whose("research");
    UnixTime now_ = kNow;
    RateVerdict verdict_;
    RateRequest request_;
    std::deque<RateTicket> tickets_;
};

TEST_F(RateLimitsTest, a_minutes_worth_may_come_at_once_and_then_the_rate) {
    define({requests(60)});
    EXPECT_EQ(pass_all(), 60);
    EXPECT_EQ(verdict_.refused->limit, "requests");
    EXPECT_EQ(verdict_.refused->instance, "research");
    EXPECT_EQ(verdict_.retry_after, seconds{1});
    now_ = now_ + milliseconds{999};
    EXPECT_FALSE(pass());
    EXPECT_EQ(verdict_.retry_after, milliseconds{1}) << "what is said is when it is so";
    now_ = now_ + milliseconds{1};
    EXPECT_EQ(pass_all(), 1);
    now_ = now_ + seconds{60};
    EXPECT_EQ(pass_all(), 60) << "rest saves no more than the burst";
}

TEST_F(RateLimitsTest, no_minute_sees_more_than_the_burst_and_the_rate) {
    define({requests(120, seconds{10})});
    std::mt19937_64 random{7};
    std::deque<UnixTime> passed;
    std::size_t most = 0;
    for (int i = 0; i < 50'000; ++i) {
        now_ = now_ + milliseconds{random() % 100 == 0 ? random() % 40'000 : random() % 300};
        if (!pass()) continue;
        end();
        passed.push_back(now_);
        while (now_ - passed.front() >= seconds{60}) passed.pop_front();
        most = std::max(most, passed.size());
    }
    EXPECT_LE(most, 140u);
    EXPECT_GE(most, 135u) << "the bound is reached, not merely kept";
}

TEST_F(RateLimitsTest, one_request_passes_where_the_burst_is_shorter_than_its_time) {
    define({requests(1, seconds{1})});
    EXPECT_EQ(pass_all(), 1);
    EXPECT_EQ(verdict_.retry_after, seconds{60});
    now_ = now_ + seconds{60};
    EXPECT_EQ(limits_.standings(team_, now_).at(0).remaining, 1);
    EXPECT_EQ(pass_all(), 1);
}

TEST_F(RateLimitsTest, tokens_are_held_at_their_most_and_charged_as_used) {
    define({tokens(1'000)});
    EXPECT_TRUE(pass(600));
    EXPECT_FALSE(pass(600)) << "in flight at its most";
    EXPECT_EQ(verdict_.refused->unit, RateUnit::tokens);
    EXPECT_EQ(verdict_.refused->remaining, 400);
    end(100);
    EXPECT_TRUE(pass(600)) << "only what was used is charged";
    end(600);
    EXPECT_FALSE(pass(600));
    EXPECT_EQ(verdict_.retry_after, seconds{18}) << "300 tokens too many, at 1,000 a minute";
    now_ = now_ + seconds{18};
    EXPECT_TRUE(pass(600));
}

TEST_F(RateLimitsTest, a_call_that_used_more_than_its_bound_is_waited_off) {
    define({tokens(1'000)});
    EXPECT_TRUE(pass(10));
    end(3'000);
    EXPECT_FALSE(pass(10));
    EXPECT_EQ(verdict_.retry_after, milliseconds{120'600});
}

TEST_F(RateLimitsTest, a_call_larger_than_the_limit_goes_alone) {
    define({tokens(1'000)});
    EXPECT_TRUE(pass(1));
    EXPECT_FALSE(pass(50'000)) << "not beside another";
    end(1);
    EXPECT_FALSE(pass(50'000));
    now_ = now_ + verdict_.retry_after;
    EXPECT_TRUE(pass(50'000)) << "never refused for good";
    EXPECT_FALSE(pass(1));
    end(2'000);
    EXPECT_FALSE(pass(1));
    now_ = now_ + seconds{61};
    EXPECT_TRUE(pass(1));
}

TEST_F(RateLimitsTest, calls_at_once_is_a_gauge) {
    RateLimitSpec spec = of_team("few");
    spec.parallel = 2;
    define({spec});
    EXPECT_EQ(pass_all(), 2);
    EXPECT_EQ(verdict_.refused->unit, RateUnit::parallel);
    EXPECT_EQ(verdict_.retry_after, Duration{}) << "nobody knows when a call ends";
    now_ = now_ + std::chrono::hours{1};
    EXPECT_FALSE(pass()) << "time frees no place";
    end();
    EXPECT_EQ(pass_all(), 1);
}

TEST_F(RateLimitsTest, what_one_limit_refuses_takes_nothing_of_another) {
    RateLimitSpec few = of_team("few");
    few.parallel = 1;
    define({requests(10), few});
    EXPECT_TRUE(pass());
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(pass());
    end();
    EXPECT_TRUE(pass());
    EXPECT_EQ(limits_.standings(team_, now_).at(0).remaining, 8);
}

TEST_F(RateLimitsTest, the_longest_wait_is_told) {
    RateLimitSpec slow = requests(1);
    slow.name = "slow";
    define({slow, requests(60, seconds{1})});
    EXPECT_TRUE(pass());
    EXPECT_FALSE(pass());
    EXPECT_EQ(verdict_.refused->limit, "slow");
    EXPECT_EQ(verdict_.retry_after, seconds{60});
}

TEST_F(RateLimitsTest, each_team_has_its_own) {
    define({requests(5)});
    EXPECT_EQ(pass_all(), 5);
    EXPECT_TRUE(pass(whose("support")));
    RateLimitSpec everybody = requests(5);
    everybody.by.reset();
    everybody.name = "everybody";
    define({everybody});
    EXPECT_EQ(pass_all(), 5);
    EXPECT_FALSE(pass(whose("support")));
    EXPECT_TRUE(verdict_.standings.empty()) << "a pot in which others are is not told";
    EXPECT_EQ(verdict_.refused->limit, "everybody");
}

TEST_F(RateLimitsTest, another_attempt_of_a_call_is_no_other_request) {
    define({requests(1), tokens(1'000)});
    EXPECT_TRUE(pass(900));
    end(900);
    request_.first_attempt = false;
    EXPECT_FALSE(pass(900)) << "its tokens are tokens";
    EXPECT_TRUE(pass(100));
}

// I9
TEST_F(RateLimitsTest, a_call_that_is_refused_after_all_took_nothing) {
    RateLimitSpec spec = requests(60);
    spec.tokens = 1'000;
    spec.parallel = 2;
    define({spec});
    EXPECT_TRUE(pass(300));
    const auto before = limits_.standings(team_, now_);
    EXPECT_TRUE(pass(300));
    limits_.undo(tickets_.back());
    tickets_.pop_back();
    const auto after = limits_.standings(team_, now_);
    ASSERT_EQ(after.size(), 3u);
    for (std::size_t i = 0; i < after.size(); ++i) {
        EXPECT_EQ(after[i].remaining, before[i].remaining);
        EXPECT_EQ(after[i].full_in, before[i].full_in);
    }
}

TEST_F(RateLimitsTest, a_changed_limit_keeps_its_standing) {
    define({requests(60)});
    EXPECT_EQ(pass_all(), 60);
    define({requests(30)});
    EXPECT_EQ(pass_all(), 0) << "nothing is reset";
    EXPECT_EQ(limits_.standings(team_, now_).at(0).amount, 30);
    define({});
    EXPECT_TRUE(limits_.empty());
    EXPECT_TRUE(pass());
}

TEST_F(RateLimitsTest, calls_of_a_removed_limit_free_no_place_in_the_one_that_follows) {
    RateLimitSpec spec = of_team("few");
    spec.parallel = 1;
    define({spec});
    EXPECT_TRUE(pass());
    define({});
    define({spec});
    EXPECT_TRUE(pass());
    end();
    EXPECT_FALSE(pass()) << "the second call is still in flight";
    end();
    EXPECT_TRUE(pass());
}

TEST_F(RateLimitsTest, instances_at_rest_make_room_and_others_do_not) {
    RateLimitSpec spec{.name = "agents", .by = Dimension::trajectory};
    spec.requests = 60;
    define({spec});
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(pass(whose("research", "t" + std::to_string(i))));
    const Attribution one_more = whose("research", "one more");
    request_.attribution = &one_more;
    const Result<> refused = limits_.check(request_, verdict_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::too_many_trajectories);
    EXPECT_TRUE(pass(whose("research", "t3"))) << "those that are there go on";
    while (!tickets_.empty()) end();
    now_ = now_ + seconds{2};
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(pass(whose("research", "u" + std::to_string(i)))) << i;
        end();
        now_ = now_ + seconds{1};
    }
}

TEST_F(RateLimitsTest, the_answer_tells_the_tightest_of_each_unit) {
    RateLimitSpec wide = requests(100);
    wide.name = "wide";
    define({wide, requests(10), tokens(1'000)});
    EXPECT_TRUE(pass(250));
    ASSERT_EQ(verdict_.standings.size(), 2u);
    EXPECT_EQ(verdict_.standings[0].limit, "requests");
    EXPECT_EQ(verdict_.standings[0].remaining, 9);
    EXPECT_EQ(verdict_.standings[0].full_in, seconds{6});
    EXPECT_EQ(verdict_.standings[1].unit, RateUnit::tokens);
    EXPECT_EQ(verdict_.standings[1].remaining, 750);
}

}  // namespace
}  // namespace weir::core
