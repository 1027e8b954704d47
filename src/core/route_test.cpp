#include "core/route.h"

#include <array>
#include <gtest/gtest.h>

namespace weir::core {
namespace {

constexpr UnixTime kNow = UnixTime::from_seconds(1'795'478'400);

PriceRow row(std::string vendor, std::string model, std::int64_t femto) {
    PriceRow out;
    out.id = vendor + "/" + model + "@2026-01-01";
    out.provider = std::move(vendor);
    out.match = {.kind = ModelMatch::Kind::equals, .text = model, .parts = {}};
    out.model = std::move(model);
    PriceTier standard{.name = "standard", .bands = {PriceBand{}}};
    standard.bands[0].prices.token[static_cast<std::size_t>(TokenClass::input)] =
        Rate::from_femto(femto);
    standard.bands[0].prices.token[static_cast<std::size_t>(TokenClass::output)] =
        Rate::from_femto(femto * 4);
    out.tiers.push_back(std::move(standard));
    return out;
}

ProviderRecord provider(std::string name, Vendor vendor, std::string price_vendor) {
    ProviderRecord out;
    out.name = std::move(name);
    out.vendor = vendor;
    out.price_vendor = std::move(price_vendor);
    return out;
}

class Route : public ::testing::Test {
 protected:
    Route() {
        auto book = PriceBook::build({row("openai", "gpt-6-luna", 100'000'000),
                                      row("openai", "gpt-6-sol", 900'000'000),
                                      row("anthropic", "claude-sonnet-5", 300'000'000)});
        EXPECT_TRUE(book);
        policy_.prices = *book;
        policy_.providers = {provider("openai", Vendor::openai, "openai"),
                             provider("anthropic", Vendor::anthropic, "anthropic")};
    }
    Result<Plan> ask(std::string model, Endpoint endpoint = Endpoint::chat_completions,
                     std::uint64_t spread = 0) {
        shape_.model = std::move(model);
        shape_.endpoint = endpoint;
        return route(policy_, shape_, kNow, spread);
    }
    Policy policy_;
    CallShape shape_;
};

TEST_F(Route, a_known_model_goes_to_its_vendor_at_its_price) {
    const auto plan = ask("gpt-6-luna");
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->targets.size(), 1u);
    EXPECT_EQ(plan->targets[0].provider->name, "openai");
    EXPECT_EQ(plan->targets[0].model, "gpt-6-luna");
    EXPECT_FALSE(plan->targets[0].model_changed);
    EXPECT_FALSE(plan->targets[0].provisional);
    EXPECT_EQ(plan->targets[0].price_id, "openai/gpt-6-luna@2026-01-01");
}

TEST_F(Route, a_prefix_chooses_the_provider_and_is_taken_off) {
    policy_.providers.push_back(provider("backup", Vendor::openai, "openai"));
    const auto plan = ask("backup/gpt-6-sol");
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->targets[0].provider->name, "backup");
    EXPECT_EQ(plan->targets[0].model, "gpt-6-sol");
    EXPECT_TRUE(plan->targets[0].model_changed);
}

TEST_F(Route, a_model_name_with_a_slash_of_its_own_stays_whole) {
    ProviderRecord local = provider("local", Vendor::openai_compatible, "");
    local.models = {"meta-llama/*"};
    policy_.providers.push_back(local);
    const auto plan = ask("meta-llama/Llama-3.3-70B");
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->targets[0].provider->name, "local");
    EXPECT_EQ(plan->targets[0].model, "meta-llama/Llama-3.3-70B");
    EXPECT_EQ(plan->targets[0].price, nullptr) << "an unknown vendor has no provisional price";
}

TEST_F(Route, a_named_route_gives_its_targets_in_order_and_only_those_that_speak) {
    policy_.routes["support"].targets = {
        {"anthropic", "claude-sonnet-5"}, {"openai", "gpt-6-sol"}, {"openai", "gpt-6-luna"}};
    const auto chat = ask("support");
    ASSERT_TRUE(chat);
    ASSERT_EQ(chat->targets.size(), 2u);
    EXPECT_EQ(chat->targets[0].model, "gpt-6-sol");
    EXPECT_EQ(chat->targets[1].model, "gpt-6-luna");
    EXPECT_TRUE(chat->targets[0].model_changed);
    const auto messages = ask("support", Endpoint::messages);
    ASSERT_TRUE(messages);
    EXPECT_EQ(messages->targets[0].provider->name, "anthropic");
    EXPECT_FALSE(ask("support", Endpoint::responses_compact) &&
                 ask("support", Endpoint::responses_compact)->targets.empty());
}

TEST_F(Route, the_longest_glob_that_matches_serves_a_name_unless_one_has_it_exactly) {
    policy_.routes["gpt-*"].targets = {{"openai", "gpt-6-luna"}};
    policy_.routes["gpt-6-*"].targets = {{"openai", ""}};
    policy_.routes["gpt-6-sol"].targets = {{"openai", "gpt-6-astra"}};
    EXPECT_EQ(ask("gpt-6-sol")->targets[0].model, "gpt-6-astra");
    EXPECT_EQ(ask("gpt-6-luna")->targets[0].model, "gpt-6-luna");
    EXPECT_EQ(ask("gpt-5")->targets[0].model, "gpt-6-luna");
}

TEST_F(Route, weights_share_out_the_calls_and_one_spread_always_goes_one_way) {
    policy_.routes["mixed"].targets = {{"openai", "gpt-6-sol", 80}, {"openai", "gpt-6-luna", 20}};
    int sol = 0;
    for (std::uint64_t spread = 1; spread <= 10'000; ++spread) {
        const auto plan = ask("mixed", Endpoint::chat_completions, spread);
        ASSERT_EQ(plan->targets.size(), 2u) << "the other follows";
        EXPECT_EQ(plan->targets[0].model,
                  ask("mixed", Endpoint::chat_completions, spread)->targets[0].model);
        sol += plan->targets[0].model == "gpt-6-sol" ? 1 : 0;
    }
    EXPECT_NEAR(sol, 8'000, 200);
}

TEST_F(Route, calls_are_spread_evenly_over_a_providers_keys) {
    for (ProviderRecord& provider : policy_.providers) {
        if (provider.name == "openai") provider.more_keys = {Secret{"b"}, Secret{"c"}};
    }
    std::array<int, 3> first{};
    for (std::uint64_t spread = 1; spread <= 9'000; ++spread) {
        const auto plan = ask("openai/gpt-6-sol", Endpoint::chat_completions, spread);
        ASSERT_EQ(plan->targets.size(), 3u);
        ++first.at(plan->targets[0].key);
    }
    for (const int n : first) EXPECT_NEAR(n, 3'000, 200);
}

TEST_F(Route, a_new_model_of_a_known_vendor_is_bounded_by_the_vendors_dearest) {
    const auto plan = ask("gpt-7", Endpoint::responses);
    ASSERT_TRUE(plan);
    EXPECT_TRUE(plan->targets[0].provisional);
    EXPECT_EQ(plan->targets[0].price->model, "gpt-6-sol");
}

TEST_F(Route, a_free_target_gets_no_provisional_price) {
    ProviderRecord local = provider("local", Vendor::openai_compatible, "openai");
    local.free = true;
    policy_.providers = {local};
    const auto plan = ask("llama3");
    ASSERT_TRUE(plan);
    EXPECT_FALSE(plan->targets[0].provisional);
    EXPECT_EQ(plan->targets[0].price, nullptr);
}

TEST_F(Route, a_provider_that_lists_its_models_serves_no_others) {
    policy_.providers[0].models = {"gpt-6-luna"};
    EXPECT_TRUE(ask("gpt-6-luna"));
    EXPECT_FALSE(ask("gpt-6-sol"));
}

TEST_F(Route, a_mistyped_model_is_told_the_nearest_names) {
    policy_.providers.push_back(provider("groq", Vendor::openai_compatible, "groq"));
    const auto plan = ask("gpt-6-lunna");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code(), ErrorCode::unknown_model);
    EXPECT_NE(plan.error().message().find("gpt-6-luna"), std::string_view::npos);
    EXPECT_EQ(plan.error().message().find("claude"), std::string_view::npos);
}

TEST_F(Route, without_a_provider_the_error_says_which_key_to_set) {
    policy_.providers.clear();
    EXPECT_NE(ask("gpt-6-luna").error().message().find("OPENAI_API_KEY"), std::string_view::npos);
    EXPECT_NE(ask("x", Endpoint::messages).error().message().find("ANTHROPIC_API_KEY"),
              std::string_view::npos);
}

TEST_F(Route, a_huge_model_name_is_refused_cheaply) {
    policy_.providers.push_back(provider("groq", Vendor::openai_compatible, "groq"));
    const auto plan = ask(std::string(100'000, 'x'));
    ASSERT_FALSE(plan);
    EXPECT_LT(plan.error().message().size(), 300u);
}

TEST_F(Route, each_endpoint_is_spoken_by_its_own_vendor) {
    const ProviderRecord& openai = policy_.providers[0];
    const ProviderRecord& anthropic = policy_.providers[1];
    EXPECT_TRUE(speaks(openai, Endpoint::responses_compact));
    EXPECT_FALSE(speaks(openai, Endpoint::messages));
    EXPECT_TRUE(speaks(anthropic, Endpoint::count_tokens));
    EXPECT_FALSE(speaks(anthropic, Endpoint::chat_completions));
}

}  // namespace
}  // namespace weir::core
