#include <fmt/format.h>

#include "sim/agents/staff.h"

namespace weir::agents {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kTestsFailPercent = 30;
constexpr std::int64_t kContextTokensMax = 45'000;  // then the agent begins anew, with a summary

std::vector<Tool> lead_tools() {
    return {{"read_file", "Reads a file of the repository.", "path"},
            {"edit_file", "Replaces text in a file.", "patch"},
            {"run_tests", "Runs the tests and returns what they print.", "target"},
            {"delegate", "Gives a question to a sub-agent of its own context.", "question"}};
}

std::vector<Tool> scout_tools() {
    return {{"read_file", "Reads a file of the repository.", "path"},
            {"search_code", "Searches the repository for a pattern.", "pattern"}};
}

Ask messages_ask(const Post& post, const Labels& labels, const Conversation& talk) {
    Ask a;
    a.key = post.key;
    a.user_agent = "coder/0.31";
    a.endpoint = core::Endpoint::messages;
    a.stream = true;
    a.max_output = 2'048;
    a.conversation = &talk;
    a.labels = labels;
    return a;
}

// A sub-agent: starts with all that the lead has gathered, under another system prompt, so that the
// provider's cache knows none of it.
runtime::Task<void> scout(Wire& wire, Post post, Labels labels, Passage context,
                          std::uint64_t seed) {
    SeededRng rng{seed};
    Conversation talk{passage(rng, 1'100), scout_tools()};
    talk.say(std::move(context));
    std::uint64_t turns = 2 + rng.below(4);
    for (std::uint64_t turn = 0; turn <= turns; ++turn) {
        Ask a = messages_ask(post, labels, talk);
        a.labels.task_type = "code_search";
        a.model = "claude-sonnet-5";
        a.script.output = static_cast<std::int64_t>(150 + rng.below(250));
        if (turn < turns) a.script.tool = talk.tools()[rng.below(2)].name;
        Reply reply = co_await insist(wire, a);
        if (!reply.ok()) co_return;
        talk.add(std::move(reply.messages));
        if (!talk.waits_for_tools()) continue;
        co_await wire.pause(seconds{4 + rng.below(20)});
        talk.answer_tools(passage(rng, 400, 2'200));
    }
}

class Lead {
 public:
    Lead(Wire& wire, const Post& post, std::uint64_t number, std::uint64_t seed)
        : wire_(wire), post_(post), rng_(seed), talk_(passage(rng_, 3'800), lead_tools()) {
        labels_.goal = fmt::format("{}pr-{}", post.prefix, number);
        labels_.trajectory = labels_.goal + "-1";
        labels_.version = "0.31";
        talk_.say(passage(rng_, 200, 900));
    }

    runtime::Task<void> work() {
        std::uint64_t turns = 9 + rng_.below(14);
        for (std::uint64_t turn = 0; turn < turns; ++turn) {
            std::string tool = turn + 1 == turns ? "" : next_tool(turn);
            if (!co_await step(tool)) co_return;
            if (!talk_.waits_for_tools()) continue;
            if (tool == "delegate") co_await delegate(turn);
            co_await wire_.pause(seconds{10 + rng_.below(100)});
            bool failed = tool == "run_tests" && rng_.below(100) < kTestsFailPercent;
            if (failed) ++turns;
            talk_.answer_tools(failed ? passage(rng_, 900, 2'600) : passage(rng_, 200, 1'500));
            if (talk_.bytes() / 4 > kContextTokensMax) compact();
        }
    }

 private:
    std::string next_tool(std::uint64_t turn) {
        if (turn == 2 || (turn > 4 && rng_.below(9) == 0)) return "delegate";
        constexpr std::uint64_t kOwnTools = 3;
        return std::string{talk_.tools()[turn < 2 ? 0 : rng_.below(kOwnTools)].name};
    }

    runtime::Task<bool> step(std::string tool) {
        Ask a = messages_ask(post_, labels_, talk_);
        a.labels.agent = "lead";
        a.labels.task_type = "coding";
        a.model = "claude-opus-5-5";
        a.script = {.output = static_cast<std::int64_t>(180 + rng_.below(500)), .tool = tool};
        Reply reply = co_await insist(wire_, a);
        if (reply.ok()) talk_.add(std::move(reply.messages));
        co_return reply.ok();
    }

    runtime::Task<void> delegate(std::uint64_t turn) {
        runtime::TaskGroup scouts;
        std::uint64_t count = 2 + rng_.below(2);
        for (std::uint64_t i = 1; i <= count; ++i) {
            Labels labels = labels_;
            labels.parent = labels_.trajectory;
            labels.trajectory = fmt::format("{}/scout-{}-{}", labels_.trajectory, turn + 1, i);
            labels.agent = "scout";
            // The same for all of them: what the lead knows by now.
            Passage context{.seed = rng_.next(), .tokens = talk_.bytes() / 4};
            scouts.spawn(scout(wire_, post_, std::move(labels), std::move(context), rng_.next()));
        }
        co_await scouts.drained();
    }

    void compact() {
        Conversation anew{talk_.system(), talk_.tools()};
        anew.say(passage(rng_, 2'500, 4'000));
        talk_ = std::move(anew);
    }

    Wire& wire_;
    const Post& post_;
    SeededRng rng_;
    Conversation talk_;
    Labels labels_;
};

}  // namespace

runtime::Task<void> write_change(Wire& wire, Post post, std::uint64_t number, std::uint64_t seed) {
    Lead lead{wire, post, number, seed};
    co_await lead.work();
}

}  // namespace weir::agents
