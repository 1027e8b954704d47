#include "sim/world/sample_policy.h"

#include <algorithm>

#include "base/check.h"
#include "base/random.h"
#include "core/identify.h"
#include "provider/provider.h"
#include "runtime/sha256.h"

namespace weir::world {
namespace {

core::PriceRow row_of(const ModelPrice& price, std::int64_t times) {
    core::PriceRow row;
    row.provider = price.vendor;
    row.model = price.model;
    row.id = row.provider + "/" + row.model + "@";
    row.match = {.kind = core::ModelMatch::Kind::equals, .text = row.model, .parts = {}};
    row.context_window = price.context;
    row.max_output = price.max_output;
    core::PriceBand band;
    auto set = [&band, times](core::TokenClass c, std::int64_t pico) {
        if (pico > 0) {
            band.prices.token[static_cast<std::size_t>(c)] = Rate::from_femto(pico * times * 1000);
        }
    };
    set(core::TokenClass::input, price.input);
    set(core::TokenClass::cache_read, price.cache_read);
    set(core::TokenClass::cache_write_short, price.cache_write);
    set(core::TokenClass::output, price.output);
    band.prices.unit[static_cast<std::size_t>(core::UnitKind::web_search)] =
        Rate::from_femto(10'000'000'000'000);  // one US cent
    row.tiers = {{.name = "standard", .bands = {band}}};
    return row;
}

core::ProviderRecord provider(std::string_view known, std::string_view host,
                              std::string_view secret) {
    core::ProviderRecord record = provider::known_provider(known).value_or(core::ProviderRecord{});
    record.host = host;
    record.tls = false;
    record.port = 80;
    record.key = Secret{std::string(secret)};
    return record;
}

core::KeyRecord key_record(const std::string& text, std::string team, std::string environment) {
    core::KeyRecord key;
    key.id = core::parse_key(text)->id;
    key.name = team + " key";
    key.team = std::move(team);
    key.environment = std::move(environment);
    key.digest = runtime::sha256(text);
    return key;
}

}  // namespace

const std::vector<ModelPrice>& model_prices() {
    static const std::vector<ModelPrice> kPrices{
        {"openai", "sim-small", 1'000'000, 100'000, 0, 5'000'000, 128'000, 4'096},
        {"openai", "sim-large", 10'000'000, 1'000'000, 0, 50'000'000, 128'000, 8'192},
        {"openai", "sim-open", 1'000'000, 0, 0, 5'000'000, 32'000, 0},
        {"openai", "sim-embed", 20'000, 0, 0, 0, 8'192, 0},
        {"anthropic", "claude-sim", 3'000'000, 300'000, 3'750'000, 15'000'000, 200'000, 4'096},
    };
    return kPrices;
}

const ModelPrice* price_of(std::string_view model) {
    auto at = std::ranges::find(model_prices(), model, &ModelPrice::model);
    return at == model_prices().end() ? nullptr : &*at;
}

std::shared_ptr<const core::PriceBook> price_book(std::int64_t times) {
    std::vector<core::PriceRow> rows;
    for (const ModelPrice& price : model_prices()) rows.push_back(row_of(price, times));
    return core::PriceBook::build(std::move(rows)).value_or(nullptr);
}

Company sample_company() {
    Company company;
    core::Policy& policy = company.policy;
    SeededRng rng(7);
    company.support_key = core::mint_key(rng);
    company.research_key = core::mint_key(rng);
    for (auto key : {key_record(company.support_key, "support", "development"),
                     key_record(company.research_key, "research", "production")}) {
        policy.keys.emplace(key.id, key);
        policy.teams.emplace(key.team, core::TeamRecord{.name = key.team, .attributes = {}});
    }
    policy.environments = {{.name = "production", .aliases = {"prod"}, .lenient = true},
                           {.name = "development", .aliases = {}, .lenient = false}};
    policy.providers.push_back(provider("openai", kOpenAi, kOpenAiSecret));
    policy.providers.push_back(provider("anthropic", kAnthropic, kAnthropicSecret));
    core::ProviderRecord local = provider("vllm", kLocal, "");
    local.name = "local";
    local.vendor = core::Vendor::openai_compatible;
    local.auth = core::AuthStyle::none;
    local.path_prefix = "/v1";
    local.quirks.max_completion_tokens = false;
    local.models = {"llama-*"};
    local.free = true;
    policy.providers.push_back(std::move(local));
    core::ProviderRecord spare = provider("openai", kLocal, kOpenAiSecret);
    spare.name = "spare";
    spare.models = {"spare-*"};  // nothing goes there but by its name or a route
    policy.providers.push_back(std::move(spare));
    policy.routes["any"] = {
        .targets = {{"openai", "sim-small"}, {"spare", "sim-small"}, {"openai", "sim-large"}},
        .first_byte_timeout_ms = 10'000};
    policy.prices = price_book();
    policy.version = 1;
    return company;
}

std::string add_team(Company& company, const std::string& name, Rng& rng) {
    std::string text = core::mint_key(rng);
    core::KeyRecord key = key_record(text, name, "development");
    WEIR_CHECK(company.policy.keys.emplace(key.id, key).second);
    company.policy.teams.emplace(name, core::TeamRecord{.name = name, .attributes = {}});
    return text;
}

core::BudgetSpec team_budget(std::uint64_t id, std::string team, Int128 pico) {
    core::BudgetSpec spec;
    spec.id = id;
    spec.name = "team " + team;
    spec.where = {{core::Dimension::team, {std::move(team)}}};
    spec.amount = pico;
    return spec;
}

core::BudgetSpec key_budget(std::uint64_t id, core::BudgetUnit unit, Int128 amount) {
    core::BudgetSpec spec;
    spec.id = id;
    spec.name = "keys in " + std::string(core::budget_unit_name(unit));
    spec.by = core::Dimension::key;
    spec.unit = unit;
    spec.amount = amount;
    return spec;
}

}  // namespace weir::world
