#include "provider/usage_openai.h"

#include <algorithm>
#include <array>

namespace weir::provider {

namespace {

using core::TokenClass;
using core::UsageNote;

// Parts that other figures already contain, or that are priced as text.
constexpr std::array<std::string_view, 9> kKnownParts = {
    "text_tokens",
    "image_tokens",
    "video_tokens",
    "accepted_prediction_tokens",
    "rejected_prediction_tokens",  // inside completion_tokens, and billed
    "prompt_cache_miss_tokens",
    "ttl_30m_tokens",
    "audio_tokens",
    "total_tokens",
};

bool is_known_part(std::string_view key) {
    return std::ranges::find(kKnownParts, key) != kKnownParts.end();
}

void note_unknown(std::string_view key, json::value value, OpenAiUsage& usage) {
    if (is_known_part(key) || !bears_on_cost(key)) return;
    bool absurd = false;
    if (read_count(value, absurd).value_or(0) > 0) usage.unknown_cost = true;
}

void read_write_details(json::value value, OpenAiUsage& usage) {
    const auto object = object_of(value);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value part) {
        if (key == "ttl_12h_tokens") {
            usage.cache_write_long = read_count(part, usage.absurd);
        } else {
            note_unknown(key, part, usage);
        }
    });
}

void read_input_details(json::value value, OpenAiUsage& usage) {
    const auto object = object_of(value);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value part) {
        if (key == "cached_tokens") {
            usage.cached = read_count(part, usage.absurd);
        } else if (key == "cache_write_tokens") {
            usage.cache_write = read_count(part, usage.absurd);
        } else if (key == "cache_write_tokens_details") {
            read_write_details(part, usage);
        } else if (key == "audio_tokens") {
            usage.audio_in = read_count(part, usage.absurd);
        } else {
            note_unknown(key, part, usage);
        }
    });
}

void read_output_details(json::value value, OpenAiUsage& usage) {
    const auto object = object_of(value);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value part) {
        if (key == "reasoning_tokens") {
            usage.reasoning = read_count(part, usage.absurd);
        } else if (key == "audio_tokens") {
            usage.audio_out = read_count(part, usage.absurd);
        } else if (key == "image_tokens") {
            usage.image_out = read_count(part, usage.absurd);
        } else {
            note_unknown(key, part, usage);
        }
    });
}

// min(part, whole), noted where it had to be cut.
std::int64_t part_of(std::optional<std::int64_t> part, std::int64_t whole, core::Usage& usage) {
    if (part.value_or(0) <= whole) return part.value_or(0);
    usage.note(UsageNote::inconsistent);
    return whole;
}

std::int64_t input_of(const OpenAiUsage& from, core::Usage& usage) {
    if (from.input) return *from.input;
    if (!from.total) return 0;
    const std::int64_t output = from.output.value_or(0);
    if (output > *from.total) usage.note(UsageNote::inconsistent);
    return std::max<std::int64_t>(0, *from.total - output);
}

std::int64_t output_of(const OpenAiUsage& from, std::int64_t input, const core::Quirks& quirks,
                       core::Usage& usage) {
    const std::int64_t output = from.output.value_or(0);
    if (!from.total) {
        return output + (quirks.reasoning_outside_output ? from.reasoning.value_or(0) : 0);
    }
    if (*from.total < input + output) usage.note(UsageNote::inconsistent);
    return std::max(output, *from.total - input);
}

}  // namespace

bool bears_on_cost(std::string_view key) {
    constexpr std::array<std::string_view, 8> kWords = {"token",  "request", "calls", "search",
                                                        "second", "_tools_", "units", "sources"};
    return std::ranges::any_of(kWords, [key](std::string_view word) { return key.contains(word); });
}

bool OpenAiUsage::all_zero() const {
    return input.value_or(0) == 0 && output.value_or(0) == 0 && total.value_or(0) == 0;
}

OpenAiUsage read_openai_usage(json::object object) {
    OpenAiUsage usage;
    each_field(object, [&](std::string_view key, json::value value) {
        if (key == "prompt_tokens" || key == "input_tokens") {
            usage.input = read_count(value, usage.unreadable);
        } else if (key == "completion_tokens" || key == "output_tokens") {
            usage.output = read_count(value, usage.unreadable);
        } else if (key == "total_tokens") {
            usage.total = read_count(value, usage.unreadable);
        } else if (key == "prompt_tokens_details" || key == "input_tokens_details") {
            read_input_details(value, usage);
        } else if (key == "completion_tokens_details" || key == "output_tokens_details") {
            read_output_details(value, usage);
        } else if (key == "cached_tokens" || key == "num_cached_tokens" ||
                   key == "prompt_cache_hit_tokens") {
            usage.cached_top = read_count(value, usage.absurd);
        } else if (key == "reasoning_tokens") {  // Azure Foundry
            if (auto count = read_count(value, usage.absurd); count && !usage.reasoning) {
                usage.reasoning = count;
            }
        } else {
            note_unknown(key, value, usage);
        }
    });
    return usage;
}

void map_openai_usage(const OpenAiUsage& from, const core::Quirks& quirks, core::UsageLine& line,
                      core::Usage& usage) {
    if (from.absurd || from.unreadable) usage.note(UsageNote::inconsistent);
    if (from.unknown_cost) usage.note(UsageNote::unknown_fields);
    if (from.cached && from.cached_top && *from.cached != *from.cached_top) {
        usage.note(UsageNote::inconsistent);
    }

    const std::int64_t input = input_of(from, usage);
    std::int64_t rest = input;
    const std::int64_t read = part_of(from.cached ? from.cached : from.cached_top, rest, usage);
    rest -= read;
    // Documented as the unadjusted number of tokens written, so above the rest is no contradiction.
    const std::int64_t write = std::min(from.cache_write.value_or(0), rest);
    const std::int64_t write_long = std::min(from.cache_write_long.value_or(0), write);
    rest -= write;
    // Audio that came from the cache is not told apart; uncached audio fits what is uncached.
    const std::int64_t audio = part_of(from.audio_in, rest, usage);
    line.of(TokenClass::cache_read) = read;
    line.of(TokenClass::cache_write_long) = write_long;
    line.of(TokenClass::cache_write_short) = write - write_long;
    line.of(TokenClass::input_audio) = audio;
    line.of(TokenClass::input) = rest - audio;

    const std::int64_t output = output_of(from, input, quirks, usage);
    const std::int64_t audio_out = part_of(from.audio_out, output, usage);
    const std::int64_t image_out = part_of(from.image_out, output - audio_out, usage);
    line.of(TokenClass::output_audio) = audio_out;
    line.of(TokenClass::output_image) = image_out;
    line.of(TokenClass::output) = output - audio_out - image_out;
    usage.reasoning_tokens += std::min(from.reasoning.value_or(0), output);
}

std::string_view normal_tier(std::string_view tier) {
    if (tier == "default" || tier == "on_demand") return "standard";
    if (tier == "auto") return "";
    return tier;
}

}  // namespace weir::provider
