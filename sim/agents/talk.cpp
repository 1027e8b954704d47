#include "sim/agents/talk.h"

#include <algorithm>

#include "sim/provider/text.h"

namespace weir::agents {
namespace {

constexpr std::int64_t kMessageBytes = 60;  // quotes, role, braces
constexpr std::int64_t kToolBytes = 190;
constexpr std::int64_t kBodyBytes = 180;
constexpr std::int64_t kSchemaBytes = 1'050;

}  // namespace

std::int64_t Passage::bytes() const {
    return said.empty() ? tokens * sim::kBytesPerToken : static_cast<std::int64_t>(said.size());
}

std::string Passage::text() const {
    if (!said.empty()) return said;
    SeededRng rng{seed};
    return sim::prose(rng, tokens);
}

Passage passage(Rng& rng, std::int64_t tokens) { return {.seed = rng.next(), .tokens = tokens}; }

Passage passage(Rng& rng, std::int64_t least, std::int64_t most) {
    auto span = static_cast<std::uint64_t>(most - least + 1);
    std::int64_t tokens = least + static_cast<std::int64_t>(rng.below(span));
    return passage(rng, tokens);
}

void Conversation::add(std::vector<Message> messages) {
    for (Message& message : messages) add(std::move(message));
}

bool Conversation::waits_for_tools() const {
    return !messages_.empty() && messages_.back().kind == Message::Kind::tool_call;
}

void Conversation::answer_tools(const Passage& result) {
    std::size_t first = messages_.size();
    while (first > 0 && messages_[first - 1].kind == Message::Kind::tool_call) --first;
    for (std::size_t i = first, end = messages_.size(); i < end; ++i) {
        add({Message::Kind::tool_result, result, messages_[i].call_id, messages_[i].tool});
    }
}

void Conversation::forget_beyond(std::int64_t bytes) {
    using Kind = Message::Kind;
    while (this->bytes() > bytes && messages_.size() > 3) {
        auto first = messages_.begin() + 1;
        auto turn = first;
        // A call goes with its result, or the provider would not take the rest.
        while (turn != messages_.end() && turn->kind == Kind::tool_call) ++turn;
        while (turn != messages_.end() && turn->kind == Kind::tool_result) ++turn;
        if (turn == first) ++turn;
        messages_.erase(first, turn);
    }
}

std::int64_t Conversation::bytes() const {
    std::int64_t sum = kMessageBytes + system_.bytes();
    for (const Tool& tool : tools_) {
        sum += kToolBytes + static_cast<std::int64_t>(tool.name.size() + tool.about.size() +
                                                      2 * tool.parameter.size());
    }
    for (const Message& message : messages_) sum += kMessageBytes + message.text.bytes();
    return sum;
}

Fields label_fields(const Labels& labels) {
    Fields out;
    auto add = [&out](std::string_view name, const std::string& value) {
        if (!value.empty()) out.emplace_back(name, value);
    };
    add("x-weir-task-type", labels.task_type);
    add("x-weir-agent", labels.agent);
    add("x-weir-goal", labels.goal);
    add("x-weir-trajectory", labels.trajectory);
    add("x-weir-parent", labels.parent);
    add("x-weir-customer", labels.customer);
    add("x-weir-version", labels.version);
    return out;
}

std::int64_t Ask::bytes() const {
    std::int64_t sum = kBodyBytes + static_cast<std::int64_t>(model.size());
    if (conversation != nullptr) sum += conversation->bytes();
    if (structured) sum += kSchemaBytes;
    for (const Passage& input : inputs) sum += 3 + input.bytes();
    return sum;
}

bool Reply::is_final() const {
    if (ok()) return true;
    // OpenAI's clients know 402 as final, Anthropic's a billing error by its name.
    if (error == "billing_error") return true;
    return status != 0 && status != 408 && status != 409 && status != 429 && status < 500;
}

}  // namespace weir::agents
