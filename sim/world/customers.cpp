#include "sim/world/customers.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "core/identify.h"

namespace weir::world {

Customers::Customers(Scheduler& scheduler, const Company& company, CustomerHabits habits, Door door)
    : scheduler_(scheduler), company_(company), habits_(habits), door_(std::move(door)) {}

void Customers::add_calls(int calls) {
    left_ += calls;
    for (int i = 0; i < habits_.customers; ++i) tasks_.spawn(live(i));
}

std::string Customers::padding() {
    std::uint64_t most = scheduler_.chance(10) ? 30'000 : 600;
    return std::string(scheduler_.rng().below(most), 'w');
}

// A new conversation, or the customer's last one with an answer and more behind it.
std::string Customers::messages_of(Kind kind, int number) {
    auto message = [kind](std::string_view role, std::string_view text, bool mark) {
        if (kind == Kind::chat) return fmt::format(R"({{"role":"{}","content":"{}"}})", role, text);
        return fmt::format(R"({{"role":"{}","content":[{{"type":"text","text":"{}"{}}}]}})", role,
                           text, mark ? R"(,"cache_control":{"type":"ephemeral"})" : "");
    };
    std::string& said = conversations_[{number, kind}];
    const bool goes_on = !said.empty() && scheduler_.chance(50);
    if (!goes_on) said = "[";
    if (goes_on) said += ',' + message("assistant", padding(), false) + ',';
    const std::string text = padding();
    const bool mark = kind == Kind::messages && scheduler_.chance(40);
    std::string out = said + message("user", text, mark) + "]";
    said += message("user", text, false);
    return out;
}

std::string Customers::body_of(Order& order, int number) {
    if (habits_.uniform) {
        order.stream = next_mark_ % 2 == 0;
        return fmt::format(
            R"({{"model":"sim-small","user":"{}","max_tokens":100,"messages":[]{}}})", order.mark,
            order.stream ? R"(,"stream":true)" : "");
    }
    std::string more;
    std::string model = "sim-small";
    if (scheduler_.chance(20)) model = "sim-large";
    if (scheduler_.chance(20)) model = "sim-open";
    if (scheduler_.chance(habits_.route_percent)) model = "any";
    order.stream = order.kind != Kind::embeddings && scheduler_.chance(50);
    if (order.stream) more += R"(,"stream":true)";
    const char* name = order.kind == Kind::responses ? "max_output_tokens" : "max_tokens";
    if (order.kind == Kind::chat && scheduler_.chance(50)) name = "max_completion_tokens";
    bool names_maximum = order.kind == Kind::messages || scheduler_.chance(70);
    if (names_maximum && order.kind != Kind::embeddings) {
        std::uint64_t most = 16 + scheduler_.rng().below(600);
        if (scheduler_.chance(5)) most = 1'000'000'000;
        more += fmt::format(R"(,"{}":{})", name, most);
    }
    if (order.kind == Kind::chat && scheduler_.chance(10)) more += R"(,"n":2)";
    if (order.kind == Kind::chat && order.stream && scheduler_.chance(30)) {
        more += R"(,"stream_options":{"include_usage":true})";
    }
    const bool talks = order.kind == Kind::chat || order.kind == Kind::messages;
    std::string text = talks ? messages_of(order.kind, number) : padding();
    switch (order.kind) {
        case Kind::chat:
            return fmt::format(R"({{"model":"{}","user":"{}","messages":{}{}}})", model, order.mark,
                               text, more);
        case Kind::completions:
            return fmt::format(R"({{"model":"{}","user":"{}","prompt":"{}"{}}})", model, order.mark,
                               text, more);
        case Kind::responses:
            return fmt::format(R"({{"model":"{}","user":"{}","input":"{}"{}}})", model, order.mark,
                               text, more);
        case Kind::messages:
            return fmt::format(
                R"({{"model":"claude-sim","metadata":{{"user_id":"{}"}},"messages":{}{}}})",
                order.mark, text, more);
        case Kind::embeddings:
            return fmt::format(R"({{"model":"sim-embed","user":"{}","input":"{}"}})", order.mark,
                               text);
    }
    return {};
}

Customers::Order Customers::make_order(int number) {
    constexpr std::array kPaths{"/v1/chat/completions", "/v1/completions", "/v1/responses",
                                "/v1/messages", "/v1/embeddings"};
    Order order;
    order.mark = fmt::format("c{:03}", ++next_mark_);
    std::uint64_t draw = scheduler_.rng().below(10);
    order.kind = draw < 4 || habits_.uniform ? Kind::chat
                 : draw < 5                  ? Kind::completions
                 : draw < 7                  ? Kind::responses
                 : draw < 9                  ? Kind::messages
                                             : Kind::embeddings;
    const std::string& key = scheduler_.chance(80) ? company_.support_key : company_.research_key;
    order.seen.key_id = core::parse_key(key)->id;
    order.seen.team = company_.policy.keys.at(order.seen.key_id).team;
    std::string body = body_of(order, number);
    std::vector<std::pair<std::string, std::string>> fields{{"authorization", "Bearer " + key},
                                                            {"x-weir-goal", order.mark}};
    if (habits_.trajectories > 0) {
        auto run = scheduler_.rng().below(static_cast<std::uint64_t>(habits_.trajectories));
        fields.emplace_back("x-weir-trajectory", fmt::format("run-{}-{}", number, run));
    }
    order.bytes = request("POST", kPaths[static_cast<std::size_t>(order.kind)], fields, body);
    if (scheduler_.chance(habits_.leave_percent)) {
        order.patience.leave_after = scheduler_.rng().below(1'500);
        order.patience.limit = scheduler_.between(Duration{1}, std::chrono::seconds{4});
        order.seen.left = true;
    }
    if (scheduler_.chance(habits_.slow_percent)) {
        order.patience.pause = std::chrono::seconds{scheduler_.rng().below(90)};
        order.seen.left = true;  // it may be cut for it
    }
    return order;
}

runtime::Task<void> Customers::live(int number) {
    co_await scheduler_.delay(std::chrono::milliseconds{7} * number);
    Conversation c(scheduler_, nullptr);
    std::uint64_t process = 0;
    std::optional<Order> again;
    while (left_ > 0 || again) {
        if (!c.stream || process != door_.process()) {
            c.unread.clear();
            c.stream = door_.dial(habits_.link);
            process = door_.process();
        }
        if (!c.stream) {
            co_await scheduler_.delay(std::chrono::milliseconds{50});
            continue;
        }
        if (!again) --left_;
        Order order = again ? *std::exchange(again, std::nullopt) : make_order(number);
        calls_[order.mark] = order.seen;
        Answer answer;
        if (co_await send_all(c, order.bytes)) answer = co_await read_answer(c, order.patience);
        look_at(order, answer, process == door_.process());
        if (tries_again(order, answer)) {
            again = order;
            ++again->tries;
        }
        // Who dawdled may find the connection closed, for having rested too long.
        bool dawdled = order.patience.pause > Duration{};
        if (!answer.keeps_alive() || dawdled) c.stream.reset();
        co_await scheduler_.delay(scheduler_.between(Duration{0}, habits_.pause_max));
    }
}

bool Customers::tries_again(const Order& order, const Answer& answer) {
    bool failed = !answer.whole || answer.status == 429 || answer.status >= 500;
    if (!failed || order.tries >= 2 || habits_.retry_percent == 0) return false;
    return scheduler_.chance(habits_.retry_percent);
}

void Customers::look_at(const Order& order, const Answer& answer, bool same_process) {
    CallSeen& seen = calls_[order.mark];
    seen.status = answer.status;
    seen.whole = answer.whole;
    auto attempts = answer.field("x-weir-attempts");
    std::from_chars(attempts.data(), attempts.data() + attempts.size(), seen.attempts);
    scheduler_.note(order.mark);
    scheduler_.note(static_cast<std::uint64_t>(answer.status));
    auto complain = [&](std::string_view what) {
        complaints_.push_back(fmt::format("{} at {} ms, status {}, {} bytes: {}", order.mark,
                                          scheduler_.now().ns / 1'000'000, answer.status,
                                          answer.body.size(), what));
    };
    if (!answer.malformed.empty()) return complain(answer.malformed);
    for (const auto& [name, value] : answer.fields) {
        if (value.contains("provider-secret")) complain("a provider's key came back");
    }
    if (answer.body.contains("provider-secret")) complain("a provider's key came back");
    // Who left, or whose gateway died, cannot ask for a whole answer.
    if (order.seen.left || !same_process) return;
    if (!answer.whole) return complain("the answer was cut off");
    if (answer.status != 200 || !order.stream) return;
    std::string_view body = answer.body;
    bool told = body.contains("\"error\":{") || body.contains("response.failed") ||
                body.contains("\"finish_reason\":\"stop\"");
    bool ended = body.ends_with("data: [DONE]\n\n") || body.contains("response.completed") ||
                 body.contains("message_stop");
    if (!told && !ended) complain("the stream has no end in its dialect");
}

}  // namespace weir::world
