#include <fmt/format.h>

#include "sim/agents/staff.h"

namespace weir::agents {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kSpiralOneIn = 60;
constexpr int kSpiralTurnsMax = 150;
// What does not fit is forgotten from its beginning on, which no prompt cache forgives.
constexpr std::int64_t kContextBytesMax = 48'000;
constexpr std::uint64_t kReopenedPercent = 7;
constexpr std::uint64_t kToolFailsPercent = 12;

std::vector<Tool> tools() {
    return {{"lookup_order", "Finds an order with its shipments and payments.", "order_number"},
            {"search_articles", "Searches the help centre for articles.", "query"},
            {"issue_refund", "Refunds an order, in whole or in part.", "reason"}};
}

// One attempt at one ticket.
class Desk {
 public:
    Desk(Wire& wire, const Post& post, std::uint64_t number, std::uint64_t seed, int attempt)
        : wire_(wire),
          rng_(seed + static_cast<std::uint64_t>(attempt)),
          // The release reads the customer's whole history before each turn.
          wordy_(wire.now() >= post.ratchet_from),
          talk_(passage(rng_, wordy_ ? 2'600 : 1'500), tools()) {
        labels_.goal = fmt::format("{}ticket-{}", post.prefix, number);
        labels_.trajectory = fmt::format("{}-{}", labels_.goal, attempt);
        labels_.customer = fmt::format("customer-{}", 100 + rng_.below(400));
        labels_.version = wordy_ ? "2.5.0" : "2.4.1";
        key_ = post.key;
    }

    runtime::Task<void> work() {
        Passage question = passage(rng_, 120, 600);
        if (!co_await triage(question)) co_return;
        talk_.say(std::move(question));
        bool spirals = rng_.below(kSpiralOneIn) == 0;
        if (!co_await turns(2 + static_cast<int>(rng_.below(4)), spirals)) co_return;
        // Some customers write back, when the provider has forgotten the context.
        if (rng_.below(100) >= 35) co_return;
        co_await wire_.pause(minutes{8 + rng_.below(50)});
        talk_.say(passage(rng_, 40, 200));
        co_await turns(1 + static_cast<int>(rng_.below(2)), false);
    }

 private:
    Ask ask(std::string agent, std::string task_type, const Conversation& talk) const {
        Ask a;
        a.key = key_;
        a.user_agent = "support-desk/" + labels_.version;
        a.conversation = &talk;
        a.labels = labels_;
        a.labels.agent = std::move(agent);
        a.labels.task_type = std::move(task_type);
        return a;
    }

    runtime::Task<bool> triage(const Passage& question) {
        Conversation talk{passage(rng_, 420)};
        talk.say(question);
        Ask a = ask("triage", "triage", talk);
        a.model = "gpt-6-luna";
        a.max_output = 64;
        a.script = {.output = 3};
        Reply reply = co_await insist(wire_, a);
        co_return reply.ok();
    }

    // Turns with tools, then an answer. False: the work cannot go on.
    runtime::Task<bool> turns(int wanted, bool spirals) {
        for (int turn = 0; turn < kSpiralTurnsMax; ++turn) {
            bool last = turn >= wanted && !spirals;
            Ask a = ask("resolver", "support_reply", talk_);
            a.model = "support";
            a.stream = last;
            a.script.output = static_cast<std::int64_t>(140 + rng_.below(260));
            a.script.reasoning = static_cast<std::int64_t>(rng_.below(120));
            if (!last) a.script.tool = talk_.tools()[rng_.below(2)].name;
            Reply reply = co_await insist(wire_, a);
            if (!reply.ok()) co_return false;
            talk_.add(std::move(reply.messages));
            if (!talk_.waits_for_tools()) {
                if (last) co_return true;
                continue;
            }
            co_await wire_.pause(seconds{4 + rng_.below(40)});
            bool failed = spirals || rng_.below(100) < kToolFailsPercent;
            if (failed && !spirals) ++wanted;  // once more
            talk_.answer_tools(tool_result(failed));
            talk_.forget_beyond(kContextBytesMax);
        }
        co_return false;
    }

    // Errors come with everything that might explain them.
    Passage tool_result(bool failed) {
        if (failed) return passage(rng_, 700, 1'300);
        return wordy_ ? passage(rng_, 900, 2'400) : passage(rng_, 250, 900);
    }

    Wire& wire_;
    SeededRng rng_;
    bool wordy_;
    Conversation talk_;
    Labels labels_;
    std::string key_;
};

}  // namespace

runtime::Task<void> resolve_ticket(Wire& wire, Post post, std::uint64_t number,
                                   std::uint64_t seed) {
    Desk first{wire, post, number, seed, 1};
    co_await first.work();
    SeededRng dice{~seed};
    if (dice.below(100) >= kReopenedPercent) co_return;
    co_await wire.pause(hours{3 + dice.below(30)});
    Desk second{wire, post, number, seed, 2};
    co_await second.work();
}

}  // namespace weir::agents
