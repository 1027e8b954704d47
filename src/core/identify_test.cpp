#include "core/identify.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace weir::core {
namespace {

// Not a digest, but it differs where texts differ; core is handed the real one.
Digest fake_digest(std::string_view text) {
    Digest out{};
    std::uint64_t h = 14695981039346656037ull;
    for (std::size_t i = 0; i < text.size(); ++i) {
        h = (h ^ static_cast<unsigned char>(text[i])) * 1099511628211ull;
        out[i % out.size()] = static_cast<std::uint8_t>(out[i % out.size()] ^ (h >> 40));
    }
    return out;
}

constexpr UnixTime kNow = UnixTime::from_seconds(1'800'000'000);
constexpr Duration kHour = std::chrono::hours{1};

class Identify : public ::testing::Test {
 protected:
    Identify() {
        KeyRecord key;
        key.id = std::string{parse_key(text_)->id};
        key.team = "research";
        key.digest = fake_digest(text_);
        policy_.keys.emplace(key.id, key);
    }
    KeyRecord& record() { return policy_.keys.begin()->second; }
    Result<Principal> ask(std::string_view text, UnixTime now = kNow) {
        return identify(policy_, text, now, fake_digest);
    }
    // The same id with another secret and a right checksum: what a guesser would send.
    std::string other_secret() { return mint_key(rng_, parse_key(text_)->id); }
    static std::string with_checksum(std::string text) {
        text.resize(50);
        std::uint32_t crc = 0xFFFFFFFFu;
        for (const char c : text) {
            crc ^= static_cast<unsigned char>(c);
            for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
        crc = ~crc;
        for (int i = 7; i >= 0; --i) text.push_back("0123456789abcdef"[(crc >> (4 * i)) & 15]);
        return text;
    }

    SeededRng rng_{1};
    std::string text_ = mint_key(rng_);
    Policy policy_;
};

TEST_F(Identify, a_minted_key_parses_and_opens_its_record) {
    EXPECT_EQ(text_.size(), 58u);
    EXPECT_TRUE(text_.starts_with("weir_"));
    EXPECT_EQ(with_checksum(text_), text_);
    auto principal = ask(text_);
    ASSERT_TRUE(principal);
    EXPECT_EQ(principal->key->team, "research");
}

TEST_F(Identify, every_single_mistyped_character_is_told_before_any_look_up) {
    for (std::size_t i = 0; i < text_.size(); ++i) {
        std::string wrong = text_;
        wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
        if (wrong == text_) continue;
        EXPECT_FALSE(parse_key(wrong)) << i;
    }
    for (std::size_t n = 0; n < text_.size(); ++n) EXPECT_FALSE(parse_key(text_.substr(0, n)));
    EXPECT_FALSE(parse_key(text_ + "0"));
    EXPECT_FALSE(parse_key("sk-proj-0123456789"));
}

TEST_F(Identify, no_key_and_a_foreign_key_are_told_apart) {
    EXPECT_EQ(ask("").error().code(), ErrorCode::key_missing);
    EXPECT_EQ(ask("sk-ant-123").error().code(), ErrorCode::key_unknown);
    EXPECT_NE(ask("sk-ant-123").error().message(), ask(text_.substr(0, 57)).error().message());
}

TEST_F(Identify, a_wrong_secret_never_learns_that_the_key_was_revoked_or_expired) {
    record().revoked = kNow - kHour;
    record().expires = kNow - kHour;
    const std::string guess = other_secret();
    ASSERT_TRUE(parse_key(guess));
    EXPECT_EQ(ask(guess).error().code(), ErrorCode::key_unknown);
    EXPECT_EQ(ask(text_).error().code(), ErrorCode::key_revoked);
}

TEST_F(Identify, expiry_and_revocation_begin_at_their_instant) {
    record().expires = kNow;
    EXPECT_TRUE(ask(text_, kNow - Duration{1}));
    EXPECT_EQ(ask(text_, kNow).error().code(), ErrorCode::key_expired);
    record().expires.reset();
    record().revoked = kNow;
    EXPECT_TRUE(ask(text_, kNow - Duration{1}));
    EXPECT_EQ(ask(text_, kNow).error().code(), ErrorCode::key_revoked);
}

TEST_F(Identify, a_rotated_secret_works_until_the_overlap_ends) {
    const std::string next = other_secret();
    record().previous_digest = record().digest;
    record().digest = fake_digest(next);
    EXPECT_FALSE(ask(text_)) << "no overlap was granted";
    record().previous_until = kNow + kHour;
    EXPECT_TRUE(ask(text_));
    EXPECT_TRUE(ask(next));
    EXPECT_EQ(ask(text_, kNow + kHour).error().code(), ErrorCode::key_unknown);
    EXPECT_TRUE(ask(next, kNow + kHour));
}

TEST(MintKey, every_character_of_the_alphabet_is_equally_likely) {
    SeededRng rng{7};
    std::map<char, int> seen;
    constexpr int kKeys = 5000;
    for (int i = 0; i < kKeys; ++i) {
        const std::string text = mint_key(rng);
        for (std::size_t at = 5; at < 50; ++at) {
            if (at != 17) ++seen[text[at]];
        }
    }
    ASSERT_EQ(seen.size(), 62u);
    const double expected = kKeys * 44.0 / 62;
    double chi_squared = 0;
    for (const auto& [c, n] : seen) chi_squared += (n - expected) * (n - expected) / expected;
    // 61 degrees of freedom: 99.99 % lie below 111; a modulo of 64 into 62 gives thousands.
    EXPECT_LT(chi_squared, 111);
}

TEST(Glob, star_stands_for_any_run_of_characters) {
    EXPECT_TRUE(glob_matches("gpt-*", "gpt-6"));
    EXPECT_TRUE(glob_matches("*", ""));
    EXPECT_TRUE(glob_matches("a*b*c", "a--b-b--c"));
    EXPECT_TRUE(glob_matches("**x", "x"));
    EXPECT_FALSE(glob_matches("gpt-*", "my-gpt-6"));
    EXPECT_FALSE(glob_matches("gpt-6", "gpt-6o"));
    EXPECT_FALSE(glob_matches("", "x"));
    EXPECT_TRUE(glob_matches("", ""));
    EXPECT_FALSE(glob_matches("a*b", "ab-"));
}

TEST(Glob, a_key_without_a_list_may_use_every_model) {
    KeyRecord key;
    EXPECT_TRUE(name_allowed(key.models, "anything"));
    key.models = {"claude-haiku-*", "gpt-6-luna"};
    EXPECT_TRUE(name_allowed(key.models, "claude-haiku-4-5"));
    EXPECT_TRUE(name_allowed(key.models, "gpt-6-luna"));
    EXPECT_FALSE(name_allowed(key.models, "claude-opus-5-5"));
    EXPECT_FALSE(name_allowed(key.models, ""));
}

}  // namespace
}  // namespace weir::core
