#include "bench/overshoot/agents.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numbers>

#include "sim/world/client.h"
#include "sim/world/data_image.h"
#include "sim/world/dialects.h"
#include "sim/world/sample_policy.h"
#include "sim/world/server.h"
#include "sim/world/weir_process.h"
#include "store/embedded_prices.h"

namespace weir::overshoot {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// Of JSON, prose and code together (wire.md §5.2).
constexpr double kBytesOfToken = 3.6;
constexpr std::int64_t kToolsTokens = 350;  // the provider's own words about tools (wire.md §5.3)
// Answers: most are a call of a tool, some a whole file.
constexpr double kAnswerMedian = 220;
constexpr double kAnswerSigma = 0.9;
constexpr double kResultMedian = 1'500;  // bytes of what a tool says
constexpr double kResultSigma = 1.1;
constexpr std::int64_t kResultMost = 40'000;
constexpr unsigned kCacheMissPercent = 4;
constexpr Duration kToolTime = std::chrono::seconds{3};
constexpr Duration kRunMost = std::chrono::hours{48};

std::int64_t tokens_of(std::size_t bytes) {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>(bytes) / kBytesOfToken));
}

enum class Dialect : std::uint8_t { chat, responses, messages };

Dialect dialect_of(std::string_view path) {
    if (path.contains("/messages")) return Dialect::messages;
    return path.contains("/responses") ? Dialect::responses : Dialect::chat;
}

// What the catalogue asks for a token, in pico-USD.
struct Prices {
    Int128 input = 0;
    Int128 cache_read = 0;
    Int128 cache_write = 0;
    Int128 output = 0;
    std::int64_t max_output = 0;
};

class Agents {
 public:
    explicit Agents(const AgentSetting& setting)
        : setting_(setting),
          dialect_(dialect_of(setting.capture->path)),
          machine_(setting.seed),
          scheduler_(machine_.scheduler),
          server_(scheduler_, [this](const world::Received& r) { return serve(r); }) {
        for (std::string_view name : {world::kOpenAi, world::kAnthropic}) {
            world::Host host;
            host.accept = [this](runtime::Own stream) {
                server_.accept(std::move(stream));
            };
            machine_.internet.hosts[std::string(name)] = std::move(host);
        }
        server_.idle_max = std::chrono::hours{1};
        start_weir();
    }

    Trajectory run() {
        for (int agent = 0; agent <= setting_.sub_agents; ++agent) tasks_.spawn(live(agent));
        scheduler_.run_until([this] { return tasks_.size() == 0; }, kRunMost);
        return spent_;
    }

 private:
    void start_weir() {
        world::Company company = world::sample_company();
        core::Policy& policy = company.policy;
        auto rows = store::embedded_prices();
        policy.prices = core::PriceBook::build(std::move(*rows)).value_or(nullptr);
        policy.limits.busy_wait_ms = 3'600'000;
        core::BudgetSpec budget;
        budget.id = 1;
        budget.name = "trajectory";
        budget.by = core::Dimension::trajectory;
        budget.amount = setting_.amount;
        budget.window = core::WindowKind::total;
        policy.budgets.push_back(std::move(budget));
        key_ = company.support_key;
        read_prices(policy);
        world::ProcessOptions options;
        options.data_dir = scratch_.path("data");
        options.policy = company.snapshot();
        options.bookkeeping = false;
        weir_ = std::make_unique<world::WeirProcess>(machine_, std::move(options));
        if (auto started = weir_->start(); !started) {
            throw std::runtime_error(std::string(started.error().detail()));
        }
        // Other trajectories of this agent have run before.
        for (int i = 0; i < 2'000; ++i) {
            weir_->treasury().learn(model_, {}, std::min(answer_length(), spent_.max_output),
                                    false);
        }
    }

    void read_prices(const core::Policy& policy) {
        const Json body = Json::parse(setting_.capture->body);
        model_ = body.at("model");
        const std::string_view vendor = dialect_ == Dialect::messages ? "anthropic" : "openai";
        const core::PriceRow* row =
            policy.prices->find(vendor, model_, UnixTime::from_seconds(1'795'489'200));
        if (row == nullptr) throw std::runtime_error("the catalogue has no " + model_);
        const auto& tokens = row->tiers.front().bands.front().prices.token;
        auto pico = [&tokens](core::TokenClass c, Int128 otherwise) {
            const auto& rate = tokens[static_cast<std::size_t>(c)];
            return rate ? Int128{rate->femto()} / 1'000 : otherwise;
        };
        prices_.input = pico(core::TokenClass::input, 0);
        prices_.cache_read = pico(core::TokenClass::cache_read, prices_.input);
        prices_.cache_write = pico(core::TokenClass::cache_write_short, prices_.input);
        prices_.output = pico(core::TokenClass::output, 0);
        prices_.max_output = row->max_output > 0 ? row->max_output : 16'384;
        spent_.max_output = body.value("max_tokens", prices_.max_output);
        spent_.first_bytes = static_cast<std::int64_t>(setting_.capture->body.size());
    }

    double lognormal(double median, double sigma) {
        auto uniform = [this] {
            return (static_cast<double>(scheduler_.rng().below(1u << 30)) + 0.5) / (1u << 30);
        };
        const double normal =
            std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
        return median * std::exp(sigma * normal);
    }
    std::int64_t answer_length() {
        return std::max<std::int64_t>(1, std::llround(lognormal(kAnswerMedian, kAnswerSigma)));
    }

    // ---- the provider -------------------------------------------------------------------------

    // Turn by turn, and around them what is the same in each call of an agent.
    std::vector<std::int64_t> turns_of(const Json& body, std::size_t bytes) const {
        std::vector<std::int64_t> turns{0};
        for (const Json& turn : body.at(dialect_ == Dialect::responses ? "input" : "messages")) {
            const std::size_t size = turn.dump().size();
            bytes -= std::min(bytes, size);
            turns.push_back(tokens_of(size));
        }
        turns[0] = tokens_of(bytes) + kToolsTokens;
        return turns;
    }

    world::Reply serve(const world::Received& request) {
        const Json body = Json::parse(request.body);
        const auto turns = turns_of(body, request.body.size());
        std::int64_t input = 0;
        for (std::int64_t tokens : turns) input += tokens;
        if (request.target.contains("count_tokens") || request.target.contains("input_tokens")) {
            if (!setting_.counts) return world::answer(404, "application/json", "{}");
            ++spent_.counted;
            return world::answer(200, "application/json",
                                 fmt::format(R"({{"input_tokens":{}}})", input));
        }
        std::int64_t most = prices_.max_output;
        for (const char* name : {"max_tokens", "max_completion_tokens", "max_output_tokens"}) {
            most = std::min(most, body.value(name, most));
        }
        const std::int64_t whole = answer_length();
        if (most < std::min(whole, spent_.max_output)) ++spent_.shortened;

        world::Spent spent;
        spent.model = model_;
        spent.output = std::min(whole, most);
        // All but the last two turns was sent before.
        std::int64_t fresh = 0;
        for (std::size_t i = turns.size() - std::min<std::size_t>(2, turns.size());
             i < turns.size(); ++i) {
            fresh += turns[i];
        }
        const bool first = turns.size() <= 5;
        if (first || scheduler_.chance(kCacheMissPercent)) fresh = input;
        spent.cache_read = input - fresh;
        (dialect_ == Dialect::messages ? spent.cache_write : spent.input) = fresh;
        spent_.billed += spent.input * prices_.input + spent.cache_read * prices_.cache_read +
                         spent.cache_write * prices_.cache_write + spent.output * prices_.output;
        ++spent_.calls;
        const world::StreamSays says{.pieces = 4};
        world::Reply reply =
            world::stream_of(dialect_ == Dialect::messages    ? world::messages_events(spent, says)
                             : dialect_ == Dialect::responses ? world::responses_events(spent, says)
                                                              : world::chat_events(spent, says));
        reply.pieces.back().after = milliseconds{spent.output * 20};
        return reply;
    }

    // ---- an agent -----------------------------------------------------------------------------

    Json first_body(int agent, int goal) const {
        Json body = Json::parse(setting_.capture->body);
        Json& list = body[dialect_ == Dialect::responses ? "input" : "messages"];
        list.push_back({{"role", "user"}, {"content", fmt::format("goal {} {}", agent, goal)}});
        return body;
    }

    void grow(Json& body, std::int64_t output) {
        Json& list = body[dialect_ == Dialect::responses ? "input" : "messages"];
        const auto said = static_cast<std::size_t>(static_cast<double>(output) * kBytesOfToken);
        const auto result = std::min(
            kResultMost, static_cast<std::int64_t>(lognormal(kResultMedian, kResultSigma)));
        list.push_back({{"role", "assistant"}, {"content", std::string(said, 'a')}});
        list.push_back(
            {{"role", "user"}, {"content", std::string(static_cast<std::size_t>(result), 'r')}});
    }

    std::string request_of(const Json& body) {
        auto fields = setting_.capture->fields;
        fields.emplace_back("authorization", "Bearer " + key_);
        fields.emplace_back("x-weir-trajectory", "ticket-4711");
        std::string text = body.dump();
        spent_.longest_bytes =
            std::max(spent_.longest_bytes, static_cast<std::int64_t>(text.size()));
        return world::request("POST", setting_.capture->path, fields, text);
    }

    static std::int64_t output_in(const std::string& answer) {
        std::int64_t output = 0;
        for (const char* name : {"\"output_tokens\":", "\"completion_tokens\":"}) {
            const auto at = answer.rfind(name);
            if (at == std::string::npos) continue;
            output = std::strtoll(answer.c_str() + at + std::string_view(name).size(), nullptr, 10);
        }
        return output;
    }

    // No cap that holds can admit a call that may find its provider's cache gone.
    void note_final(const Json& body) {
        if (spent_.at_first_final) return;
        spent_.at_first_final = spent_.billed;
        Int128 input = 0;
        for (std::int64_t tokens : turns_of(body, body.dump().size())) input += tokens;
        spent_.could_be = setting_.amount - input * std::max(prices_.input, prices_.cache_write);
    }

    // Goal after goal, until nothing is left for it.
    runtime::Task<void> live(int agent) {
        co_await scheduler_.delay(scheduler_.between(Duration{}, milliseconds{500}));
        world::Conversation c(scheduler_, weir_->dial(0));
        for (int goal = 0;; ++goal) {
            Json body = first_body(agent, goal);
            for (int turn = 0; turn < setting_.turns; ++turn) {
                world::Answer answer;
                const std::string bytes = request_of(body);
                if (co_await world::send_all(c, bytes)) answer = co_await world::read_answer(c);
                if (answer.status == 429 && answer.body.contains("budget_busy")) {
                    co_await scheduler_.delay(std::chrono::seconds{1});
                    continue;
                }
                if (answer.status != 200) {
                    note_final(body);
                    co_return;
                }
                grow(body, output_in(answer.body));
                co_await scheduler_.delay(kToolTime);
            }
        }
    }

    const AgentSetting& setting_;
    const Dialect dialect_;
    world::Scratch scratch_;
    world::Machine machine_;
    world::Scheduler& scheduler_;
    Trajectory spent_;
    std::string model_;
    std::string key_;
    Prices prices_;
    world::Server server_;
    std::unique_ptr<world::WeirProcess> weir_;
    runtime::TaskGroup tasks_;
};

}  // namespace

Trajectory run(const AgentSetting& setting) { return Agents{setting}.run(); }

}  // namespace weir::overshoot
