#include "provider/usage_anthropic.h"

#include <algorithm>
#include <array>

#include "provider/usage_openai.h"

namespace weir::provider {

namespace {

using core::LineRole;
using core::TokenClass;
using core::UsageLine;
using core::UsageNote;

constexpr std::size_t kIterationsMax = 256;

void take(std::optional<std::int64_t>& to, json::value value, bool& absurd) {
    if (const auto count = read_count(value, absurd)) to = count;
}

void note_unknown(std::string_view key, json::value value, AnthropicUsage& usage) {
    if (!bears_on_cost(key)) return;
    bool absurd = false;
    if (read_count(value, absurd).value_or(0) > 0) usage.unknown_cost = true;
}

void read_cache_creation(json::value value, AnthropicTokens& tokens, AnthropicUsage& usage) {
    const auto object = object_of(value);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value part) {
        if (key == "ephemeral_5m_input_tokens") {
            take(tokens.write_5m, part, usage.absurd);
        } else if (key == "ephemeral_1h_input_tokens") {
            take(tokens.write_1h, part, usage.absurd);
        } else {
            note_unknown(key, part, usage);
        }
    });
}

// True if `key` is one of the token figures.
bool read_tokens(std::string_view key, json::value value, AnthropicTokens& tokens,
                 AnthropicUsage& usage) {
    if (key == "input_tokens") {
        take(tokens.input, value, usage.unreadable);
    } else if (key == "output_tokens") {
        take(tokens.output, value, usage.unreadable);
    } else if (key == "cache_read_input_tokens") {
        take(tokens.cache_read, value, usage.absurd);
    } else if (key == "cache_creation_input_tokens") {
        take(tokens.cache_write, value, usage.absurd);
    } else if (key == "cache_creation") {
        read_cache_creation(value, tokens, usage);
    } else {
        return false;
    }
    return true;
}

void read_server_tools(json::value value, AnthropicUsage& usage) {
    const auto object = object_of(value);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value part) {
        if (key == "web_search_requests") {
            take(usage.web_searches, part, usage.absurd);
        } else if (key == "web_fetch_requests") {
            take(usage.web_fetches, part, usage.absurd);
        } else {
            note_unknown(key, part, usage);
        }
    });
}

void read_iterations(json::value value, AnthropicUsage& usage) {
    json::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS || type != json::json_type::array) return;
    usage.iterations.clear();
    each_object(value, [&](json::object object) {
        if (usage.iterations.size() == kIterationsMax) {
            usage.unknown_cost = true;
            return;
        }
        AnthropicIteration& entry = usage.iterations.emplace_back();
        each_field(object, [&](std::string_view key, json::value part) {
            if (key == "type") {
                read_name(part, entry.type);
            } else if (key == "model") {
                read_name(part, entry.model);
            } else {
                read_tokens(key, part, entry.tokens, usage);
            }
        });
    });
}

struct Split {
    std::int64_t write_short = 0;
    std::int64_t write_long = 0;
};

// The total may have grown past the split, because message_delta has no split: growth goes to the
// only TTL that the request used, or to the dearer one if it may have used both.
Split split_writes(const AnthropicTokens& tokens, bool long_cache, core::Usage& usage) {
    Split split{tokens.write_5m.value_or(0), tokens.write_1h.value_or(0)};
    if (!tokens.cache_write) return split;
    const std::int64_t total = *tokens.cache_write;
    const std::int64_t growth = total - split.write_short - split.write_long;
    if (growth < 0) {
        usage.note(UsageNote::inconsistent);
        split.write_long = std::min(split.write_long, total);
        split.write_short = total - split.write_long;
    } else if (growth > 0) {
        const bool only_long = split.write_long > 0 && split.write_short == 0;
        const bool mixed = !only_long && (split.write_long > 0 || long_cache);
        if (mixed) usage.note(UsageNote::ttl_split_inferred);
        (only_long || mixed ? split.write_long : split.write_short) += growth;
    }
    return split;
}

void fill(const AnthropicTokens& tokens, bool long_cache, UsageLine& line, core::Usage& usage) {
    const Split split = split_writes(tokens, long_cache, usage);
    line.of(TokenClass::input) = tokens.input.value_or(0);
    line.of(TokenClass::cache_read) = tokens.cache_read.value_or(0);
    line.of(TokenClass::cache_write_short) = split.write_short;
    line.of(TokenClass::cache_write_long) = split.write_long;
    line.of(TokenClass::output) = tokens.output.value_or(0);
}

UsageLine line_of(const AnthropicUsage& from, std::string_view model, LineRole role) {
    UsageLine line;
    line.model = model;
    line.tier = normal_tier(from.tier);
    // An advisor is another model and answers at its own speed.
    if (role != LineRole::advisor) line.speed = from.speed;
    if (from.geo != "not_available") line.geo = from.geo;
    line.role = role;
    return line;
}

LineRole role_of(std::string_view type, bool before_fallback, core::Usage& usage) {
    if (type == "message") return before_fallback ? LineRole::declined_hop : LineRole::main;
    if (type == "compaction") return LineRole::compaction;
    if (type == "advisor_message") return LineRole::advisor;
    if (type == "fallback_message") return LineRole::fallback;
    usage.note(UsageNote::unknown_fields);
    return LineRole::main;
}

// The top level repeats the sum of the `counted` lines (fallback where there is one, else main).
// Where it says more, the difference is added: the larger of the two counts.
void reconcile(const AnthropicUsage& from, std::string_view model, bool long_cache,
               LineRole counted, core::Usage& usage) {
    core::Usage scratch;  // a split that only serves the comparison leaves no note
    UsageLine top = line_of(from, model, counted);
    fill(from.tokens, long_cache, top, scratch);
    UsageLine sum;
    UsageLine* last = nullptr;
    for (UsageLine& line : usage.lines) {
        if (line.role != counted) continue;
        for (std::size_t c = 0; c < core::kTokenClasses; ++c) sum.tokens[c] += line.tokens[c];
        last = &line;
    }
    // TTLs may be told apart on one side only; what counts is how much was written.
    const auto written = [](const UsageLine& line) {
        return line.of(TokenClass::cache_write_short) + line.of(TokenClass::cache_write_long);
    };
    const bool same_writes = written(top) == written(sum);
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
        const auto token_class = static_cast<TokenClass>(c);
        const bool is_write = token_class == TokenClass::cache_write_short ||
                              token_class == TokenClass::cache_write_long;
        if (top.tokens[c] == sum.tokens[c] || (is_write && same_writes)) continue;
        usage.note(UsageNote::inconsistent);
        if (top.tokens[c] < sum.tokens[c]) continue;
        if (last == nullptr) last = &usage.lines.emplace_back(line_of(from, model, counted));
        last->tokens[c] += top.tokens[c] - sum.tokens[c];
    }
}

void map_iterations(const AnthropicUsage& from, std::string_view model, bool long_cache,
                    core::Usage& usage) {
    const auto fallback = std::ranges::find(from.iterations, std::string_view{"fallback_message"},
                                            &AnthropicIteration::type);
    const bool fell_back = fallback != from.iterations.end();
    // Lines of an earlier response in the same stream are no part of this one's sum.
    std::vector<UsageLine> earlier = std::move(usage.lines);
    usage.lines.clear();
    for (auto entry = from.iterations.begin(); entry != from.iterations.end(); ++entry) {
        const LineRole role = role_of(entry->type, fell_back && entry < fallback, usage);
        // Where the entry names no model, a message is the response's; a compaction runs on the
        // model asked for (the line's empty name).
        const bool of_response = role == LineRole::main || role == LineRole::fallback;
        if (role == LineRole::advisor && entry->model.empty()) {
            usage.note(UsageNote::unknown_fields);
        }
        UsageLine& line = usage.lines.emplace_back(
            line_of(from, entry->model.empty() && of_response ? model : entry->model, role));
        fill(entry->tokens, long_cache, line, usage);
    }
    reconcile(from, model, long_cache, fell_back ? LineRole::fallback : LineRole::main, usage);
    usage.lines.insert(usage.lines.begin(), std::make_move_iterator(earlier.begin()),
                       std::make_move_iterator(earlier.end()));
}

}  // namespace

void read_anthropic_usage(json::object object, AnthropicUsage& usage) {
    each_field(object, [&](std::string_view key, json::value value) {
        if (read_tokens(key, value, usage.tokens, usage)) return;
        if (key == "server_tool_use") {
            read_server_tools(value, usage);
        } else if (key == "output_tokens_details") {
            if (const auto details = object_of(value)) {
                each_field(*details, [&](std::string_view part, json::value count) {
                    if (part == "thinking_tokens") take(usage.thinking, count, usage.absurd);
                });
            }
        } else if (key == "service_tier") {
            read_name(value, usage.tier);
        } else if (key == "speed") {
            read_name(value, usage.speed);
        } else if (key == "inference_geo") {
            read_name(value, usage.geo);
        } else if (key == "iterations") {
            read_iterations(value, usage);
        } else {
            note_unknown(key, value, usage);
        }
    });
}

void map_anthropic_usage(const AnthropicUsage& from, std::string_view model, bool long_cache,
                         core::Usage& usage) {
    if (from.absurd || from.unreadable) usage.note(UsageNote::inconsistent);
    if (from.unknown_cost) usage.note(UsageNote::unknown_fields);
    if (from.iterations.empty()) {
        UsageLine& line = usage.lines.emplace_back(line_of(from, model, LineRole::main));
        fill(from.tokens, long_cache, line, usage);
    } else {
        map_iterations(from, model, long_cache, usage);
    }
    usage.unit(core::UnitKind::web_search) += from.web_searches.value_or(0);
    usage.unit(core::UnitKind::web_fetch) += from.web_fetches.value_or(0);
    usage.reasoning_tokens += std::min(from.thinking.value_or(0), from.tokens.output.value_or(0));
}

}  // namespace weir::provider
