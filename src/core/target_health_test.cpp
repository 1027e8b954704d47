#include "core/target_health.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TargetHealthTest : public ::testing::Test {
 protected:
    void fails(Trouble trouble, std::optional<Duration> retry_after = {}) {
        health_.saw(target_, {.trouble = trouble, .retry_after = retry_after}, now_);
    }
    void answers() { health_.saw(target_, {.first_byte = milliseconds{200}}, now_); }
    bool is_open() { return health_.ask(target_, now_) == Duration{}; }
    void wait(Duration d) { now_ = now_ + d; }

    TargetHealth health_;
    TargetName target_{"openai", "gpt-6", 0};
    MonoTime now_ = MonoTime{} + seconds{1000};
};

TEST_F(TargetHealthTest, one_reset_may_be_chance_and_three_in_a_row_are_not) {
    fails(Trouble::cut_off);
    fails(Trouble::cut_off);
    EXPECT_TRUE(is_open());
    answers();
    fails(Trouble::cut_off);
    fails(Trouble::cut_off);
    EXPECT_TRUE(is_open()) << "not in a row";
    fails(Trouble::cut_off);
    EXPECT_FALSE(is_open());
    wait(seconds{1});
    EXPECT_TRUE(is_open());
}

TEST_F(TargetHealthTest, a_rate_limit_counts_at_once_and_its_retry_after_is_obeyed) {
    fails(Trouble::rate_limited, seconds{7});
    wait(seconds{6});
    EXPECT_EQ(health_.ask(target_, now_), seconds{1});
    wait(seconds{1});
    EXPECT_TRUE(is_open());
}

TEST_F(TargetHealthTest, a_retry_after_of_a_day_is_not_believed_for_longer_than_the_limit) {
    fails(Trouble::rate_limited, std::chrono::hours{24});
    EXPECT_EQ(health_.ask(target_, now_), TargetHealth::kLongestRetryAfter);
}

TEST_F(TargetHealthTest, after_a_cooldown_one_call_finds_out_while_others_stay_away) {
    fails(Trouble::overloaded);
    wait(seconds{1});
    EXPECT_TRUE(is_open());
    EXPECT_FALSE(is_open()) << "the probe is under way";
    answers();
    EXPECT_TRUE(is_open());
    EXPECT_TRUE(is_open());
}

TEST_F(TargetHealthTest, a_probe_that_is_never_heard_of_again_bars_nobody_for_long) {
    fails(Trouble::overloaded);
    wait(seconds{1});
    EXPECT_TRUE(is_open());
    wait(TargetHealth::kProbePatience);
    EXPECT_TRUE(is_open());
}

TEST_F(TargetHealthTest, each_failed_probe_doubles_the_cooldown_up_to_a_minute) {
    fails(Trouble::overloaded);
    for (const int expected : {2, 4, 8, 16, 32, 60, 60}) {
        wait(health_.ask(target_, now_));
        EXPECT_TRUE(is_open());
        fails(Trouble::timed_out);
        EXPECT_EQ(health_.ask(target_, now_), seconds{expected});
    }
    wait(seconds{60});
    EXPECT_TRUE(is_open());
    answers();
    fails(Trouble::overloaded);
    EXPECT_EQ(health_.ask(target_, now_), seconds{1}) << "it was well in between";
}

TEST_F(TargetHealthTest, what_is_about_the_call_weighs_on_no_target) {
    for (int i = 0; i < 10; ++i) fails(Trouble::too_long);
    for (int i = 0; i < 10; ++i) fails(Trouble::filtered);
    EXPECT_TRUE(is_open());
    EXPECT_EQ(health_.figures(now_).front().failures, 0u);
}

TEST_F(TargetHealthTest, one_key_cools_without_the_other) {
    fails(Trouble::unauthorized);
    EXPECT_FALSE(is_open());
    target_.key = 1;
    EXPECT_TRUE(is_open());
}

TEST_F(TargetHealthTest, figures_tell_state_shares_and_quota) {
    answers();
    health_.saw(target_,
                {.first_byte = milliseconds{300}, .quota = {.requests_left = 9, .tokens_left = 80}},
                now_);
    fails(Trouble::rate_limited, seconds{5});
    const auto figures = health_.figures(now_);
    ASSERT_EQ(figures.size(), 1u);
    EXPECT_EQ(figures[0].state, TargetHealth::State::cooling);
    EXPECT_EQ(figures[0].cooldown_left, seconds{5});
    EXPECT_EQ(figures[0].attempts, 3u);
    EXPECT_EQ(figures[0].failures, 1u);
    EXPECT_NEAR(figures[0].recent_failure_rate, 1.0 / 3, 1e-9);
    EXPECT_EQ(figures[0].first_byte, milliseconds{210});
    EXPECT_EQ(figures[0].quota.requests_left, 9);
    EXPECT_EQ(figures[0].quota.tokens_left, 80);
}

TEST_F(TargetHealthTest, names_beyond_the_limit_are_not_watched) {
    for (std::size_t i = 0; i < TargetHealth::kTargetsMax + 10; ++i) {
        const std::string model = std::to_string(i);
        health_.saw({"p", model, 0}, {}, now_);
    }
    EXPECT_EQ(health_.figures(now_).size(), TargetHealth::kTargetsMax);
}

}  // namespace
}  // namespace weir::core
