// A small company for the second world and the road's tests: providers at three hosts, a route
// "any" over two of them, two teams with a key each, prices that are whole pico-dollars a token,
// and no budgets until a test adds some.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "core/policy.h"

namespace weir::world {

inline constexpr std::string_view kOpenAi = "api.openai.sim";
inline constexpr std::string_view kAnthropic = "api.anthropic.sim";
inline constexpr std::string_view kLocal = "vllm.local.sim";
inline constexpr std::string_view kOpenAiSecret = "sk-the-provider-secret";
inline constexpr std::string_view kAnthropicSecret = "sk-ant-the-provider-secret";

// USD per million tokens, as whole micro-dollars a thousand… kept as pico-USD a token.
struct ModelPrice {
    std::string_view vendor;
    std::string_view model;
    std::int64_t input = 0;
    std::int64_t cache_read = 0;
    std::int64_t cache_write = 0;  // 0: none
    std::int64_t output = 0;
    std::int64_t context = 0;
    std::int64_t max_output = 0;  // 0: the catalogue does not know
};
const std::vector<ModelPrice>& model_prices();
const ModelPrice* price_of(std::string_view model);

// The same at so many times the price.
std::shared_ptr<const core::PriceBook> price_book(std::int64_t times = 1);

struct Company {
    core::Policy policy;
    std::string support_key;   // text; team support, environment development
    std::string research_key;  // team research, environment production (lenient)
    std::shared_ptr<const core::Policy> snapshot() const {
        return std::make_shared<const core::Policy>(policy);
    }
};
Company sample_company();
// A further team with one key, in environment development; the key's text.
std::string add_team(Company& company, const std::string& name, Rng& rng);

// A budget of a team, in pico-USD.
core::BudgetSpec team_budget(std::uint64_t id, std::string team, Int128 pico);
// One for each key, in the unit.
core::BudgetSpec key_budget(std::uint64_t id, core::BudgetUnit unit, Int128 amount);

}  // namespace weir::world
