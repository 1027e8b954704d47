#include "store/price_vendors.h"

#include <algorithm>
#include <array>

namespace weir::store {
namespace {

// Names that differ from the book's; all others are the same. Empty: that catalogue has no such
// name.
struct VendorNames {
    std::string_view book;
    std::string_view litellm;
    std::string_view models_dev;
};

constexpr std::array kVendors{
    VendorNames{"aws", "bedrock", "amazon-bedrock"},
    VendorNames{"aws", "bedrock_converse", ""},
    VendorNames{"aws", "bedrock_mantle", ""},
    VendorNames{"azure", "azure_ai", "azure-cognitive-services"},
    VendorNames{"azure", "azure_text", ""},
    VendorNames{"cloudflare", "", "cloudflare-workers-ai"},
    VendorNames{"cohere", "cohere_chat", ""},
    VendorNames{"fireworks", "fireworks_ai", "fireworks-ai"},
    VendorNames{"fireworks", "fireworks_ai-embedding-models", ""},
    VendorNames{"github-copilot", "github_copilot", ""},
    VendorNames{"google", "gemini", "google-vertex"},
    VendorNames{"google", "vertex_ai", "google-vertex-anthropic"},
    VendorNames{"mistral", "codestral", ""},
    VendorNames{"mistral", "text-completion-codestral", ""},
    VendorNames{"moonshotai", "moonshot", ""},
    VendorNames{"novita", "", "novita-ai"},
    VendorNames{"openai", "text-completion-openai", ""},
    VendorNames{"together", "together_ai", "togetherai"},
    VendorNames{"voyageai", "voyage", ""},
    VendorNames{"x-ai", "xai", "xai"},
};

std::string book_name(std::string_view name, std::string_view VendorNames::* column) {
    auto it = std::ranges::find(kVendors, name, column);
    return std::string(it == kVendors.end() || name.empty() ? name : it->book);
}

}  // namespace

std::string vendor_of_litellm(std::string_view name) {
    // vertex_ai-language-models, vertex_ai-anthropic_models, …
    if (name.starts_with("vertex_ai-")) return "google";
    return book_name(name, &VendorNames::litellm);
}

std::string vendor_of_models_dev(std::string_view name) {
    return book_name(name, &VendorNames::models_dev);
}

}  // namespace weir::store
