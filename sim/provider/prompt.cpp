#include "sim/provider/prompt.h"

#include <algorithm>
#include <array>

#include "sim/provider/text.h"

namespace weir::sim {
namespace {

constexpr std::int64_t kMessageOverhead = 3;
constexpr std::int64_t kReplyOverhead = 3;
constexpr std::int64_t kOpenAiImage = 765;
constexpr std::int64_t kAnthropicImage = 1568;
constexpr std::int64_t kAnthropicTools = 346;  // the system prompt that comes with tools
constexpr std::int64_t kAudioBytesPerToken = 1000;

// Members that say how something is to be read, not what.
bool is_structure(std::string_view key) {
    constexpr std::array<std::string_view, 9> kKeys{
        "type",         "role",    "id",     "cache_control",    "tool_use_id",
        "tool_call_id", "call_id", "status", "encrypted_content"};
    return std::ranges::find(kKeys, key) != kKeys.end();
}

class Counter {
 public:
    Counter(std::uint64_t seed, std::int64_t image, Prompt& prompt)
        : seed_(seed), image_(image), prompt_(prompt), chain_(seed) {}

    // Adds `value` to the present segment.
    void add(const Json& value) {
        if (value.is_string()) return add_text(value.get_ref<const std::string&>());
        if (value.is_array()) {
            for (const Json& item : value) add(item);
        } else if (value.is_object()) {
            add_object(value);
        } else if (!value.is_null()) {
            mix(dump(value));
            tokens_ += 1;
        }
    }
    // A tool's description: its keys are read too.
    void add_schema(const Json& value) {
        if (value.is_object()) {
            for (const auto& [key, item] : value.items()) {
                if (key == "cache_control") continue;
                add_text(key);
                add_schema(item);
            }
        } else if (value.is_array()) {
            for (const Json& item : value) add_schema(item);
        } else {
            add(value);
        }
    }
    void add_overhead(std::int64_t tokens) { tokens_ += tokens; }
    void mix(std::string_view text) { chain_ = hash_text(text, chain_); }

    void end_segment(CacheMark mark = CacheMark::none) {
        prompt_.segments.push_back({.chain = chain_, .tokens = tokens_, .mark = mark});
        prompt_.tokens += tokens_;
        prompt_.chain = chain_;
        tokens_ = 0;
    }

 private:
    void add_text(const std::string& text) {
        mix(text);
        tokens_ += input_tokens(text, seed_);
    }
    void add_object(const Json& value) {
        std::string type = string_at(value, "type");
        mix(type);
        if (type == "image" || type == "image_url" || type == "input_image") {
            mix(dump(value));
            tokens_ += image_;
            return;
        }
        if (type == "input_audio") {
            std::string text = dump(value);
            mix(text);
            auto tokens = static_cast<std::int64_t>(text.size()) / kAudioBytesPerToken + 1;
            tokens_ += tokens;
            prompt_.audio += tokens;
            return;
        }
        for (const auto& [key, item] : value.items()) {
            if (key == "role") mix(dump(item));
            if (!is_structure(key)) add(item);
        }
    }

    std::uint64_t seed_;
    std::int64_t image_;
    Prompt& prompt_;
    std::uint64_t chain_;
    std::int64_t tokens_ = 0;
};

void add_tools(const Json& body, Counter& counter) {
    for (const char* name : {"tools", "functions"}) {
        for (const Json& tool : array_at(body, name)) {
            counter.add_schema(tool);
            counter.end_segment();
        }
    }
}

CacheMark mark_of(const Json& block) {
    const Json* control = member(block, "cache_control");
    if (control == nullptr) return CacheMark::none;
    return string_at(*control, "ttl") == "1h" ? CacheMark::long_ttl : CacheMark::short_ttl;
}

// A string, or blocks that are segments of their own.
void add_blocks(const Json& content, Counter& counter) {
    if (!content.is_array()) {
        counter.add(content);
        counter.end_segment();
        return;
    }
    for (const Json& block : content) {
        counter.add(block);
        CacheMark mark = mark_of(block);
        if (mark == CacheMark::none) {
            for (const Json& inner : array_at(block, "content"))
                mark = std::max(mark, mark_of(inner));
        }
        counter.end_segment(mark);
    }
}

}  // namespace

Prompt chat_prompt(const Json& body, std::uint64_t seed) {
    Prompt prompt;
    Counter counter{seed, kOpenAiImage, prompt};
    counter.mix(string_at(body, "model"));
    add_tools(body, counter);
    if (const Json* format = member(body, "response_format")) {
        counter.add_schema(*format);
        counter.end_segment();
    }
    for (const Json& message : array_at(body, "messages")) {
        counter.add(message);
        counter.add_overhead(kMessageOverhead);
        counter.end_segment();
    }
    prompt.tokens += kReplyOverhead;
    return prompt;
}

std::vector<Prompt> completion_prompts(const Json& body, std::uint64_t seed) {
    const Json* given = member(body, "prompt");
    Json one = given != nullptr ? *given : Json("<|endoftext|>");
    bool list = one.is_array() && !one.empty() && !one.front().is_number();
    Json prompts = list ? one : Json::array({one});
    std::vector<Prompt> out;
    for (const Json& text : prompts) {
        Prompt prompt;
        Counter counter{seed, kOpenAiImage, prompt};
        counter.mix(string_at(body, "model"));
        counter.add(text);
        counter.end_segment();
        out.push_back(std::move(prompt));
    }
    return out;
}

Prompt responses_prompt(const Json& body, std::uint64_t seed) {
    Prompt prompt;
    Counter counter{seed, kOpenAiImage, prompt};
    counter.mix(string_at(body, "model"));
    add_tools(body, counter);
    for (const char* name : {"text", "instructions"}) {
        if (const Json* value = member(body, name)) {
            counter.add_schema(*value);
            counter.end_segment();
        }
    }
    if (const Json* input = member(body, "input")) {
        Json items = input->is_array() ? *input : Json::array({*input});
        for (const Json& item : items) {
            counter.add(item);
            counter.add_overhead(kMessageOverhead);
            counter.end_segment();
        }
    }
    prompt.tokens += kReplyOverhead;
    return prompt;
}

Prompt anthropic_prompt(const Json& body, std::uint64_t seed) {
    Prompt prompt;
    Counter counter{seed, kAnthropicImage, prompt};
    counter.mix(string_at(body, "model"));
    const Json& tools = array_at(body, "tools");
    for (const Json& tool : tools) {
        counter.add_schema(tool);
        counter.end_segment(mark_of(tool));
    }
    if (!tools.empty()) {
        prompt.segments.back().tokens += kAnthropicTools;
        prompt.tokens += kAnthropicTools;
    }
    if (const Json* system = member(body, "system")) add_blocks(*system, counter);
    for (const Json& message : array_at(body, "messages")) {
        counter.mix(string_at(message, "role"));
        counter.add_overhead(kMessageOverhead);
        if (const Json* content = member(message, "content")) add_blocks(*content, counter);
    }
    CacheMark automatic = mark_of(body);
    if (automatic != CacheMark::none && !prompt.segments.empty()) {
        prompt.segments.back().mark = std::max(prompt.segments.back().mark, automatic);
    }
    return prompt;
}

std::vector<Prompt> embedding_inputs(const Json& body, std::uint64_t seed) {
    const Json* given = member(body, "input");
    std::vector<Prompt> out;
    if (given == nullptr) return out;
    bool list = given->is_array() && !given->empty() && !given->front().is_number();
    Json inputs = list ? *given : Json::array({*given});
    for (const Json& input : inputs) {
        Prompt prompt;
        Counter counter{seed, kOpenAiImage, prompt};
        counter.mix(string_at(body, "model"));
        counter.add(input);
        counter.end_segment();
        out.push_back(std::move(prompt));
    }
    return out;
}

}  // namespace weir::sim
