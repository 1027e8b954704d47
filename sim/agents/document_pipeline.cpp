#include <algorithm>
#include <fmt/format.h>

#include "sim/agents/staff.h"

namespace weir::agents {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kInvalidPercent = 12;
constexpr int kAttemptsMax = 4;

// One document.
class Pipeline {
 public:
    Pipeline(Wire& wire, const Post& post, std::string document, std::uint64_t seed)
        : wire_(wire), rng_(seed), page_(passage(rng_, 1'400, 3'600)), key_(post.key) {
        labels_.goal = document;
        labels_.trajectory = std::move(document);
        labels_.agent = "intake";
        labels_.version = "1.9";
    }

    runtime::Task<void> work() {
        if (!co_await embed()) co_return;
        if (!co_await classify()) co_return;
        co_await extract();
    }

 private:
    Ask ask(std::string task_type) const {
        Ask a;
        a.key = key_;
        a.user_agent = "intake/1.9";
        a.labels = labels_;
        a.labels.task_type = std::move(task_type);
        return a;
    }

    runtime::Task<bool> embed() {
        Ask a = ask("embedding");
        a.endpoint = core::Endpoint::embeddings;
        a.model = "text-embedding-3-small";
        constexpr std::int64_t kChunk = 300;
        for (std::int64_t left = page_.tokens; left > 0; left -= kChunk) {
            a.inputs.push_back(passage(rng_, std::min(left, kChunk)));
        }
        Reply reply = co_await insist(wire_, a);
        co_return reply.ok();
    }

    // One word, from the largest model there is.
    runtime::Task<bool> classify() {
        Conversation talk{passage(rng_, 350)};
        talk.say(page_);
        Ask a = ask("classification");
        a.model = "gpt-6-astra";
        a.max_output = 16;
        a.conversation = &talk;
        a.script = {.output = 2};
        Reply reply = co_await insist(wire_, a);
        co_return reply.ok();
    }

    // A strict validator sends answers back, with what was wrong.
    runtime::Task<void> extract() {
        Conversation talk{passage(rng_, 900)};
        talk.say(page_);
        for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
            Ask a = ask("extraction");
            a.endpoint = core::Endpoint::responses;
            a.model = "gpt-6-luna";
            a.structured = true;
            a.conversation = &talk;
            a.script.output = static_cast<std::int64_t>(120 + rng_.below(60));
            Reply reply = co_await insist(wire_, a);
            if (!reply.ok() || rng_.below(100) >= kInvalidPercent) co_return;
            talk.add(std::move(reply.messages));
            talk.say(passage(rng_, 80, 260));
            co_await wire_.pause(seconds{1});
        }
    }

    Wire& wire_;
    SeededRng rng_;
    Passage page_;
    Labels labels_;
    std::string key_;
};

}  // namespace

runtime::Task<void> process_batch(Wire& wire, Post post, std::uint64_t number, std::uint64_t seed) {
    SeededRng rng{seed};
    std::uint64_t documents = 12 + rng.below(16);
    for (std::uint64_t i = 0; i < documents; ++i) {
        auto name = fmt::format("{}document-{}-{}", post.prefix, number, i + 1);
        Pipeline pipeline{wire, post, std::move(name), rng.next()};
        co_await pipeline.work();
        co_await wire.pause(seconds{20 + rng.below(70)});
    }
}

}  // namespace weir::agents
