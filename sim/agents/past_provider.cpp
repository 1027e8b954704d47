#include "sim/agents/past_provider.h"

#include <algorithm>
#include <fmt/format.h>

#include "sim/provider/prompt.h"
#include "sim/provider/text.h"

namespace weir::agents {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

bool is_anthropic(const Ask& ask) { return ask.endpoint == core::Endpoint::messages; }

// Segments in the order in which they are cached; of Anthropic's, the system prompt and the last
// one are marked, as render.cpp marks them.
sim::Prompt prompt_of(const Ask& ask, std::string_view model) {
    sim::Prompt prompt;
    std::uint64_t chain = sim::hash_text(model, 0);
    auto add = [&](const Passage& passage, std::int64_t overhead) {
        std::uint64_t own = passage.said.empty() ? passage.seed : sim::hash_text(passage.said, 1);
        chain = (chain ^ own) * 0x9E37'79B9'7F4A'7C15U + static_cast<std::uint64_t>(overhead);
        std::int64_t tokens = passage.bytes() / sim::kBytesPerToken + overhead;
        prompt.segments.push_back({.chain = chain, .tokens = tokens});
        prompt.tokens += tokens;
    };
    if (ask.conversation == nullptr) {
        for (const Passage& input : ask.inputs) add(input, 0);
        return prompt;
    }
    constexpr std::int64_t kToolTokens = 60;
    constexpr std::int64_t kMessageTokens = 4;
    const Conversation& talk = *ask.conversation;
    add(talk.system(), kToolTokens * static_cast<std::int64_t>(talk.tools().size()));
    prompt.segments.back().mark = sim::CacheMark::short_ttl;
    for (const Message& message : talk.messages()) add(message.text, kMessageTokens);
    prompt.segments.back().mark = sim::CacheMark::short_ttl;
    return prompt;
}

// What the model says, for the conversation.
std::vector<Message> messages_of(const Ask& ask, Rng& dice) {
    Message message;
    message.text = passage(dice, ask.script.output);
    if (ask.script.tool.empty()) {
        message.kind = Message::Kind::assistant;
    } else {
        constexpr std::int64_t kArgumentTokens = 14;
        message.kind = Message::Kind::tool_call;
        message.text = passage(dice, kArgumentTokens);
        message.tool = ask.script.tool;
    }
    return {std::move(message)};
}

}  // namespace

void PastProvider::bill(const Ask& ask, std::string_view model, UnixTime now, core::Usage& usage) {
    sim::Prompt prompt = prompt_of(ask, model);
    core::UsageLine line;
    line.model = model;
    sim::CacheUse use;
    if (is_anthropic(ask)) {
        line.tier = "standard";
        use = cache_.use_marked(prompt, now);
    } else if (ask.conversation != nullptr) {
        line.tier = "default";
        use = cache_.use_automatic(prompt, model.starts_with("gpt-6"), now);
    }
    line.of(core::TokenClass::cache_read) = use.read;
    line.of(core::TokenClass::cache_write_short) = use.write_short;
    line.of(core::TokenClass::input) = prompt.tokens - use.read - use.write_short;
    if (ask.conversation != nullptr) {
        constexpr std::int64_t kCallTokens = 20;  // of a tool, with its arguments
        std::int64_t output = ask.script.tool.empty() ? ask.script.output : kCallTokens;
        usage.reasoning_tokens = is_anthropic(ask) ? 0 : ask.script.reasoning;
        output = std::min(output + usage.reasoning_tokens, ask.max_output);
        line.of(core::TokenClass::output) = output;
        usage.finish_reason = ask.script.tool.empty() ? "stop" : "tool_calls";
        if (is_anthropic(ask))
            usage.finish_reason = ask.script.tool.empty() ? "end_turn" : "tool_use";
    }
    usage.lines.push_back(std::move(line));
    usage.completeness = core::Completeness::exact;
}

void PastProvider::draw_fate(const Ask& ask, PastAnswer& answer) {
    std::uint64_t roll = dice_.below(10'000);
    if (roll < 45) {
        answer.fate = PastAnswer::Fate::overloaded;
        answer.status = is_anthropic(ask) ? 529 : 429;
        answer.usage = {};
        answer.seen = {};
    } else if (roll < 60) {
        answer.fate = PastAnswer::Fate::cut_off;
        answer.seen = {};
        // Anthropic says at the start what it has read.
        if (is_anthropic(ask)) {
            answer.seen = answer.usage;
            answer.seen.lines.front().of(core::TokenClass::output) = 1;
            answer.seen.completeness = core::Completeness::partial;
            answer.seen.finish_reason.clear();
        }
    } else if (roll < 80 && ask.stream) {
        answer.fate = PastAnswer::Fate::client_left;
        answer.seen.completeness = core::Completeness::exact_drained;
    }
}

void PastProvider::time_it(const Ask& ask, PastAnswer& answer) {
    std::int64_t output =
        answer.usage.lines.empty() ? 0 : answer.usage.lines.front().output_total();
    answer.first_byte = milliseconds{250 + dice_.below(900)};
    if (ask.conversation == nullptr) answer.first_byte = milliseconds{60 + dice_.below(120)};
    answer.total = answer.first_byte +
                   microseconds{output * static_cast<std::int64_t>(9'000 + dice_.below(9'000))};
    // All of an answer that is not streamed comes at its end.
    if (!ask.stream) answer.first_byte = answer.total;
    answer.chunks = ask.stream ? output / 4 + 3 : 0;
    answer.bytes = ask.stream ? 600 + answer.chunks * 210 : 620 + output * 4;
    if (ask.conversation == nullptr) {
        constexpr std::int64_t kVectorBytes = 8'300;  // 1,536 floats in base 64
        answer.bytes = 200 + kVectorBytes * static_cast<std::int64_t>(ask.inputs.size());
    }
}

PastAnswer PastProvider::answer(const Ask& ask, std::string_view model, UnixTime now) {
    PastAnswer out;
    out.request_id = fmt::format("req_{:016x}", dice_.next());
    bill(ask, model, now, out.usage);
    out.seen = out.usage;
    time_it(ask, out);
    draw_fate(ask, out);
    bool heard = out.fate == PastAnswer::Fate::whole;
    if (heard && ask.conversation != nullptr) out.messages = messages_of(ask, dice_);
    if (heard) out.seen.response_id = out.usage.response_id = "resp_" + out.request_id.substr(4);
    return out;
}

}  // namespace weir::agents
