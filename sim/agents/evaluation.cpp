#include <fmt/format.h>

#include "sim/agents/staff.h"

namespace weir::agents {
namespace {

using std::chrono::seconds;

class Case {
 public:
    Case(Wire& wire, const Post& post, std::string run, std::uint64_t seed)
        : wire_(wire), post_(post), rng_(seed), talk_(passage(rng_, 1'500)) {
        labels_.goal = std::move(run);
        labels_.trajectory = labels_.goal;
        labels_.version = "2.5.0-rc";
        talk_.say(passage(rng_, 800, 2'400));
    }

    runtime::Task<bool> work() {
        // Somebody once left this in: the key is not for it.
        std::string model = rng_.below(80) == 0 ? "gpt-5.5-pro" : "gpt-6-sol";
        Ask a = ask(model, "evaluation");
        a.script.output = static_cast<std::int64_t>(200 + rng_.below(300));
        a.script.reasoning = static_cast<std::int64_t>(rng_.below(200));
        Reply reply = co_await insist(wire_, a);
        if (!reply.ok()) co_return reply.status == 403;
        talk_.add(std::move(reply.messages));
        talk_.say(passage(rng_, 150));
        Ask grade = ask("gpt-6-luna", "");
        grade.max_output = 64;
        grade.script = {.output = 4};
        Reply graded = co_await insist(wire_, grade);
        co_return graded.ok();
    }

 private:
    Ask ask(std::string model, std::string task_type) const {
        Ask a;
        a.key = post_.key;
        a.user_agent = "evals/3.2";
        a.model = std::move(model);
        a.conversation = &talk_;
        a.labels = labels_;
        a.labels.task_type = std::move(task_type);
        return a;
    }

    Wire& wire_;
    const Post& post_;
    SeededRng rng_;
    Conversation talk_;
    Labels labels_;
};

}  // namespace

runtime::Task<void> evaluate_release(Wire& wire, Post post, std::uint64_t number,
                                     std::uint64_t seed) {
    SeededRng rng{seed};
    auto run = fmt::format("{}eval-{}", post.prefix, number);
    std::uint64_t cases = 20 + rng.below(30);
    for (std::uint64_t i = 0; i < cases; ++i) {
        Case one{wire, post, run, rng.next()};
        if (!co_await one.work()) co_return;
        co_await wire.pause(seconds{10 + rng.below(50)});
    }
}

}  // namespace weir::agents
