// What OpenAI's endpoints have in common.
#include "sim/provider/dialect.h"
#include "sim/provider/text.h"

namespace weir::sim {

std::string model_served(const Call& call) {
    return call.served_model.empty() ? call.model : call.served_model;
}

std::string openai_served_tier(const Call& call) {
    if (!call.served_tier.empty()) return call.served_tier;
    std::string asked = string_at(call.body, "service_tier", "auto");
    if (asked == "auto") return "default";
    return asked == "fast" ? "priority" : asked;
}

bool openai_reasons(const Call& call) {
    std::string effort = string_at(call.body, "reasoning_effort");
    if (const Json* reasoning = member(call.body, "reasoning")) {
        effort = string_at(*reasoning, "effort");
    }
    if (effort == "none" || effort == "minimal") return false;
    std::string_view model = call.model;
    bool named = model.starts_with("gpt-5") || model.starts_with("gpt-6") ||
                 model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4");
    return named || !effort.empty();
}

Charge openai_charge(const Call& call, const Prompt& prompt, const Draft& draft, World& world) {
    Charge charge;
    charge.model = model_served(call);
    charge.tier = openai_served_tier(call);
    charge.output = draft.tokens;
    charge.reasoning = draft.reasoning;
    CacheUse use;
    if (world.settings.caching) {
        std::string_view model = call.model;
        bool writes = model.starts_with("gpt-5.6") || model.starts_with("gpt-6");
        use = world.cache.use_automatic(prompt, writes, world.now);
    }
    std::int64_t left = prompt.tokens;
    auto take = [&](std::int64_t tokens) {
        std::int64_t taken = std::min(tokens, left);
        left -= taken;
        return taken;
    };
    charge.input_audio = take(prompt.audio);
    charge.cache_read = take(use.read);
    charge.cache_write_short = take(use.write_short);
    charge.input = left;
    return charge;
}

Result<std::optional<std::int64_t>> limit_at(const Json& body, std::string_view key,
                                             std::int64_t least) {
    const Json* value = member(body, key);
    if (value == nullptr) return std::nullopt;
    bool whole = value->is_number_integer() &&
                 !(value->is_number_unsigned() && value->get<std::uint64_t>() > (1ULL << 53));
    if (!whole || value->get<std::int64_t>() < least) {
        std::string message = "Invalid value for '";
        message.append(key).append("': expected an integer >= ").append(std::to_string(least));
        return fail(ErrorCode::invalid_parameter, message + ".");
    }
    return value->get<std::int64_t>();
}

void add_stops(const Json& body, std::string_view key, Ask& ask) {
    const Json* stop = member(body, key);
    if (stop == nullptr) return;
    if (stop->is_string()) ask.stops.push_back(stop->get<std::string>());
    if (!stop->is_array()) return;
    for (const Json& one : *stop) {
        if (one.is_string()) ask.stops.push_back(one.get<std::string>());
    }
}

Answer json_answer(const Json& body) {
    Answer answer;
    answer.body = dump(body);
    return answer;
}

void set_usage(const Call& call, Json body, const Json& usage, const Json& half, Answer& answer) {
    const Faults& faults = call.faults;
    if (faults.has(Fault::no_usage)) {
        body.erase("usage");
        answer.body = dump(body);
        return;
    }
    body.erase("usage");
    answer.body = dump(body);
    answer.body.pop_back();  // the brace
    answer.usage_at = answer.body.size();
    if (faults.has(Fault::usage_twice)) answer.body += ",\"usage\":" + dump(half);
    answer.body += ",\"usage\":" + (faults.has(Fault::usage_null) ? "null" : dump(usage)) + "}";
}

}  // namespace weir::sim
