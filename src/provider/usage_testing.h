// For tests of this room: usage as JSON that can be compared and read, and streams run through
// relay and meter in any pieces.
#pragma once

#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/usage.h"
#include "provider/provider.h"

namespace weir::provider::testing {

using Json = nlohmann::json;

inline Json to_json(const core::UsageLine& line) {
    Json json = {{"role", line_role_name(line.role)}};
    if (!line.model.empty()) json["model"] = line.model;
    if (!line.tier.empty()) json["tier"] = line.tier;
    if (!line.speed.empty()) json["speed"] = line.speed;
    if (!line.geo.empty()) json["geo"] = line.geo;
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
        if (line.tokens[c] == 0) continue;
        json[std::string(token_class_name(static_cast<core::TokenClass>(c)))] = line.tokens[c];
    }
    return json;
}

// Zeros and empty members are left out.
inline Json to_json(const core::Usage& usage) {
    Json json = {{"completeness", completeness_name(usage.completeness)}};
    if (!usage.response_id.empty()) json["id"] = usage.response_id;
    if (!usage.finish_reason.empty()) json["finish"] = usage.finish_reason;
    if (usage.reasoning_tokens != 0) json["reasoning"] = usage.reasoning_tokens;
    for (const core::UsageLine& line : usage.lines) json["lines"].push_back(to_json(line));
    for (std::size_t u = 0; u < core::kUnitKinds; ++u) {
        if (usage.units[u] == 0) continue;
        json["units"][std::string(unit_kind_name(static_cast<core::UnitKind>(u)))] = usage.units[u];
    }
    constexpr std::pair<core::UsageNote, const char*> kNotes[] = {
        {core::UsageNote::inconsistent, "inconsistent"},
        {core::UsageNote::repeated, "repeated"},
        {core::UsageNote::search_count_inferred, "search_count_inferred"},
        {core::UsageNote::ttl_split_inferred, "ttl_split_inferred"},
        {core::UsageNote::unknown_fields, "unknown_fields"},
    };
    for (const auto& [note, name] : kNotes) {
        if (usage.has(note)) json["notes"].push_back(name);
    }
    return json;
}

inline Json to_json(const Meter& meter) {
    Json json = to_json(meter.usage());
    if (meter.ended()) json["ended"] = true;
    if (meter.failed()) json["failed"] = true;
    return json;
}

struct StreamSetup {
    core::Endpoint endpoint = core::Endpoint::chat_completions;
    core::Quirks quirks;
    core::CallShape shape;
    bool strip = false;
};

inline StreamSetup setup_for(core::Endpoint endpoint, bool strip = false) {
    StreamSetup setup;
    setup.endpoint = endpoint;
    setup.strip = strip;
    return setup;
}

struct Outcome {
    std::string forwarded;
    Json usage;
    std::int64_t events = 0;
    bool operator==(const Outcome&) const = default;
};

// `size_of(position)` says how many bytes the piece that begins there has (at least 1).
inline Outcome run(const StreamSetup& setup, std::string_view bytes,
                   const std::function<std::size_t(std::size_t)>& size_of) {
    const std::unique_ptr<Meter> meter = make_meter(setup.endpoint, setup.quirks, setup.shape);
    SseRelay relay(*meter, {.strip_injected_usage = setup.strip});
    Outcome outcome;
    std::vector<std::string_view> out;
    std::string piece;  // a buffer of its own, so that views beyond their time are found
    for (std::size_t at = 0; at < bytes.size();) {
        piece.assign(bytes.substr(at, size_of(at)));
        at += piece.size();
        out.clear();
        if (!relay.feed(piece, out)) break;
        for (const std::string_view view : out) outcome.forwarded.append(view);
    }
    out.clear();
    relay.finish(out);
    for (const std::string_view view : out) outcome.forwarded.append(view);
    outcome.usage = to_json(*meter);
    outcome.events = relay.events();
    return outcome;
}

inline Outcome run_whole(const StreamSetup& setup, std::string_view bytes) {
    return run(setup, bytes, [&](std::size_t) { return bytes.size(); });
}

inline Outcome run_split(const StreamSetup& setup, std::string_view bytes, std::size_t boundary) {
    return run(setup, bytes,
               [&](std::size_t at) { return at < boundary ? boundary - at : bytes.size(); });
}

inline Outcome run_bytewise(const StreamSetup& setup, std::string_view bytes) {
    return run(setup, bytes, [](std::size_t) { return std::size_t{1}; });
}

inline Json meter_body(const StreamSetup& setup, std::string_view body) {
    const std::unique_ptr<Meter> meter = make_meter(setup.endpoint, setup.quirks, setup.shape);
    meter->on_body(body);
    return to_json(*meter);
}

inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline core::Endpoint endpoint_named(const std::string& name) {
    if (name == "completions") return core::Endpoint::completions;
    if (name == "embeddings") return core::Endpoint::embeddings;
    if (name == "responses") return core::Endpoint::responses;
    if (name == "messages") return core::Endpoint::messages;
    return core::Endpoint::chat_completions;
}

inline StreamSetup setup_of(const Json& row) {
    StreamSetup setup;
    setup.endpoint = endpoint_named(row.at("endpoint").get<std::string>());
    setup.quirks.reasoning_outside_output = row.value("reasoning_outside", false);
    setup.shape.choices = row.value("choices", 1);
    return setup;
}

}  // namespace weir::provider::testing
