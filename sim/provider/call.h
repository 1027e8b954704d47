// One request, read: the endpoint, the body, and what the caller of the simulator wants of it.
// Sans-IO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sim/provider/draft.h"
#include "sim/provider/faults.h"
#include "sim/provider/json.h"

namespace weir::sim {

enum class Endpoint : std::uint8_t {
    chat_completions,
    completions,
    embeddings,
    responses,
    input_tokens,
    compact,
    models,
    messages,
    count_tokens,
};
std::string_view endpoint_name(Endpoint endpoint);
bool is_anthropic(Endpoint endpoint);
bool is_free(Endpoint endpoint);  // costs nothing: no attempt on the bill

// A request as HTTP gave it, its body decoded.
struct Request {
    std::string method{};
    std::string path{};
    std::string query{};
    std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
    std::string body{};

    std::string_view header(std::string_view name) const;
};

// nullopt: no such endpoint. For `models` the name of one may follow.
std::optional<Endpoint> find_endpoint(const Request& request);

struct Call {
    Endpoint endpoint = Endpoint::chat_completions;
    Json body{};
    std::string model{};       // without the wishes behind its "@"
    std::string path_model{};  // GET /v1/models/<model>
    Wish wish{};
    Faults faults{};
    std::optional<std::int64_t> first_byte_ms{};
    std::optional<std::int64_t> chunk_delay_ms{};
    std::string served_tier{};  // instead of what was asked for
    std::string served_model{};
    std::string iterations{};  // Anthropic: compaction, advisor or fallback
    std::string tag{};
    std::string tag_source{};
    std::string request_id{};
    std::string beta{};        // anthropic-beta
    std::int64_t created = 0;  // seconds
    bool streams() const { return flag_at(body, "stream"); }
};

// Wishes come by header (`x-sim-fault: reset_mid=3`, `x-sim-output: 200`) or behind the model's
// name (`gpt-5-mini@fault=reset_mid=3@output=200`); faults that were drawn come first. Errors:
// malformed_json, invalid_parameter.
Result<Call> read_call(Endpoint endpoint, const Request& request, Reading reading,
                       const Faults& drawn);

// name and meaning of each wish, for --help.
struct WishInfo {
    std::string_view name;
    std::string_view help;
};
std::vector<WishInfo> wish_table();

}  // namespace weir::sim
