// Providers known by name. Facts are wire.md §1, §3.6; a quirk marked [K] there has not been seen
// on a wire and is marked so here: choose the side that keeps a call bounded.
#include <algorithm>

#include "codec/url.h"
#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::AuthStyle;
using core::Quirks;
using core::Vendor;

Quirks mistral_quirks() {
    Quirks q;
    q.stream_options = false;         // rejected (wire.md §3.6, 6); usage comes without it
    q.max_completion_tokens = false;  // [K]
    q.usage_on_finish_chunk = true;
    return q;
}

// Usage on the finish chunk, max_completion_tokens understood [K].
Quirks groq_quirks() {
    Quirks q;
    q.usage_on_finish_chunk = true;
    return q;
}

// DeepSeek and Moonshot: usage on the finish chunk; max_tokens only [K].
Quirks finish_chunk_quirks() {
    Quirks q;
    q.max_completion_tokens = false;
    q.usage_on_finish_chunk = true;
    return q;
}

Quirks xai_quirks() {
    Quirks q;
    q.reasoning_outside_output = true;
    return q;
}

// OpenRouter, Together, Fireworks, Ollama, vLLM, llama.cpp: max_tokens is what all versions heed
// [K].
Quirks max_tokens_quirks() {
    Quirks q;
    q.max_completion_tokens = false;
    return q;
}

Quirks perplexity_quirks() {
    Quirks q;
    q.search_in_call_fee = true;
    q.stream_options = false;         // [K]; usage stands on every chunk anyway
    q.max_completion_tokens = false;  // [K]
    q.usage_on_finish_chunk = true;
    return q;
}

Quirks gemini_quirks() {
    Quirks q;
    q.max_completion_tokens = false;  // [K]
    q.reasoning_outside_output = true;
    return q;
}

constexpr std::string_view kVersion = "/v1";
constexpr std::string_view kRoot = "/.";  // RFC 3986 §5.2.4: the root itself

bool is_public(const codec::BaseUrl& url) {
    return url.tls() && std::ranges::any_of(known_providers(), [&url](const KnownProvider& known) {
               auto base = codec::parse_base_url(known.base_url);
               return known.auth != AuthStyle::none && base && base->host == url.host;
           });
}

}  // namespace

const std::vector<KnownProvider>& known_providers() {
    constexpr auto kCompatible = Vendor::openai_compatible;
    constexpr auto kBearer = AuthStyle::bearer;
    static const std::vector<KnownProvider> kKnown{
        {"openai",
         "OPENAI_API_KEY",
         "https://api.openai.com/v1",
         Vendor::openai,
         "openai",
         kBearer,
         {}},
        {"anthropic",
         "ANTHROPIC_API_KEY",
         "https://api.anthropic.com",
         Vendor::anthropic,
         "anthropic",
         AuthStyle::x_api_key,
         {}},
        {"gemini", "GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta/openai",
         kCompatible, "google", kBearer, gemini_quirks()},
        {"mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1", kCompatible, "mistral", kBearer,
         mistral_quirks()},
        {"groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", kCompatible, "groq", kBearer,
         groq_quirks()},
        {"deepseek", "DEEPSEEK_API_KEY", "https://api.deepseek.com/v1", kCompatible, "deepseek",
         kBearer, finish_chunk_quirks()},
        {"xai", "XAI_API_KEY", "https://api.x.ai/v1", kCompatible, "x-ai", kBearer, xai_quirks()},
        {"openrouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", kCompatible,
         "openrouter", kBearer, max_tokens_quirks()},
        {"together", "TOGETHER_API_KEY", "https://api.together.xyz/v1", kCompatible, "together",
         kBearer, max_tokens_quirks()},
        {"fireworks", "FIREWORKS_API_KEY", "https://api.fireworks.ai/inference/v1", kCompatible,
         "fireworks", kBearer, max_tokens_quirks()},
        {"perplexity", "PERPLEXITY_API_KEY", "https://api.perplexity.ai", kCompatible, "perplexity",
         kBearer, perplexity_quirks(), /*at_root=*/true},
        {"moonshot", "MOONSHOT_API_KEY", "https://api.moonshot.ai/v1", kCompatible, "moonshotai",
         kBearer, finish_chunk_quirks()},
        // Servers of one's own: no key, no price list.
        {"ollama", "", "http://127.0.0.1:11434/v1", kCompatible, "", AuthStyle::none,
         max_tokens_quirks()},
        {"vllm", "", "http://127.0.0.1:8000/v1", kCompatible, "", AuthStyle::none,
         max_tokens_quirks()},
        {"llama.cpp", "", "http://127.0.0.1:8080/v1", kCompatible, "", AuthStyle::none,
         max_tokens_quirks()},
    };
    return kKnown;
}

std::optional<core::ProviderRecord> known_provider(std::string_view name) {
    const auto& known = known_providers();
    auto found = std::ranges::find(known, name, &KnownProvider::name);
    if (found == known.end()) return std::nullopt;
    core::ProviderRecord record;
    record.name = name;
    record.vendor = found->vendor;
    record.price_vendor = found->price_vendor;
    record.auth = found->auth;
    record.quirks = found->quirks;
    if (!set_base_url(record, found->base_url)) return std::nullopt;
    if (found->at_root) record.path_prefix.clear();
    return record;
}

Result<> set_base_url(core::ProviderRecord& provider, std::string_view url) {
    auto base = codec::parse_base_url(url);
    if (!base) return std::unexpected(base.error());
    bool was_at_root = !provider.host.empty() && provider.path_prefix.empty();
    bool at_root = base->path == kRoot || (was_at_root && base->path.empty());
    provider.tls = base->tls();
    provider.host = base->host;
    provider.port = base->port;
    provider.public_host = is_public(*base);
    if (at_root) {
        provider.path_prefix.clear();
        return {};
    }
    provider.path_prefix = base->path;
    bool versioned = !base->path.empty();
    if (provider.vendor == Vendor::anthropic) versioned = base->path.ends_with(kVersion);
    if (!versioned) provider.path_prefix.append(kVersion);
    return {};
}

}  // namespace weir::provider
