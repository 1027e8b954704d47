// ledger.md §3, test 3: whatever a body says, and however it says it, what the greediest provider
// could bill for the bytes that Weir would forward is within the bound that was held, or the call
// was refused. That provider reads bodies with another JSON library, takes every spelling of a key
// for the key, the dearest of several values, numbers where it finds strings, and bills the worst.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/route.h"
#include "gateway/bound.h"
#include "sim/world/sample_policy.h"

namespace weir::world {
namespace {

using core::Endpoint;
using nlohmann::json;

constexpr Int128 kNoLimit = Int128{1} << 100;
constexpr std::int64_t kRealMaximum = 128'000;  // of output, where nobody names one

// As Go's decoder: any case, and two letters beyond ASCII.
std::string folded(std::string text) {
    for (auto [letter, plain] : {std::pair{"\u017F", "s"}, std::pair{"\u212A", "k"}}) {
        for (auto at = text.find(letter); at != std::string::npos; at = text.find(letter)) {
            text.replace(at, std::string_view(letter).size(), plain);
        }
    }
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return text;
}

struct Member {
    std::string key;  // folded
    json value;
};

// Every member of the top level, each occurrence of its own.
std::optional<std::vector<Member>> members_of(std::string_view text) {
    std::vector<Member> members;
    std::string key;
    auto seen = [&](int depth, json::parse_event_t event, json& parsed) {
        using Event = json::parse_event_t;
        if (depth == 1 && event == Event::key) key = folded(parsed.get<std::string>());
        bool ends =
            event == Event::value || event == Event::object_end || event == Event::array_end;
        if (depth == 1 && ends) members.push_back({key, parsed});
        return true;
    };
    json whole = json::parse(text, seen, false);
    if (whole.is_discarded() || !whole.is_object()) return std::nullopt;
    return members;
}

// A count as somebody might read it; nullopt: as if it were not there.
std::optional<std::int64_t> count_of(const json& value) {
    constexpr double kMost = 1e15;
    if (value.is_number_unsigned()) {
        return static_cast<std::int64_t>(
            std::min<std::uint64_t>(value.get<std::uint64_t>(), 1'000'000'000'000'000));
    }
    if (value.is_number_integer()) {
        std::int64_t n = value.get<std::int64_t>();
        return n < 0 ? std::nullopt : std::optional(n);
    }
    if (value.is_number_float()) {
        double n = value.get<double>();
        if (!(n >= 0)) return std::nullopt;
        return static_cast<std::int64_t>(std::min(n + 1, kMost));
    }
    if (value.is_string()) {
        return count_of(json::parse(value.get<std::string>(), nullptr, false));
    }
    return std::nullopt;
}

bool is_set(const json& value) {
    return !value.is_null() && value != false && !(value.is_array() && value.empty());
}

bool is_link(const json& value) {
    if (value.is_string()) return !value.get<std::string>().starts_with("data:");
    return value.is_object() && value.contains("url") && is_link(value["url"]);
}

// Does anything in the content stand for more than its bytes?
bool reaches_beyond(const json& value) {
    if (value.is_array()) return std::ranges::any_of(value, reaches_beyond);
    if (!value.is_object()) return false;
    for (const auto& [spelled, inner] : value.items()) {
        std::string key = folded(spelled);
        if ((key == "file_id" || key == "file_data") && !inner.is_null()) return true;
        if (key == "image_url" && is_link(inner)) return true;
        if (key == "source" && inner.is_object() && inner.value("type", json()) == "url")
            return true;
        if (reaches_beyond(inner)) return true;
    }
    return false;
}

struct Greed {
    const core::PriceRow* row = nullptr;
    std::string model;
    bool max_tokens_only = false;
    Endpoint endpoint = Endpoint::chat_completions;

    static bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names) {
        return std::ranges::find(names, key) != names.end();
    }

    // Uses of tools that run at the provider; nullopt: without end.
    static std::optional<std::int64_t> tool_uses(const json& tools) {
        std::int64_t uses = 0;
        if (!tools.is_array()) return is_set(tools) ? std::nullopt : std::optional<std::int64_t>(0);
        for (const json& tool : tools) {
            std::string type;
            std::optional<std::int64_t> most;
            if (tool.is_object()) {
                for (const auto& [key, value] : tool.items()) {
                    if (folded(key) == "type" && value.is_string()) {
                        type = folded(value.get<std::string>());
                    }
                    if (folded(key) == "max_uses") most = count_of(value);
                }
            }
            if (type == "function" || type == "custom" || (type.empty() && tool.is_object())) {
                continue;
            }
            if (type.starts_with("bash_2") || type.starts_with("text_editor_2") ||
                type == "local_shell" || type == "apply_patch" || type == "computer" ||
                type == "namespace" || type.starts_with("memory_2") ||
                type.starts_with("computer_2") || type == "computer_use_preview" ||
                type.starts_with("computer_toolset_2")) {
                continue;
            }
            if (!most) return std::nullopt;
            uses += *most;
        }
        return uses;
    }

    // Bytes that go to no model: of what says how to answer, which Weir writes too.
    static std::int64_t no_text(const std::vector<Member>& members) {
        std::size_t bytes = 0;
        for (const auto& [key, value] : members) {
            bool is_none = is_one_of(
                key, {"model", "stream", "stream_options", "max_tokens", "max_completion_tokens",
                      "max_output_tokens", "metadata", "client_metadata", "user",
                      "safety_identifier", "prompt_cache_key", "n", "best_of", "service_tier",
                      "speed", "inference_geo", "prompt_cache_retention"});
            if (is_none)
                bytes += std::string_view(R"("":)").size() + key.size() + value.dump().size();
        }
        return static_cast<std::int64_t>(bytes);
    }

    // With tools and schemas comes a system prompt of the provider's own.
    static bool brings_a_prompt(const std::vector<Member>& members) {
        return std::ranges::any_of(members, [](const Member& member) {
            bool is_format = is_one_of(
                member.key, {"response_format", "text", "output_format", "output_config"});
            return is_one_of(member.key, {"tools", "functions"}) ||
                   (is_format && member.value.dump().contains("json"));
        });
    }

    Int128 bill(std::string_view body) const {
        auto members = members_of(body);
        if (!members) return 0;  // refused as no JSON
        std::optional<std::int64_t> output;
        std::int64_t n = 1;
        std::int64_t prompts = 1;
        std::optional<std::int64_t> uses = 0;
        std::optional<std::int64_t> tool_calls;
        bool beyond = false;
        bool caches = false;
        auto take_output = [&](const json& value) {
            if (auto most = count_of(value); most && *most > 0) {
                output = std::max(output.value_or(0), *most);
            } else if (endpoint == Endpoint::messages && value == 0) {
                output = output.value_or(0);
            }
        };
        bool chat = endpoint == Endpoint::chat_completions;
        for (const auto& [key, value] : *members) {
            if (key == "model" && value != model) return kNoLimit;
            if (key == "max_tokens" && endpoint != Endpoint::responses) take_output(value);
            if (key == "max_completion_tokens" && chat && !max_tokens_only) take_output(value);
            if (key == "max_output_tokens" && endpoint == Endpoint::responses) take_output(value);
            bool counts_n = chat || endpoint == Endpoint::completions;
            if (is_one_of(key, {"n", "best_of"}) && counts_n) {
                n = std::max(n, count_of(value).value_or(1));
            }
            if (key == "prompt" && endpoint == Endpoint::completions && value.is_array() &&
                !value.empty() && !value[0].is_number()) {
                prompts = std::max<std::int64_t>(prompts, static_cast<std::int64_t>(value.size()));
            }
            if (key == "tools" && uses) {
                auto more = tool_uses(value);
                uses = more ? std::optional(std::max(*uses, *more)) : std::nullopt;
            }
            if (key == "max_tool_calls" && endpoint == Endpoint::responses) {
                tool_calls = count_of(value);
            }
            if (is_one_of(key, {"background", "prediction", "fallbacks", "models", "plugins",
                                "web_search_options", "search_parameters", "enable_search",
                                "mcp_servers", "compaction", "route"}) &&
                is_set(value)) {
                return kNoLimit;
            }
            if (is_one_of(key, {"previous_response_id", "conversation", "thread", "container",
                                "data_sources"}) &&
                is_set(value)) {
                beyond = true;
            }
            if (key == "prompt" && value.is_object()) beyond = true;
            if (is_one_of(key, {"messages", "input", "system"})) {
                beyond = beyond || reaches_beyond(value);
            }
            // Under a key that no server knows it writes nothing.
            if (is_one_of(key, {"messages", "input", "system", "tools"})) {
                caches = caches || value.dump().contains("cache_control");
            }
            if (key == "cache_control") caches = true;
        }
        if (!uses && !tool_calls) return kNoLimit;
        std::int64_t passes = 1 + uses.value_or(tool_calls.value_or(0));
        std::int64_t input = static_cast<std::int64_t>(body.size()) - no_text(*members);
        input += brings_a_prompt(*members) ? 200 : 3;
        if (beyond || passes > 1) input = std::max(input, row->context_window);
        std::int64_t ends_at =
            std::min(kRealMaximum, row->max_output > 0 ? row->max_output : kRealMaximum);
        std::int64_t out = output ? std::min(*output, ends_at) : ends_at;
        if (endpoint == Endpoint::embeddings) out = 0;
        const core::PriceTier& tier = row->tiers[0];
        auto price = [&](core::TokenClass c) {
            auto rate = tier.bands[0].prices.of(c);
            return rate ? Int128{rate->femto() / 1000} : Int128{0};
        };
        Int128 dearest = std::max(price(core::TokenClass::input),
                                  caches ? price(core::TokenClass::cache_write_short) : Int128{0});
        Int128 fees = passes > 1 ? Int128{passes - 1} * 10'000'000'000 : 0;
        return Int128{passes} * input * dearest +
               Int128{passes} * out * n * prompts * price(core::TokenClass::output) + fees;
    }
};

// ---- bodies and what is done to them ------------------------------------------------------------

struct Sample {
    Endpoint endpoint;
    std::string body;
};

std::vector<Sample> own_samples() {
    using enum Endpoint;
    return {
        {chat_completions, R"({"model":"sim-small","messages":[{"role":"user","content":"hi"}]})"},
        {chat_completions,
         R"({"model":"sim-small","max_tokens":64,"n":2,"stream":true,"messages":[]})"},
        {chat_completions,
         R"({"model":"sim-open","max_completion_tokens":64,"messages":[{"role":"user","content":[)"
         R"({"type":"text","text":"x"}]}],"tools":[{"type":"function","function":{"name":"f"}}]})"},
        {completions, R"({"model":"sim-small","prompt":["a","b","c"],"max_tokens":5,"best_of":3})"},
        {completions, R"({"model":"sim-open","prompt":"a"})"},
        {responses, R"({"model":"sim-large","input":"x","max_output_tokens":300})"},
        {responses, R"({"model":"sim-small","input":[{"role":"user","content":"x"}],)"
                    R"("previous_response_id":"resp_1","max_tool_calls":2,)"
                    R"("tools":[{"type":"web_search"}]})"},
        {messages,
         R"({"model":"claude-sim","max_tokens":100,"messages":[{"role":"user",)"
         R"("content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}],)"
         R"("tools":[{"type":"web_search_20250305","name":"w","max_uses":3}]})"},
        {messages, R"({"model":"claude-sim","max_tokens":0,"messages":[],"stream":false})"},
        {embeddings, R"({"model":"sim-embed","input":["a","b"]})"},
    };
}

// Requests of real clients, as far as they are there; their models become ours.
std::vector<Sample> captured_samples() {
    namespace fs = std::filesystem;
    fs::path folder = WEIR_SOURCE_DIR "/../shared/data/captures";
    std::vector<Sample> samples;
    if (!fs::exists(folder)) return samples;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{folder}) files.push_back(entry.path());
    std::ranges::sort(files);
    auto take = [&](const json& request) {
        if (!request.contains("body") || !request["body"].is_object()) return;
        std::string url = request["url"];
        auto match = provider::match_endpoint(request["method"].get<std::string>(),
                                              url.substr(0, url.find('?')));
        if (!match || match->fate == provider::Fate::free) return;
        json body = request["body"];
        body["model"] = match->endpoint == Endpoint::messages ? "claude-sim" : "sim-small";
        std::string text = body.dump();
        if (text.size() < 200'000) samples.push_back({match->endpoint, std::move(text)});
    };
    for (const fs::path& path : files) {
        std::ifstream file{path};
        if (path.extension() == ".json") {
            for (const json& request : json::parse(file)) take(request);
        } else if (path.extension() == ".jsonl") {
            for (std::string line; std::getline(file, line);) take(json::parse(line));
        }
    }
    return samples;
}

class Mutator {
 public:
    explicit Mutator(std::uint64_t seed) : rng_(seed) {}
    std::uint64_t below(std::uint64_t n) { return rng_.below(n); }

    std::string mutate(std::string body) {
        for (std::uint64_t i = 1 + below(3); i > 0; --i) {
            switch (below(5)) {
                case 0:
                case 1:
                    body = insert(std::move(body));
                    break;
                case 2:
                    body = disguise_a_key(std::move(body));
                    break;
                case 3:
                    body = change_a_number(std::move(body));
                    break;
                default:
                    body = drop_a_byte_or_none(std::move(body));
                    break;
            }
        }
        return body;
    }

 private:
    std::string number() {
        static const std::vector<std::string> kNumbers = {"0",
                                                          "1",
                                                          "7",
                                                          "100000",
                                                          "9000000000000000000",
                                                          "-1",
                                                          "1e3",
                                                          "1.5",
                                                          "9007199254740993",
                                                          "18446744073709551616",
                                                          "\"64\"",
                                                          "null",
                                                          "true",
                                                          "[]",
                                                          "2.0",
                                                          "1e-1",
                                                          "-0",
                                                          "0.0",
                                                          "1E5",
                                                          "{}"};
        return kNumbers[below(kNumbers.size())];
    }
    std::string member() {
        static const std::vector<std::string> kNames = {
            "max_tokens", "max_completion_tokens", "max_output_tokens", "n",
            "best_of",    "max_tool_calls"};
        static const std::vector<std::string> kMembers = {
            R"("model":"sim-large")",
            R"("model":"claude-sim")",
            R"("stream":true)",
            R"("tools":[{"type":"web_search"}])",
            R"("tools":[{"type":"unheard_of"}])",
            R"("tools":[{"type":"web_search_20250305","name":"w","max_uses":2}])",
            R"("tools":[{"type":"mcp","max_uses":1}])",
            R"("background":true)",
            R"("previous_response_id":"r")",
            R"("conversation":{"id":"c"})",
            R"("web_search_options":{})",
            R"("prediction":{"type":"content","content":"x"})",
            R"("models":["a"])",
            R"("plugins":[{"id":"web"}])",
            R"("service_tier":"priority")",
            R"("service_tier":"flex")",
            R"("stream_options":{"include_usage":false})",
            R"("metadata":{"weir.goal":"x","a":"b"})",
            R"("mcp_servers":[{"url":"u"}])",
            R"("input":[{"type":"input_image","image_url":"http://x/y.png"}])",
            R"("messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}])",
            R"("compaction":{"type":"auto"})",
            R"("thread":"t")",
            R"("unknown_field":[1,2])"};
        if (below(2) == 0) return "\"" + kNames[below(kNames.size())] + "\":" + number();
        return kMembers[below(kMembers.size())];
    }
    // At the front, the end, or behind some comma of the top level.
    std::string insert(std::string body) {
        std::string text = member();
        if (below(3) == 0) text = disguise_a_key("{" + text + "}");
        if (text.starts_with('{')) text = text.substr(1, text.size() - 2);
        auto open = body.find('{');
        auto close = body.rfind('}');
        if (open == std::string::npos || close == std::string::npos || close <= open) return body;
        bool empty = body.find_first_not_of(" \n", open + 1) == close;
        if (below(2) == 0) return body.insert(open + 1, empty ? text : text + ",");
        return body.insert(close, empty ? text : "," + text);
    }
    // One letter of a key: escaped, in the other case, or a letter that folds into it.
    std::string disguise_a_key(std::string body) {
        static const std::vector<std::string> kKeys = {"max_tokens",
                                                       "max_completion_tokens",
                                                       "max_output_tokens",
                                                       "model",
                                                       "n",
                                                       "best_of",
                                                       "tools",
                                                       "type",
                                                       "max_uses",
                                                       "stream",
                                                       "background",
                                                       "previous_response_id",
                                                       "service_tier",
                                                       "prediction",
                                                       "models",
                                                       "file_id",
                                                       "messages",
                                                       "input"};
        const std::string& key = kKeys[below(kKeys.size())];
        auto at = body.find("\"" + key + "\"");
        if (at == std::string::npos) return body;
        auto letter = at + 1 + below(key.size());
        char c = body[letter];
        std::string with = fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        if (below(2) == 0 && c >= 'a' && c <= 'z') with = std::string(1, static_cast<char>(c - 32));
        if (below(4) == 0 && c == 's') with = "\u017F";
        if (below(4) == 0 && c == 'k') with = "\u212A";
        return body.replace(letter, 1, with);
    }
    std::string change_a_number(std::string body) {
        std::vector<std::size_t> starts;
        for (std::size_t i = 1; i < body.size(); ++i) {
            if (body[i - 1] == ':' && body[i] >= '0' && body[i] <= '9') starts.push_back(i);
        }
        if (starts.empty()) return body;
        std::size_t at = starts[below(starts.size())];
        std::size_t end = body.find_first_not_of("0123456789.eE+-", at);
        return body.replace(at, end - at, number());
    }
    std::string drop_a_byte_or_none(std::string body) {
        if (below(3) == 0 && !body.empty()) body.erase(below(body.size()), 1);
        return body;
    }

    SeededRng rng_;
};

class BoundFuzz : public ::testing::Test {
 protected:
    BoundFuzz() {
        company_.policy.limits.default_max_output = 3'000;
        policy_ = company_.snapshot();
        budgeted_.blocks = true;
        budgeted_.unit = core::BudgetUnit::usd;
    }

    struct Outcome {
        bool forwarded = false;
        Int128 bound = 0;
        Int128 bill = 0;
        std::string sent;
    };
    Outcome run(const Sample& sample, bool max_tokens_only) {
        gateway::PreparedCall call;
        call.policy = policy_;
        call.body = sample.body;
        call.endpoint.endpoint = sample.endpoint;
        call.endpoint.fate = provider::Fate::governed;
        auto shape = provider::describe(sample.endpoint, sample.body);
        if (!shape) return {};
        call.shape = std::move(*shape);
        auto plan = core::route(*policy_, call.shape, UnixTime::from_seconds(1'795'489'200));
        if (!plan || plan->targets[0].price == nullptr) return {};
        core::Target& target = plan->targets[0];
        core::ProviderRecord server = *target.provider;
        server.quirks.max_completion_tokens = !max_tokens_only;
        target.provider = &server;
        auto bound = gateway::bound_attempt(call, target, nullptr);
        if (!bound || gateway::unbounded_under({budgeted_}, *bound) != nullptr) return {};
        gateway::OutgoingBody out(call, target, *bound,
                                  gateway::is_held_by_cost({budgeted_}, *bound));
        Greed greed{.row = target.price,
                    .model = target.model,
                    .max_tokens_only = max_tokens_only,
                    .endpoint = sample.endpoint};
        return {true, bound->quote.bound.pico(), greed.bill(out.bytes()), std::string(out.bytes())};
    }
    // How many got through.
    int fuzz(const std::vector<Sample>& samples, int rounds, std::uint64_t seed) {
        Mutator mutator(seed);
        int forwarded = 0;
        for (int i = 0; i < rounds; ++i) {
            Sample sample = samples[mutator.below(samples.size())];
            sample.body = mutator.mutate(std::move(sample.body));
            Outcome outcome = run(sample, mutator.below(4) == 0);
            if (!outcome.forwarded) continue;
            ++forwarded;
            EXPECT_GT(outcome.bound, 0);
            EXPECT_LE(outcome.bill, outcome.bound) << core::endpoint_name(sample.endpoint)
                                                   << "\n came: " << sample.body.substr(0, 2'000)
                                                   << "\n sent: " << outcome.sent.substr(0, 2'000);
            if (HasFailure()) break;
        }
        return forwarded;
    }

    Company company_ = sample_company();
    std::shared_ptr<const core::Policy> policy_;
    core::HoldPart budgeted_;
};

TEST_F(BoundFuzz, TheBillOfTheForwardedBytesIsWithinTheBound) {
    EXPECT_GT(fuzz(own_samples(), 60'000, 1), 10'000);
}

TEST_F(BoundFuzz, AndForTheRequestsOfRealClients) {
    auto samples = captured_samples();
    if (samples.empty()) GTEST_SKIP() << "no captured requests beside the source tree";
    EXPECT_GT(fuzz(samples, 4'000, 2), 400);
}

TEST_F(BoundFuzz, WhatIsNotMutatedPassesAndTheGreedyReaderSeesTheDisguises) {
    for (const Sample& sample : own_samples()) {
        Outcome outcome = run(sample, false);
        EXPECT_TRUE(outcome.forwarded) << sample.body;
        EXPECT_LE(outcome.bill, outcome.bound) << sample.body;
        EXPECT_GT(outcome.bill, 0) << sample.body;
    }
    const core::PriceRow* row = policy_->prices->find("openai", "sim-small", {});
    Greed greed{.row = row, .model = row->model};
    Int128 one = greed.bill(R"({"model":"sim-small","max_tokens":1})");
    for (const char* more :
         {R"("max_tokens":99)", R"("max_tok\u0065ns":99)", R"("MAX_tokens":99)",
          R"("max_to\u212Aens":99)", R"("n":9)", R"("max_tokens":"99")", R"("max_tokens":9.8e1)"}) {
        std::string body = R"({"model":"sim-small","max_tokens":1,)" + std::string(more) + "}";
        EXPECT_GT(greed.bill(body), one + 30'000'000) << body;
    }
}

// I10: more of anything never lowers the bound.
TEST_F(BoundFuzz, MoreIsNeverLess) {
    SeededRng rng(3);
    auto bound_of = [&](std::uint64_t text, std::uint64_t max, std::uint64_t n) {
        std::string body =
            fmt::format(R"({{"model":"sim-small","max_tokens":{},"n":{},"messages":"{}"}})", max, n,
                        std::string(text, 'x'));
        return run({Endpoint::chat_completions, body}, false).bound;
    };
    for (int i = 0; i < 300; ++i) {
        std::uint64_t text = rng.below(5'000);
        std::uint64_t max = 1 + rng.below(6'000);
        std::uint64_t n = 1 + rng.below(50);
        Int128 bound = bound_of(text, max, n);
        EXPECT_GT(bound, 0);
        EXPECT_GE(bound_of(text + rng.below(2'000), max, n), bound);
        EXPECT_GE(bound_of(text, max + rng.below(9'000'000), n), bound);
        EXPECT_GE(bound_of(text, max, n + rng.below(100)), bound);
    }
}

}  // namespace
}  // namespace weir::world
