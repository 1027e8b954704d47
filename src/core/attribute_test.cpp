#include "core/attribute.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "core/attribute_text.h"

namespace weir::core {
namespace {

class Attribute : public ::testing::Test {
 protected:
    Attribute() {
        policy_.environments = {
            {.name = "production", .aliases = {"prod", "live"}, .lenient = true},
            {.name = "staging", .aliases = {}, .lenient = false},
        };
        key_.id = "Ab3dE6gHi9Jk";
        key_.team = "research";
    }
    Result<Attribution> ask() {
        return attribute({.policy = &policy_,
                          .key = &key_,
                          .headers = headers_,
                          .url_tags = url_,
                          .shape = &shape_});
    }
    Attribution good() {
        Result<Attribution> out = ask();
        EXPECT_TRUE(out);
        return out ? *out : Attribution{};
    }
    void header(std::string_view name, std::string_view value) {
        headers_.emplace_back(name, value);
    }
    static std::string tag(const Attribution& a, std::string_view name) {
        for (const auto& [key, value] : a.tags) {
            if (key == name) return value;
        }
        return {};
    }

    Policy policy_;
    KeyRecord key_;
    std::vector<HeaderView> headers_;
    std::string_view url_;
    CallShape shape_;
};

TEST_F(Attribute, what_the_key_is_bound_to_wins_and_the_answer_says_so) {
    key_.application = "support";
    header("X-Weir-Application", "free-lunch");
    const Attribution a = good();
    EXPECT_EQ(a.of(Dimension::application), "support");
    EXPECT_EQ(a.source(Dimension::application), Source::key);
    EXPECT_EQ(a.ignored, std::vector{Dimension::application});
}

TEST_F(Attribute, a_header_that_agrees_with_the_key_is_not_ignored) {
    key_.environment = "prod";
    header("x-weir-environment", "LIVE");
    const Attribution a = good();
    EXPECT_EQ(a.of(Dimension::environment), "production");
    EXPECT_TRUE(a.ignored.empty());
}

// ledger.md §0.6
TEST_F(Attribute, a_caller_cannot_make_itself_production) {
    header("x-weir-environment", "production");
    url_ = "environment=production";
    header("baggage", "deployment.environment.name=production");
    shape_.weir_metadata = {{"weir.environment", "production"}};
    const Attribution a = good();
    EXPECT_EQ(a.of(Dimension::environment), "unassigned");
    EXPECT_FALSE(environment_is_lenient(policy_, a));
    EXPECT_EQ(a.ignored, std::vector{Dimension::environment});
}

TEST_F(Attribute, only_a_key_bound_to_a_lenient_environment_is_lenient) {
    key_.environment = "prod";
    EXPECT_TRUE(environment_is_lenient(policy_, good()));
    key_.environment = "staging";
    EXPECT_FALSE(environment_is_lenient(policy_, good()));
    key_.environment = "sandbox";
    EXPECT_FALSE(environment_is_lenient(policy_, good()));
}

TEST_F(Attribute, team_key_and_user_are_never_believed_from_a_caller) {
    header("x-weir-team", "board");
    header("x-weir-user", "ceo");
    header("x-weir-tags", "team=board,key=other");
    const Attribution a = good();
    EXPECT_EQ(a.of(Dimension::team), "research");
    EXPECT_EQ(a.of(Dimension::key), "Ab3dE6gHi9Jk");
    EXPECT_EQ(a.of(Dimension::user), "");
    EXPECT_EQ(a.ignored, (std::vector{Dimension::team, Dimension::user, Dimension::key}));
}

TEST_F(Attribute, sources_speak_in_order_of_trust) {
    shape_.weir_metadata = {{"weir.task_type", "body"}};
    EXPECT_EQ(good().of(Dimension::task_type), "body");
    header("baggage", "weir.task_type=baggage");
    EXPECT_EQ(good().of(Dimension::task_type), "baggage");
    url_ = "task_type=url";
    EXPECT_EQ(good().of(Dimension::task_type), "url");
    header("x-weir-task-type", "header");
    EXPECT_EQ(good().of(Dimension::task_type), "header");
    EXPECT_EQ(good().source(Dimension::task_type), Source::header);
    key_.task_type = "key";
    EXPECT_EQ(good().of(Dimension::task_type), "key");
}

TEST_F(Attribute, a_trajectory_is_found_in_order_of_trust_and_its_source_recorded) {
    const auto expect = [this](std::string_view value, Source source) {
        const Attribution a = good();
        EXPECT_EQ(a.of(Dimension::trajectory), value);
        EXPECT_EQ(a.source(Dimension::trajectory), source);
        EXPECT_TRUE(a.ignored.empty()) << "two sources of the caller's own are no contradiction";
    };
    expect("", Source::none);
    shape_.session = "body-session";
    expect("body-session", Source::body);
    header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    expect("4bf92f3577b34da6a3ce929d0e0e4736", Source::traceparent);
    header("baggage", "session.id=s1");
    expect("s1", Source::baggage);
    header("thread-id", "thread");
    header("session-id", "codex");
    expect("codex", Source::session);
    header("X-Claude-Code-Session-Id", "claude");
    expect("claude", Source::session);
    header("Helicone-Session-Id", "helicone");
    expect("helicone", Source::header);
    header("x-weir-trajectory", "mine");
    expect("mine", Source::header);
}

TEST_F(Attribute, every_known_agents_session_header_is_read_and_left_to_the_provider) {
    for (const std::string_view name : {"x-claude-code-session-id", "Session-Id", "thread-id",
                                        "session_id", "conversation_id", "X-Session-Affinity"}) {
        headers_ = {{name, "abc"}};
        EXPECT_EQ(good().of(Dimension::trajectory), "abc") << name;
        EXPECT_FALSE(is_attribution_header(name)) << name;
    }
}

// product.md §3.11
TEST(AttributionHeader, no_gateways_header_reaches_a_provider) {
    for (const std::string_view name :
         {"X-Weir-Key", "x-weir-goal", "x-weir-anything-new", "X-LiteLLM-Tags", "x-litellm-api-key",
          "x-portkey-config", "x-portkey-metadata", "CF-AIG-Metadata", "cf-aig-authorization",
          "Helicone-Auth", "Helicone-Property-Feature", "x-session-id", "baggage"}) {
        EXPECT_TRUE(is_attribution_header(name)) << name;
    }
    for (const std::string_view name :
         {"authorization", "x-api-key", "content-type", "anthropic-version", "x-weir",
          "traceparent", "openai-organization", "x-stainless-lang", "", "x", "cf-ray",
          "x-client-request-id"}) {
        EXPECT_FALSE(is_attribution_header(name)) << name;
    }
}

TEST_F(Attribute, other_gateways_headers_keep_their_meaning) {
    header("x-litellm-tags", "nightly, tier:gold,goal=4711");
    header("x-portkey-metadata",
           R"({"_user":"u-1","feature":"chat","n":3,"skip":{"a":[1,"}"]},"ok":true})");
    header("cf-aig-metadata", R"({"application":"caf\u00e9"})");
    header("Helicone-Property-Region", "eu");
    const Attribution a = good();
    EXPECT_EQ(tag(a, "nightly"), "true");
    EXPECT_EQ(tag(a, "tier"), "gold");
    EXPECT_EQ(a.of(Dimension::goal), "4711");
    EXPECT_EQ(a.of(Dimension::customer), "u-1");
    EXPECT_EQ(tag(a, "feature"), "chat");
    EXPECT_EQ(tag(a, "n"), "3");
    EXPECT_EQ(tag(a, "ok"), "true");
    EXPECT_EQ(tag(a, "skip"), "");
    EXPECT_EQ(a.of(Dimension::application), "café");
    EXPECT_EQ(tag(a, "Region"), "eu");
}

TEST_F(Attribute, opentelemetry_names_are_read_from_baggage) {
    header("baggage",
           "service.name=shop%20front;p=1, service.version=2.1,gen_ai.agent.name=planner,"
           "user.id=u7,weir.tag.squad=blue,other=x,weir.model=y,broken");
    const Attribution a = good();
    EXPECT_EQ(a.of(Dimension::application), "shop front");
    EXPECT_EQ(a.of(Dimension::version), "2.1");
    EXPECT_EQ(a.of(Dimension::agent), "planner");
    EXPECT_EQ(a.of(Dimension::customer), "u7");
    EXPECT_EQ(a.source(Dimension::customer), Source::baggage);
    EXPECT_EQ(tag(a, "squad"), "blue");
    EXPECT_EQ(a.tags.size(), 1u);
    EXPECT_EQ(a.of(Dimension::model), "");
}

TEST_F(Attribute, url_tags_are_percent_decoded) {
    url_ = "task-type=code%20review,squad=a%2Cb";
    const Attribution a = good();
    EXPECT_EQ(a.of(Dimension::task_type), "code review");
    EXPECT_EQ(tag(a, "squad"), "a,b");
    for (const std::string_view bad : {"squad", "=x", "squad=%4", "squad=%zz", "squad=%00"}) {
        url_ = bad;
        ASSERT_FALSE(ask()) << bad;
        EXPECT_EQ(ask().error().code(), ErrorCode::invalid_parameter);
    }
}

TEST_F(Attribute, the_end_user_of_the_body_is_a_customer_and_a_json_text_is_nobody) {
    shape_.user = "customer-9";
    EXPECT_EQ(good().of(Dimension::customer), "customer-9");
    EXPECT_EQ(good().of(Dimension::user), "");
    shape_.user = R"({"device_id":"d","session_id":"s"})";
    EXPECT_EQ(good().of(Dimension::customer), "");
}

TEST_F(Attribute, weirs_own_headers_are_checked_and_foreign_ones_dropped) {
    const std::string longest(256, 'a');
    const std::string longer(257, 'a');
    header("x-weir-goal", longest);
    EXPECT_EQ(good().of(Dimension::goal), longest);
    for (const std::string_view bad : {std::string_view{longer}, std::string_view{"a\x01b"},
                                       std::string_view{"\xff"}, std::string_view{"\xc0\xaf"}}) {
        headers_ = {{"x-weir-goal", bad}};
        ASSERT_FALSE(ask());
        EXPECT_EQ(ask().error().code(), ErrorCode::invalid_parameter);
        headers_ = {{"helicone-user-id", bad}};
        EXPECT_EQ(good().of(Dimension::customer), "");
    }
    shape_.user = longer;
    EXPECT_EQ(good().of(Dimension::customer), "");
}

TEST_F(Attribute, thirty_two_tags_are_taken_and_no_more) {
    std::string tags;
    for (int i = 0; i < 32; ++i) tags += "k" + std::to_string(i) + "=v,";
    header("x-weir-tags", tags);
    EXPECT_EQ(good().tags.size(), 32u);
    headers_.clear();
    tags += "one=more";
    header("x-weir-tags", tags);
    EXPECT_FALSE(ask());
    headers_ = {{"x-litellm-tags", tags}};
    EXPECT_EQ(good().tags.size(), 32u);
    headers_ = {{"x-weir-tags", "novalue"}};
    EXPECT_FALSE(ask());
}

TEST_F(Attribute, the_first_value_of_a_tag_stands) {
    header("x-weir-tags", "squad=blue,squad=red");
    const Attribution a = good();
    EXPECT_EQ(a.tags.size(), 1u);
    EXPECT_EQ(tag(a, "squad"), "blue");
}

TEST(AttributeText, a_traceparent_must_be_whole) {
    constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    EXPECT_EQ(trace_id_of(kGood), "4bf92f3577b34da6a3ce929d0e0e4736");
    for (std::size_t n = 0; n < kGood.size(); ++n) EXPECT_EQ(trace_id_of(kGood.substr(0, n)), "");
    EXPECT_EQ(trace_id_of("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), "");
    EXPECT_EQ(trace_id_of("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), "");
    EXPECT_EQ(trace_id_of("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"), "");
    EXPECT_EQ(trace_id_of(std::string{kGood} + "-x"), "");
}

TEST_F(Attribute, any_bytes_in_any_source_are_survived) {
    SeededRng rng{11};
    constexpr std::string_view kBytes = "{}[]\":,\\u00deE%=;- \tatrue/\x80\xff\x01";
    constexpr std::string_view kNames[] = {
        "x-weir-tags", "x-litellm-tags", "x-portkey-metadata", "cf-aig-metadata",    "baggage",
        "traceparent", "x-weir-goal",    "session-id",         "helicone-property-x"};
    int read = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string value;
        for (std::uint64_t n = rng.below(60); n > 0; --n) value += kBytes[rng.below(kBytes.size())];
        if (rng.below(2) == 0) value.insert(0, R"({"a":)");
        headers_ = {{kNames[rng.below(std::size(kNames))], value}};
        url_ = rng.below(4) == 0 ? std::string_view{value} : std::string_view{};
        const Result<Attribution> out = ask();
        if (!out) continue;
        ++read;
        for (const auto& [name, v] : out->tags) {
            ASSERT_TRUE(is_printable(name) && is_printable(v));
            ASSERT_LE(v.size(), 256u);
        }
        for (const std::string& v : out->values) ASSERT_TRUE(is_printable(v) && v.size() <= 256);
    }
    EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace weir::core
