#include "store/price_source.h"

namespace weir::store {

Result<ParsedPrices> parse_catalogue(std::string_view json) {
    for (auto parse : {parse_genai_prices, parse_litellm, parse_models_dev}) {
        if (auto parsed = parse(json)) return parsed;
    }
    return fail(
        ErrorCode::config_invalid,
        "the file is no price catalogue that Weir reads: genai-prices, LiteLLM or models.dev");
}

}  // namespace weir::store
