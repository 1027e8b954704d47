#include "bench/overshoot/tenants.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>

#include "sim/world/client.h"
#include "sim/world/data_image.h"
#include "sim/world/dialects.h"
#include "sim/world/sample_policy.h"
#include "sim/world/server.h"
#include "sim/world/weir_process.h"

namespace weir::overshoot {
namespace {

using std::chrono::milliseconds;
using world::Answer;

constexpr Duration kThink = milliseconds{50};
constexpr Duration kRetryMost = std::chrono::seconds{8};
constexpr Duration kRunMost = std::chrono::hours{6};
constexpr int kPieceTokens = 16;
// What the provider sees of a request beside its text: its JSON, a token for each byte, so that
// input is counted before the call as it is billed afterwards.
constexpr std::int64_t kPromptTokens = 13;

// One call as the provider bills it.
struct Bill {
    int tenant = 0;
    std::int64_t input = 0;
    std::int64_t output = 0;
    std::int64_t most = 0;  // as it was told
    MonoTime at;            // received
    MonoTime end;
};
// A call that was told that nothing is left for it.
struct Final {
    int tenant = 0;
    std::int64_t input = 0;
    MonoTime at;
};

class Tenants {
 public:
    explicit Tenants(const Setting& setting)
        : setting_(setting),
          machine_(setting.seed),
          scheduler_(machine_.scheduler),
          server_(scheduler_, [this](const world::Received& r) { return serve(r); }) {
        spent_.resize(static_cast<std::size_t>(setting.tenants));
        ended_.resize(spent_.size());
        world::Host host;
        host.accept = [this](runtime::Own stream) {
            server_.accept(std::move(stream));
        };
        machine_.internet.hosts[std::string(world::kOpenAi)] = std::move(host);
        server_.idle_max = std::chrono::hours{1};
        if (setting.gate != Gate::count_after) start_weir();
    }

    Run run() {
        for (int tenant = 0; tenant < setting_.tenants; ++tenant) {
            for (int stream = 0; stream < setting_.streams; ++stream) tasks_.spawn(live(tenant));
        }
        scheduler_.run_until([this] { return tasks_.size() == 0; }, kRunMost);
        return result();
    }

 private:
    void start_weir() {
        world::Company company = world::sample_company();
        SeededRng rng(0x7465'6e61);  // not the company's own
        core::Limits& limits = company.policy.limits;
        limits.min_output = 1;  // what is enough is learned
        if (setting_.gate == Gate::weir_queue) limits.busy_wait_ms = 3'600'000;
        for (int tenant = 0; tenant < setting_.tenants; ++tenant) {
            const std::string name = fmt::format("tenant-{}", tenant);
            keys_.push_back(world::add_team(company, name, rng));
            core::BudgetSpec budget = world::team_budget(static_cast<std::uint64_t>(tenant) + 1,
                                                         name, Int128{setting_.budget});
            budget.unit = core::BudgetUnit::tokens;
            budget.clamp = setting_.clamp;
            company.policy.budgets.push_back(std::move(budget));
        }
        world::ProcessOptions options;
        options.data_dir = scratch_.path("data");
        options.policy = company.snapshot();
        options.segment_bytes = 8u << 20;
        options.bookkeeping = false;
        weir_ = std::make_unique<world::WeirProcess>(machine_, std::move(options));
        if (auto started = weir_->start(); !started) {
            throw std::runtime_error(std::string(started.error().detail()));
        }
        for (int i = 0; setting_.learned && i < 5'000; ++i) {
            const std::int64_t whole = answer_length();
            weir_->treasury().learn("sim-small", {}, std::min(whole, setting_.max_output),
                                    whole >= setting_.max_output);
        }
    }

    double normal() {
        auto uniform = [this] {
            return (static_cast<double>(scheduler_.rng().below(1u << 30)) + 0.5) / (1u << 30);
        };
        return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
    }

    // How long the answer would be if nothing cut it.
    std::int64_t answer_length() {
        const double length = setting_.median * std::exp(setting_.sigma * normal());
        return std::max<std::int64_t>(1, std::llround(std::min(length, 1e6)));
    }

    std::string body_of(int tenant, std::int64_t text) const {
        return fmt::format(
            R"({{"model":"sim-small","user":"{}","max_tokens":{},"stream":true,"prompt":"{}"}})",
            tenant, setting_.max_output, std::string(static_cast<std::size_t>(text), 'w'));
    }

    // ---- the provider -------------------------------------------------------------------------

    world::Reply serve(const world::Received& request) {
        const auto body = nlohmann::json::parse(request.body);
        Bill& bill = bills_.emplace_back();
        bill.tenant = std::stoi(body.at("user").get<std::string>());
        const auto text = body.at("prompt").get<std::string>().size();
        bill.input = kPromptTokens + static_cast<std::int64_t>(text);
        bill.at = scheduler_.now();
        bill.most = body.at("max_tokens").get<std::int64_t>();
        add(bill, bill.input);
        const std::int64_t whole = answer_length();
        const std::int64_t length = std::min(whole, bill.most);
        if (bill.most < std::min(whole, setting_.max_output)) ++spent_of(bill.tenant).shortened;
        const double rate = 40 + static_cast<double>(scheduler_.rng().below(21));  // tokens/s

        world::Spent spent;
        spent.input = bill.input;
        spent.output = length;
        const auto pieces = static_cast<int>((length + kPieceTokens - 1) / kPieceTokens);
        world::Reply reply = world::stream_of(world::chat_events(
            spent, {.pieces = pieces, .finish = whole > length ? "length" : "stop"}));
        reply.stops = !setting_.bills_on;
        reply.pieces[0].after = scheduler_.between(milliseconds{300}, milliseconds{700});
        std::int64_t left = length;
        for (int i = 1; i <= pieces; ++i) {
            const std::int64_t tokens = std::min<std::int64_t>(left, kPieceTokens);
            left -= tokens;
            auto& piece = reply.pieces[static_cast<std::size_t>(i)];
            piece.after = Duration{std::llround(static_cast<double>(tokens) / rate * 1e9)};
            piece.first = [this, &bill, tokens] {
                bill.output += tokens;
                bill.end = scheduler_.now();
                add(bill, tokens);
            };
        }
        return reply;
    }

    void add(const Bill& bill, std::int64_t tokens) {
        Spent& spent = spent_of(bill.tenant);
        spent.billed += tokens;
        auto reached = [&](Duration& at, std::int64_t percent) {
            if (at == Duration{} && spent.billed * 100 >= setting_.budget * percent) {
                at = scheduler_.now() - MonoTime{1'000'000'000};
            }
        };
        reached(spent.to_90, 90);
        reached(spent.to_99, 99);
    }

    // ---- a stream -----------------------------------------------------------------------------

    runtime::Own dial() {
        if (weir_) return weir_->dial(0);
        auto ends = world::SimStream::pair(scheduler_, {}, {}, {});
        server_.accept(std::move(ends.second));
        return std::move(ends.first);
    }

    runtime::Task<void> live(int tenant) {
        co_await scheduler_.delay(scheduler_.between(Duration{}, milliseconds{100}));
        world::Conversation c(scheduler_, dial());
        Spent& spent = spent_of(tenant);
        for (;;) {
            const auto text = static_cast<std::int64_t>(7 + scheduler_.rng().below(181));
            const std::string bytes = request_of(tenant, text);
            Answer answer;
            for (Duration retry = milliseconds{500};; retry = std::min(retry * 2, kRetryMost)) {
                if (!weir_ && ended_[index(tenant)] >= setting_.budget) {
                    ++spent.refused;
                    ++spent.refused_for_good;
                    co_return;
                }
                if (co_await world::send_all(c, bytes)) answer = co_await world::read_answer(c);
                if (answer.status == 200) {
                    note_call(tenant, text, answer);
                    break;
                }
                ++spent.refused;
                if (answer.status != 429) {
                    ++spent.refused_for_good;
                    finals_.push_back({tenant, kPromptTokens + text, scheduler_.now()});
                    co_return;
                }
                co_await scheduler_.delay(std::max(told_to_wait(answer), retry));
            }
            co_await scheduler_.delay(kThink);
        }
    }

    std::string request_of(int tenant, std::int64_t text) const {
        std::vector<std::pair<std::string, std::string>> fields;
        if (weir_) fields.emplace_back("authorization", "Bearer " + keys_[index(tenant)]);
        return world::request("POST", "/v1/completions", fields, body_of(tenant, text));
    }

    void note_call(int tenant, std::int64_t text, const Answer& answer) {
        Spent& spent = spent_of(tenant);
        ++spent.calls;
        if (!answer.whole || !answer.body.ends_with("data: [DONE]\n\n")) ++spent.torn;
        bounds_ += static_cast<double>(kPromptTokens + text + setting_.max_output);
        // What the twin counts when a call has ended.
        const auto at = answer.body.rfind("\"total_tokens\":");
        std::int64_t total = 0;
        if (at != std::string::npos) {
            const char* begin = answer.body.data() + at + 15;
            std::from_chars(begin, answer.body.data() + answer.body.size(), total);
        }
        ended_[index(tenant)] += total;
    }

    static Duration told_to_wait(const Answer& answer) {
        const auto text = answer.field("retry-after-ms");
        std::int64_t ms = 0;
        std::from_chars(text.data(), text.data() + text.size(), ms);
        return milliseconds{ms};
    }

    // ---- the end ------------------------------------------------------------------------------

    // A smaller call may fit where a larger one could not: what counts is one as large.
    bool came_back(const Final& final) const {
        return std::ranges::any_of(bills_, [&final](const Bill& bill) {
            return bill.tenant == final.tenant && bill.at > final.at && bill.input >= final.input;
        });
    }

    Run result() {
        Run out;
        for (const Final& final : finals_) {
            if (came_back(final)) ++spent_of(final.tenant).transient_for_good;
        }
        double calls = 0;
        double cost = 0;
        for (const Spent& spent : spent_) calls += spent.calls;
        double seconds = 0;
        for (const Bill& bill : bills_) {
            cost += static_cast<double>(bill.input + bill.output);
            seconds += std::chrono::duration<double>(bill.end - bill.at + kThink).count();
        }
        if (calls > 0) {
            out.mean_cost = cost / calls;
            out.mean_bound = bounds_ / calls;
            out.mean_seconds = seconds / calls;
        }
        out.tenants = spent_;
        return out;
    }

    static std::size_t index(int tenant) { return static_cast<std::size_t>(tenant); }
    Spent& spent_of(int tenant) { return spent_[index(tenant)]; }

    const Setting& setting_;
    world::Scratch scratch_;
    world::Machine machine_;
    world::Scheduler& scheduler_;
    std::vector<Spent> spent_;
    std::vector<std::int64_t> ended_;
    std::vector<Final> finals_;
    std::vector<std::string> keys_;
    std::deque<Bill> bills_;
    double bounds_ = 0;
    world::Server server_;
    std::unique_ptr<world::WeirProcess> weir_;
    runtime::TaskGroup tasks_;
};

}  // namespace

Run run(const Setting& setting) { return Tenants{setting}.run(); }

double seconds_allowed(const Setting& setting, const Run& run, double share) {
    const auto budget = static_cast<double>(setting.budget);
    double seconds = 0;
    for (double left = budget; left > budget * (1 - share); left -= run.mean_cost) {
        const double in_flight =
            std::clamp(left / run.mean_bound, 1.0, static_cast<double>(setting.streams));
        seconds += run.mean_seconds / in_flight;
    }
    return seconds;
}

}  // namespace weir::overshoot
