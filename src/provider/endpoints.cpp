// The one table of endpoints: every known one of the vendors has a fate, nothing passes unseen
// (product.md §3.18). Paths stand without their version prefix.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <vector>

#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::Endpoint;

constexpr std::string_view kLater =
    "what it costs is not metered yet, so that no budget could hold it";
constexpr std::string_view kShared =
    "it reads or changes what all callers of the provider's key have stored there";
constexpr std::string_view kAccount =
    "it manages the provider's account, which belongs to the operator";
constexpr std::string_view kFree = "free at the provider; not passed through yet";
constexpr std::string_view kGemini =
    "Gemini's own API is not metered yet: use its models through /v1/chat/completions";
constexpr std::string_view kBedrock =
    "Bedrock's own API is not metered yet: use /v1/messages or /v1/chat/completions";
constexpr std::string_view kOllama =
    "Ollama's own API is not metered: use /v1/chat/completions, which Ollama serves as well";
constexpr std::string_view kAzure =
    "Azure's deployment paths are not served: use /v1 with the deployment's name as model";
constexpr std::string_view kSettlesLate = "its usage is known only up to 24 hours later";

// `{id}` stands for one segment, a final `/**` for any rest, also none.
struct EndpointRow {
    std::string_view methods;  // comma-separated; "*" = all
    std::string_view path;
    Fate fate;
    Endpoint endpoint;
    std::string_view reason;
};

constexpr EndpointRow served(std::string_view method, std::string_view path, Fate fate,
                             Endpoint e) {
    return {method, path, fate, e, {}};
}
constexpr EndpointRow refused(std::string_view methods, std::string_view path,
                              std::string_view why) {
    return {methods, path, Fate::refused, Endpoint::chat_completions, why};
}

// First match wins, so the particular stands before the general.
constexpr std::array kTable{
    served("POST", "/v1/chat/completions", Fate::governed, Endpoint::chat_completions),
    served("POST", "/v1/completions", Fate::governed, Endpoint::completions),
    served("POST", "/v1/embeddings", Fate::governed, Endpoint::embeddings),
    served("POST", "/v1/responses", Fate::governed, Endpoint::responses),
    served("POST", "/v1/responses/compact", Fate::governed, Endpoint::responses_compact),
    served("POST", "/v1/messages", Fate::governed, Endpoint::messages),
    served("POST", "/v1/responses/input_tokens", Fate::free, Endpoint::responses_input_tokens),
    served("POST", "/v1/messages/count_tokens", Fate::free, Endpoint::count_tokens),
    served("GET", "/v1/models", Fate::free, Endpoint::models),
    served("GET", "/v1/models/**", Fate::free, Endpoint::models),

    refused("DELETE", "/v1/models/{id}", kAccount),
    refused("POST", "/v1/models/**", kGemini),
    refused("GET", "/v1/chat/completions", kShared),
    refused("*", "/v1/chat/completions/{id}/**", kShared),
    refused("*", "/v1/responses/{id}/**", kShared),
    refused("*", "/v1/messages/batches/**", kSettlesLate),
    refused("*", "/v1/batches/**", kSettlesLate),
    refused("*", "/v1/files/**", kShared),
    refused("*", "/v1/uploads/**", kShared),
    refused("*", "/v1/vector_stores/**", kShared),
    refused("*", "/v1/conversations/**", kShared),
    refused("*", "/v1/containers/**", kShared),
    refused("*", "/v1/assistants/**", kLater),
    refused("*", "/v1/threads/**", kLater),
    refused("*", "/v1/images/**", kLater),
    refused("*", "/v1/videos/**", kLater),
    refused("*", "/v1/audio/**", kLater),
    refused("*", "/v1/realtime/**", kLater),
    refused("*", "/v1/live/**", kLater),
    refused("*", "/v1/fine_tuning/**", kLater),
    refused("*", "/v1/evals/**", kLater),
    refused("*", "/v1/chatkit/**", kLater),
    refused("*", "/v1/agents/**", kLater),
    refused("*", "/v1/sessions/**", kLater),
    refused("*", "/v1/environments/**", kLater),
    refused("*", "/v1/deployments/**", kLater),
    refused("*", "/v1/deployment_runs/**", kLater),
    refused("*", "/v1/dreams/**", kLater),
    refused("*", "/v1/memory_stores/**", kShared),
    refused("*", "/v1/skills/**", kShared),
    refused("*", "/v1/vaults/**", kAccount),
    refused("*", "/v1/decisions/**", kLater),
    refused("*", "/v1/rerank", kLater),
    refused("*", "/v1/complete", kLater),
    refused("*", "/v1/edits", kLater),
    refused("*", "/v1/engines/**", kLater),
    refused("*", "/v1/interactions/**", kGemini),
    refused("*", "/v1/moderations", kFree),
    refused("*", "/v1/content_provenance_checks", kLater),
    refused("*", "/v1/organization/**", kAccount),
    refused("*", "/v1/organizations/**", kAccount),
    refused("*", "/v1/projects/**", kAccount),
    refused("*", "/v1/webhook_endpoints/**", kAccount),
    refused("*", "/v1/webhook_event_types", kAccount),
    refused("*", "/v1beta/**", kGemini),
    refused("*", "/v1alpha/**", kGemini),
    refused("*", "/model/**", kBedrock),
    refused("*", "/openai/**", kAzure),
    refused("*", "/api/chat", kOllama),
    refused("*", "/api/generate", kOllama),
    refused("*", "/api/embed", kOllama),
    refused("*", "/api/embeddings", kOllama),
};

constexpr std::string_view kVersion = "/v1";

// Takes the first segment ("/name") off `rest`.
std::string_view take_segment(std::string_view& rest) {
    std::size_t end = rest.find('/', 1);
    auto segment = rest.substr(0, end);
    rest.remove_prefix(segment.size());
    return segment;
}

bool path_matches(std::string_view pattern, std::string_view path) {
    while (!pattern.empty()) {
        if (pattern == "/**") return true;
        if (path.empty()) return false;
        auto want = take_segment(pattern);
        auto have = take_segment(path);
        if (want != have && !(want == "/{id}" && have.size() > 1)) return false;
    }
    return path.empty();
}

bool method_matches(std::string_view methods, std::string_view method) {
    return methods == "*" || methods == method;
}

constexpr int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The path goes upstream with the provider's key on it: it must mean there what it means here. So
// no empty or dot segment, in any spelling, and nothing but what names and ids are made of.
bool is_safe_path(std::string_view path) {
    if (path.size() < 2 || path.size() > 1024 || path.front() != '/') return false;
    bool only_dots = true;
    bool segment_empty = true;
    for (std::size_t i = 1; i <= path.size(); ++i) {
        char c = i < path.size() ? path[i] : '/';
        if (c == '%') {
            if (i + 2 >= path.size()) return false;
            int high = hex_value(path[i + 1]);
            int low = hex_value(path[i + 2]);
            if (high < 0 || low < 0) return false;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '/') {
            if (segment_empty || only_dots) return false;
            only_dots = segment_empty = true;
            continue;
        }
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && std::string_view{"-._~:@+,=$"}.find(c) == std::string_view::npos)
            return false;
        segment_empty = false;
        if (c != '.') only_dots = false;
    }
    return true;
}

// With its version: some OpenAI SDKs are given a base URL that ends before /v1. Anthropic's are
// not, and add it themselves.
std::string canonical(std::string_view path) {
    for (std::string_view family :
         {"/chat/completions", "/completions", "/embeddings", "/responses", "/models"}) {
        if (path.starts_with(family) &&
            (path.size() == family.size() || path[family.size()] == '/')) {
            return std::string{kVersion}.append(path);
        }
    }
    return std::string{path};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t above = row[j];
            row[j] =
                std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1] ? 1u : 0u)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

Error unknown_endpoint(std::string_view path) {
    constexpr std::size_t kShown = 80;
    std::string_view nearest;
    std::size_t best = SIZE_MAX;
    for (const EndpointRow& row : kTable) {
        if (row.fate == Fate::refused || row.path.ends_with("**") || path.size() > kShown) continue;
        std::size_t distance = edit_distance(path, row.path);
        // The whole name under a wrong prefix is a wrong base URL, however long the prefix.
        if (path.ends_with(row.path)) distance = 0;
        if (distance < best) {
            best = distance;
            nearest = row.path;
        }
    }
    if (best > std::max<std::size_t>(4, nearest.size() / 3)) {
        return Error{ErrorCode::unknown_endpoint};
    }
    return Error{ErrorCode::unknown_endpoint,
                 fmt::format("There is no such endpoint: did you mean {}?", nearest)};
}

std::string_view fate_name(Fate fate) {
    switch (fate) {
        case Fate::governed:
            return "governed";
        case Fate::metered_only:
            return "metered only";
        case Fate::free:
            return "free";
        case Fate::refused:
            return "refused";
    }
    return "refused";
}

Result<EndpointMatch> answer(const EndpointRow& row, std::string_view path) {
    if (row.fate == Fate::refused) {
        return fail(ErrorCode::endpoint_refused,
                    fmt::format("This endpoint is refused: {}.", row.reason));
    }
    return EndpointMatch{row.endpoint, row.fate, row.reason,
                         std::string{path.substr(kVersion.size())}};
}

}  // namespace

std::string allowed_methods(std::string_view path) {
    std::string full = canonical(path);
    std::string out;
    for (const EndpointRow& row : kTable) {
        if (row.fate == Fate::refused || !path_matches(row.path, full)) continue;
        if (out.find(row.methods) != std::string::npos) continue;
        if (!out.empty()) out.append(", ");
        out.append(row.methods);
    }
    return out;
}

Result<EndpointMatch> match_endpoint(std::string_view method, std::string_view path) {
    if (!is_safe_path(path)) return std::unexpected(unknown_endpoint(path));
    std::string full = canonical(path);
    bool known = false;
    for (const EndpointRow& row : kTable) {
        if (!path_matches(row.path, full)) continue;
        known = true;
        if (method_matches(row.methods, method)) return answer(row, full);
    }
    // Codex tries a WebSocket first, and falls back at once where it reads 426 (clients.md §2).
    if (full == "/v1/responses" && method == "GET") {
        return fail(ErrorCode::upgrade_required,
                    "WebSockets are not served here: use POST /v1/responses.");
    }
    if (!known) return std::unexpected(unknown_endpoint(full));
    return fail(
        ErrorCode::method_not_allowed,
        fmt::format("The method is not allowed on this endpoint: use {}.", allowed_methods(full)));
}

std::string endpoints_markdown() {
    std::string out = "| method | endpoint | fate | why |\n|---|---|---|---|\n";
    for (const EndpointRow& row : kTable) {
        fmt::format_to(std::back_inserter(out), "| {} | `{}` | {} | {} |\n",
                       row.methods == "*" ? "any" : row.methods, row.path, fate_name(row.fate),
                       row.reason);
    }
    return out;
}

}  // namespace weir::provider
