#include "app/config.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>

#include "app/commands.h"
#include "provider/provider.h"

namespace weir::app {
namespace {

std::optional<std::string> some_keys(const std::string& name) {
    static const std::map<std::string, std::string> kSet{{"OPENAI_API_KEY", "sk-one"},
                                                         {"ANTHROPIC_API_KEY", "sk-two"}};
    auto at = kSet.find(name);
    return at == kSet.end() ? std::nullopt : std::optional{at->second};
}
std::optional<std::string> no_keys(const std::string&) { return std::nullopt; }

std::string complaints(std::string_view yaml) {
    auto config = parse_config(yaml, "weir.yaml", some_keys);
    EXPECT_FALSE(config) << "expected a complaint about:\n" << yaml;
    return config ? std::string{} : std::string(config.error().message());
}

std::string content_of(const std::string& path) {
    std::ifstream in(std::string(WEIR_SOURCE_DIR) + "/" + path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Config, WithoutAFileTheKeysInTheEnvironmentAreTheProviders) {
    auto config = zero_config(some_keys);
    ASSERT_TRUE(config) << config.error().message();
    ASSERT_EQ(config->providers.size(), 2u);
    for (const auto& provider : config->providers) {
        EXPECT_TRUE(provider.tls);
        EXPECT_TRUE(provider.verify_tls);
        EXPECT_FALSE(provider.key.empty());
        EXPECT_FALSE(provider.price_vendor.empty());
    }
    EXPECT_EQ(config->listen.text(), "127.0.0.1:4000");
    EXPECT_EQ(config->admin.text(), "127.0.0.1:4001");
}

TEST(Config, WithoutFileAndKeysItSaysWhatWouldDo) {
    auto config = zero_config(no_keys);
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().message().find("OPENAI_API_KEY"), std::string_view::npos);
    EXPECT_NE(config.error().message().find("weir demo"), std::string_view::npos);
}

TEST(Config, ReadsWhatAFirstCompanyNeeds) {
    auto config = parse_config(R"(
environments:
  production:  { aliases: [prod, live], block_at: never }
  staging:     {}
providers:
  anthropic: { key: env:ANTHROPIC_API_KEY }
  openai:    { key: env:OPENAI_API_KEY }
  local:     { url: "http://127.0.0.1:11434/v1", price: free, auth: none }
routes:
  support: [anthropic/claude-sonnet-4-5, openai/gpt-5-mini]
budgets:
  organisation: { usd: 50000, window: month }
  staging:      { where: { environment: staging }, by: team, usd: 500, window: month }
  ticket:       { where: { application: support }, by: trajectory, usd: 2.5 }
)",
                               "weir.yaml", some_keys);
    ASSERT_TRUE(config) << config.error().message();
    ASSERT_EQ(config->providers.size(), 3u);
    EXPECT_FALSE(config->providers[2].tls);
    EXPECT_EQ(config->providers[2].port, 11434);
    EXPECT_TRUE(config->providers[2].free);
    ASSERT_EQ(config->budgets.size(), 3u);
    EXPECT_EQ(config->budgets[0].amount, Int128{50'000} * 1'000'000'000'000);
    EXPECT_EQ(config->budgets[2].by, core::Dimension::trajectory);
    EXPECT_EQ(config->budgets[2].amount, Int128{2'500'000'000'000});
    EXPECT_TRUE(config->environments[0].lenient);
    EXPECT_FALSE(config->environments[1].lenient);
}

TEST(Config, AKnownProviderIsTheCataloguesOwn) {
    auto any_key = [](const std::string&) {
        return std::optional<std::string>{"sk-any"};
    };
    for (const auto& known : provider::known_providers()) {
        auto config = parse_config("providers: { " + std::string(known.name) + ": {} }",
                                   "weir.yaml", any_key);
        ASSERT_TRUE(config) << config.error().message();
        const auto& read = config->providers.at(0);
        auto meant = provider::known_provider(known.name);
        ASSERT_TRUE(meant);
        EXPECT_EQ(read.name, meant->name);
        EXPECT_EQ(read.host, meant->host);
        EXPECT_EQ(read.port, meant->port);
        EXPECT_EQ(read.path_prefix, meant->path_prefix) << known.name;
        EXPECT_EQ(read.vendor, meant->vendor);
        EXPECT_EQ(read.price_vendor, meant->price_vendor);
    }
}

TEST(Config, AUrlMaySayTheRoot) {
    auto config = parse_config("providers: { mine: { url: 'https://llm.example/.' } }", "weir.yaml",
                               some_keys);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->providers.at(0).path_prefix, "");
}

TEST(Config, AnUnknownKeyIsNamedWithItsLineAndTheNearestOne) {
    std::string said = complaints("budgets:\n  pot: { usd: 5, windwo: month }\n");
    EXPECT_NE(said.find("weir.yaml:2"), std::string::npos) << said;
    EXPECT_NE(said.find("windwo"), std::string::npos) << said;
    EXPECT_NE(said.find("'window'"), std::string::npos) << said;
}

TEST(Config, AllErrorsAreToldAtOnce) {
    std::string said = complaints(
        "lisen: 127.0.0.1:1\nworkers: many\nproviders:\n  mine: {}\nbudgets:\n  pot: {}\n");
    for (std::string_view word : {"lisen", "workers", "'mine'", "'pot'"}) {
        EXPECT_NE(said.find(word), std::string::npos) << word << " is missing in:\n" << said;
    }
}

TEST(Config, SecretsComeByReferenceOnly) {
    std::string said = complaints("providers:\n  openai: { key: sk-plain-text }\n");
    EXPECT_EQ(said.find("sk-plain-text"), std::string::npos) << "a secret was repeated";
    EXPECT_NE(said.find("env:NAME"), std::string::npos) << said;
    EXPECT_NE(complaints("providers:\n  openai: { key: env:NOT_SET }\n").find("NOT_SET"),
              std::string::npos);
}

TEST(Config, BeyondLoopbackNeedsTlsOrAWord) {
    EXPECT_NE(complaints("listen: 0.0.0.0:4000\n").find("insecure"), std::string::npos);
    EXPECT_NE(complaints("admin: 0.0.0.0:4001\n").find("insecure"), std::string::npos);
    EXPECT_TRUE(parse_config("listen: 0.0.0.0:4000\ninsecure: true\n", "weir.yaml", some_keys));
    EXPECT_NE(complaints("providers: {openai: {verify_tls: false}}\n").find("insecure"),
              std::string::npos);
}

TEST(Config, AmountsAreExactAndNeverNegative) {
    auto config = parse_config("budgets: {pot: {usd: 0.000000000001}}\n", "f", some_keys);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->budgets[0].amount, Int128{1});
    complaints("budgets: {pot: {usd: -1}}\n");
    complaints("budgets: {pot: {usd: lots}}\n");
    complaints("budgets: {pot: {calls: 1.5}}\n");
}

TEST(Config, ABudgetOfSeveralAmountsIsAsManyBudgets) {
    auto config = parse_config(R"(
budgets:
  ticket: { by: trajectory, usd: 2, calls: 60, clamp: rare }
)",
                               "weir.yaml", some_keys);
    ASSERT_TRUE(config) << config.error().message();
    ASSERT_EQ(config->budgets.size(), 2u);
    EXPECT_EQ(config->budgets[0].name, "ticket");
    EXPECT_EQ(config->budgets[0].unit, core::BudgetUnit::usd);
    EXPECT_EQ(config->budgets[0].clamp, core::Clamp::rare);
    EXPECT_EQ(config->budgets[1].name, "ticket.calls");
    EXPECT_EQ(config->budgets[1].amount, 60);
    EXPECT_EQ(config->budgets[1].by, core::Dimension::trajectory);
    complaints("budgets: {a: {usd: 1, calls: 5}, a.calls: {calls: 1}}\n");
}

TEST(Config, AnExceptionHasAnAmountOfItsOwn) {
    auto config = parse_config(R"(
budgets:
  production:
    by: team
    usd: 8000
    calls: 9
    except: { research: { usd: 20000 }, beta: { usd: 1, calls: 2 } }
)",
                               "weir.yaml", some_keys);
    ASSERT_TRUE(config) << config.error().message();
    const core::BudgetSpec& usd = config->budgets.at(0);
    EXPECT_EQ(core::amount_for(usd, "research", {}), Money::from_usd(20'000).pico());
    EXPECT_EQ(core::amount_for(usd, "beta", {}), Money::from_usd(1).pico());
    EXPECT_EQ(core::amount_for(usd, "sales", {}), Money::from_usd(8'000).pico());
    EXPECT_EQ(core::amount_for(config->budgets.at(1), "research", {}), 9);
    EXPECT_EQ(core::amount_for(config->budgets.at(1), "beta", {}), 2);
    complaints("budgets: {pot: {usd: 1, except: {a: {usd: 2}}}}\n");
    complaints("budgets: {pot: {by: team, usd: 1, except: {a: {tokens: 2}}}}\n");
    complaints("budgets: {pot: {by: team, usd: 1, except: {a: {}}}}\n");
    complaints("budgets: {pot: {by: team, usd: 1, except: {a: 5}}}\n");
    complaints("budgets: {pot: {by: team, usd: 1, except: {a: {usd: 2, window: day}}}}\n");
    complaints("budgets: {pot: {by: team, usd: 1, clamp: sometimes}}\n");
}

TEST(Config, RateLimitsSayWhatTheyLimit) {
    auto config = parse_config(R"(
rate_limits:
  keys:    { by: key, requests: 60, tokens: 100000, burst: 10 }
  interns: { where: { team: interns }, by: model, parallel: 4 }
)",
                               "f", some_keys);
    ASSERT_TRUE(config) << config.error().message();
    ASSERT_EQ(config->rate_limits.size(), 2u);
    EXPECT_EQ(config->rate_limits[0].requests, 60);
    EXPECT_EQ(config->rate_limits[0].tokens, 100'000);
    EXPECT_EQ(config->rate_limits[0].parallel, 0);
    EXPECT_EQ(config->rate_limits[0].burst, std::chrono::seconds{10});
    EXPECT_EQ(config->rate_limits[1].by, core::Dimension::model);
    EXPECT_EQ(config->rate_limits[1].where.at(0).any_of, std::vector<std::string>{"interns"});
    EXPECT_NE(complaints("rate_limits: {keys: {by: key}}\n").find("limits nothing"),
              std::string::npos);
    complaints("rate_limits: {keys: {requests: 0}}\n");
    complaints("rate_limits: {keys: {requests: 1, burst: 61}}\n");
    EXPECT_NE(complaints("rate_limits: {keys: {usd: 1}}\n").find("usd"), std::string::npos)
        << "money is never a rate";
}

TEST(Config, ARouteNamesConfiguredProviders) {
    EXPECT_NE(complaints("providers: {openai: {}}\nroutes: {fast: [groq/llama]}\n").find("groq"),
              std::string::npos);
}

TEST(Config, ARouteHasTargetsInOrderOrByWeightAndItsOwnPatience) {
    const auto config = parse_config(R"(
providers:
  openai: {}
  local: { url: "http://127.0.0.1:8000", price: free }
routes:
  support: [openai/gpt-6-sol, local/qwen]
  "gpt-*": openai
  all: { targets: "local/*" }
  mixed:
    targets: { openai/gpt-6-sol: 80, local/qwen: 20 }
    first_byte_ms: 20000
    on_filter: next
)",
                                     "weir.yaml", some_keys);
    ASSERT_TRUE(config) << config.error().message();
    const auto& support = config->routes.at("support").targets;
    ASSERT_EQ(support.size(), 2u);
    EXPECT_EQ(support[0].model, "gpt-6-sol");
    EXPECT_EQ(support[1].provider, "local");
    EXPECT_EQ(config->routes.at("gpt-*").targets.at(0).model, "") << "as asked";
    EXPECT_EQ(config->routes.at("all").targets.at(0).model, "") << "as asked";
    const core::RouteRecord& mixed = config->routes.at("mixed");
    EXPECT_EQ(mixed.targets.at(0).weight, 80);
    EXPECT_EQ(mixed.targets.at(1).weight, 20);
    EXPECT_EQ(mixed.first_byte_timeout_ms, 20'000);
    EXPECT_TRUE(mixed.filtered_goes_on);
}

TEST(Config, ARouteThatSaysNothingOrTooMuchIsTold) {
    const std::string provider = "providers: {openai: {}}\n";
    for (const char* route :
         {"{}", "[]", "{targets: {openai/a: 0}}", "{targets: {openai/a: many}}",
          "{targets: [openai/a], on_filter: perhaps}", "{targets: [openai/a], first_byte_ms: 0}",
          "{targets: [openai/a], fallback: [openai/b]}"}) {
        EXPECT_NE(complaints(provider + "routes: {fast: " + route + "}\n"), "") << route;
    }
}

TEST(Config, AProviderHasOneKeyOrSeveral) {
    const auto config =
        parse_config("providers: {openai: {keys: [env:OPENAI_API_KEY, env:ANTHROPIC_API_KEY]}}\n",
                     "weir.yaml", some_keys);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->providers.at(0).key.reveal(), "sk-one");
    ASSERT_EQ(config->providers.at(0).more_keys.size(), 1u);
    EXPECT_EQ(config->providers.at(0).more_keys[0].reveal(), "sk-two");
    for (const char* wrong : {"{keys: []}", "{key: env:OPENAI_API_KEY, keys: [env:OPENAI_API_KEY]}",
                              "{keys: [env:NOT_THERE]}", "{keys: [sk-in-the-file]}"}) {
        EXPECT_NE(complaints(std::string("providers: {openai: ") + wrong + "}\n"), "") << wrong;
    }
}

TEST(Config, BrokenYamlIsToldWithItsLine) {
    EXPECT_NE(complaints("listen: [1\nbudgets: }\n").find("weir.yaml:"), std::string::npos);
    complaints("- a\n- list\n");
}

TEST(Docs, ConfigReferenceIsThatOfTheProgram) {
    EXPECT_EQ(content_of("docs/config.md"), config_reference())
        << "run: weir check --reference > docs/config.md";
}

TEST(Docs, EndpointTableIsThatOfTheProgram) {
    EXPECT_EQ(content_of("docs/endpoints.md"), endpoint_reference())
        << "run: weir check --endpoints > docs/endpoints.md";
}

}  // namespace
}  // namespace weir::app
