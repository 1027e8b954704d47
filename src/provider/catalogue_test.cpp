#include <gtest/gtest.h>
#include <set>

#include "provider/provider.h"

namespace weir::provider {
namespace {

TEST(Catalogue, EveryKnownProviderCanBeDialled) {
    std::set<std::string_view> names;
    for (const KnownProvider& known : known_providers()) {
        EXPECT_TRUE(names.insert(known.name).second) << known.name;
        auto record = known_provider(known.name);
        ASSERT_TRUE(record) << known.name;
        EXPECT_FALSE(record->host.empty());
        EXPECT_TRUE(record->key.empty());
        // A key never leaves in plain text but to this machine.
        EXPECT_TRUE(record->tls || record->host == "127.0.0.1") << known.name;
        EXPECT_EQ(known.environment_variable.empty(), record->auth == core::AuthStyle::none);
    }
    EXPECT_EQ(known_provider("nobody"), std::nullopt);
}

TEST(Catalogue, PathsStandWhereTheVendorsPutThem) {
    EXPECT_EQ(known_provider("openai")->path_prefix, "/v1");
    EXPECT_EQ(known_provider("anthropic")->path_prefix, "/v1");
    EXPECT_EQ(known_provider("gemini")->path_prefix, "/v1beta/openai");
    EXPECT_EQ(known_provider("perplexity")->path_prefix, "");
    EXPECT_EQ(known_provider("ollama")->port, 11434);
}

TEST(Catalogue, BaseUrlsAreTakenAsPeopleWriteThem) {
    core::ProviderRecord provider;
    ASSERT_TRUE(set_base_url(provider, "http://localhost:8000/"));
    EXPECT_EQ(provider.path_prefix, "/v1");
    EXPECT_EQ(provider.port, 8000);
    EXPECT_FALSE(provider.tls);
    ASSERT_TRUE(set_base_url(provider, "https://gw.example/llm/v1/"));
    EXPECT_EQ(provider.path_prefix, "/llm/v1");
    EXPECT_EQ(provider.port, 443);
    provider.vendor = core::Vendor::anthropic;
    ASSERT_TRUE(set_base_url(provider, "https://gw.example/anthropic"));
    EXPECT_EQ(provider.path_prefix, "/anthropic/v1");
    ASSERT_TRUE(set_base_url(provider, "https://api.anthropic.com/v1"));
    EXPECT_EQ(provider.path_prefix, "/v1");
    ASSERT_TRUE(set_base_url(provider, "https://gw.example/./"));
    EXPECT_EQ(provider.path_prefix, "") << "the root, where no version is wanted";
    auto bad = set_base_url(provider, "api.openai.com");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code(), ErrorCode::config_invalid);
}

TEST(Catalogue, AVendorsOwnHostIsKnownUnderAnyName) {
    for (const KnownProvider& known : known_providers()) {
        EXPECT_EQ(known_provider(known.name)->public_host, known.auth != core::AuthStyle::none);
    }
    core::ProviderRecord mine;
    ASSERT_TRUE(set_base_url(mine, "https://api.anthropic.com/v1"));
    EXPECT_TRUE(mine.public_host);
    for (const char* url : {"https://gw.example/v1", "http://127.0.0.1:8000",
                            "http://api.anthropic.com", "https://api.anthropic.com.example"}) {
        ASSERT_TRUE(set_base_url(mine, url));
        EXPECT_FALSE(mine.public_host) << url;
    }
}

TEST(Catalogue, AProviderAtTheRootStaysThereUnderAnotherUrl) {
    auto provider = known_provider("perplexity");
    ASSERT_TRUE(set_base_url(*provider, "http://127.0.0.1:9000"));
    EXPECT_EQ(provider->path_prefix, "");
    ASSERT_TRUE(set_base_url(*provider, "http://127.0.0.1:9000/v1"));
    EXPECT_EQ(provider->path_prefix, "/v1");
}

}  // namespace
}  // namespace weir::provider
