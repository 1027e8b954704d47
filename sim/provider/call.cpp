#include "sim/provider/call.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::sim {
namespace {

std::optional<std::int64_t> count_in(std::string_view text) {
    std::int64_t value = 0;
    auto end = text.data() + text.size();
    auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc{} || read.ptr != end || value < 0) return std::nullopt;
    return value;
}

using Setter = bool (*)(Call&, std::string_view value);
struct WishRow {
    std::string_view name;
    std::string_view help;
    Setter set;
};

template <auto Member>
bool set_count(Call& call, std::string_view value) {
    auto count = count_in(value);
    call.*Member = count;
    return count.has_value();
}
template <auto Member>
bool set_wish_count(Call& call, std::string_view value) {
    auto count = count_in(value);
    call.wish.*Member = count;
    return count.has_value();
}
template <auto Member>
bool set_text(Call& call, std::string_view value) {
    call.*Member = value;
    return true;
}

constexpr std::array kWishes{
    WishRow{"fault", "faults of the table, separated by \";\"",
            [](Call& call, std::string_view value) {
                auto faults = parse_faults(value);
                if (faults) {
                    for (const ChosenFault& fault : faults->all()) call.faults.add(fault);
                }
                return faults.has_value();
            }},
    WishRow{"output", "tokens of text, or max: as many as it may",
            [](Call& call, std::string_view value) {
                call.wish.greedy = value == "max";
                return call.wish.greedy || set_wish_count<&Wish::output>(call, value);
            }},
    WishRow{"reasoning", "tokens of reasoning, where the model reasons",
            set_wish_count<&Wish::reasoning>},
    WishRow{"searches", "web searches, where they are allowed", set_wish_count<&Wish::searches>},
    WishRow{"tool", "none, any, or the tool to call",
            [](Call& call, std::string_view value) {
                call.wish.tool = std::string{value};
                return true;
            }},
    WishRow{"refuse", "yes: a refusal",
            [](Call& call, std::string_view value) {
                call.wish.refuse = value == "yes" || value == "true";
                return true;
            }},
    WishRow{"first-byte-ms", "time to the first byte", set_count<&Call::first_byte_ms>},
    WishRow{"chunk-delay-ms", "time between chunks", set_count<&Call::chunk_delay_ms>},
    WishRow{"tier", "the service tier that is served", set_text<&Call::served_tier>},
    WishRow{"served-model", "the model that the answer says and bills",
            set_text<&Call::served_model>},
    WishRow{"iterations", "compaction, advisor or fallback: further models on the bill (Anthropic)",
            [](Call& call, std::string_view value) {
                call.iterations = value;
                return value == "compaction" || value == "advisor" || value == "fallback";
            }},
};

Result<> grant(Call& call, std::string_view name, std::string_view value) {
    auto row = std::ranges::find(kWishes, name, &WishRow::name);
    if (row != kWishes.end() && row->set(call, value)) return {};
    std::string message = "weir-sim: no such wish: ";
    message.append(name).append("=").append(value);
    return fail(ErrorCode::invalid_parameter, std::move(message));
}

Result<> read_wishes(const Request& request, Call& call) {
    std::string named = string_at(call.body, "model");
    std::string_view rest = named;
    std::size_t at = rest.find('@');
    call.model = rest.substr(0, at);
    while (at != std::string_view::npos) {
        rest.remove_prefix(at + 1);
        at = rest.find('@');
        std::string_view one = rest.substr(0, at);
        std::size_t equals = one.find('=');
        // Vertex-style names have a version there.
        if (equals == std::string_view::npos) {
            call.model.append("@").append(one);
            continue;
        }
        if (auto done = grant(call, one.substr(0, equals), one.substr(equals + 1)); !done) {
            return done;
        }
    }
    for (const auto& [name, value] : request.headers) {
        std::string_view wish = name;
        if (!wish.starts_with("x-sim-") || wish == "x-sim-tag") continue;
        if (auto done = grant(call, wish.substr(6), value); !done) return done;
    }
    return {};
}

void read_tag(const Request& request, Call& call) {
    auto take = [&](std::string value, std::string_view source) {
        if (!call.tag.empty() || value.empty()) return;
        call.tag = std::move(value);
        call.tag_source = source;
    };
    if (const Json* metadata = member(call.body, "metadata")) {
        take(string_at(*metadata, "sim_tag"), "metadata.sim_tag");
    }
    take(std::string{request.header("x-sim-tag")}, "x-sim-tag");
    take(string_at(call.body, "user"), "user");
    take(string_at(call.body, "safety_identifier"), "safety_identifier");
    if (const Json* metadata = member(call.body, "metadata")) {
        take(string_at(*metadata, "user_id"), "metadata.user_id");
    }
}

}  // namespace

std::string_view endpoint_name(Endpoint endpoint) {
    constexpr std::array<std::string_view, 9> kNames{
        "chat_completions",  "completions", "embeddings", "responses",   "responses_input_tokens",
        "responses_compact", "models",      "messages",   "count_tokens"};
    return kNames[static_cast<std::size_t>(endpoint)];
}

bool is_anthropic(Endpoint endpoint) { return endpoint >= Endpoint::messages; }

bool is_free(Endpoint endpoint) {
    return endpoint == Endpoint::models || endpoint == Endpoint::input_tokens ||
           endpoint == Endpoint::count_tokens;
}

std::string_view Request::header(std::string_view name) const {
    auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
    return found == headers.end() ? std::string_view{} : std::string_view{found->second};
}

std::optional<Endpoint> find_endpoint(const Request& request) {
    struct Row {
        std::string_view path;
        Endpoint endpoint;
    };
    constexpr std::array kRows{
        Row{"/chat/completions", Endpoint::chat_completions},
        Row{"/completions", Endpoint::completions},
        Row{"/embeddings", Endpoint::embeddings},
        Row{"/responses", Endpoint::responses},
        Row{"/responses/input_tokens", Endpoint::input_tokens},
        Row{"/responses/compact", Endpoint::compact},
        Row{"/messages", Endpoint::messages},
        Row{"/messages/count_tokens", Endpoint::count_tokens},
    };
    std::string_view path = request.path;
    if (path.starts_with("/v1/")) path.remove_prefix(3);
    if (request.method == "GET") {
        bool models = path == "/models" || path.starts_with("/models/");
        return models ? std::optional{Endpoint::models} : std::nullopt;
    }
    if (request.method != "POST") return std::nullopt;
    auto row = std::ranges::find(kRows, path, &Row::path);
    return row == kRows.end() ? std::nullopt : std::optional{row->endpoint};
}

Result<Call> read_call(Endpoint endpoint, const Request& request, Reading reading,
                       const Faults& drawn) {
    Call call;
    call.endpoint = endpoint;
    call.faults = drawn;
    if (endpoint == Endpoint::models) {
        std::size_t slash = request.path.find("/models/");
        if (slash != std::string::npos) call.path_model = request.path.substr(slash + 8);
        return call;
    }
    call.body = read_body(request.body, reading);
    if (!call.body.is_object()) {
        return fail(ErrorCode::malformed_json, "We could not parse the JSON body of your request.");
    }
    call.beta = request.header("anthropic-beta");
    if (auto read = read_wishes(request, call); !read) return std::unexpected(read.error());
    // A fault may change how the body is read.
    if (call.faults.has(Fault::last_wins) && reading != Reading::go) {
        return read_call(endpoint, request, Reading::go, drawn);
    }
    read_tag(request, call);
    call.wish.greedy = call.wish.greedy || reading == Reading::go;
    return call;
}

std::vector<WishInfo> wish_table() {
    std::vector<WishInfo> out;
    for (const WishRow& row : kWishes) out.push_back({row.name, row.help});
    return out;
}

}  // namespace weir::sim
