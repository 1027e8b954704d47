// Price catalogues of others and the operator's own rates: refused or read, never half; what is
// read either makes a book or says why not, and differs from itself in nothing. The first byte
// chooses the format.
#include "fuzz/target.h"
#include "store/price_source.h"

namespace weir::fuzz {
namespace {

Result<std::vector<core::PriceRow>> parse(std::uint8_t format, std::string_view text) {
    if (format == '4') return store::parse_overlay(text);
    Result<store::ParsedPrices> parsed = [&] {
        switch (format) {
            case '0':
                return store::parse_genai_prices(text);
            case '1':
                return store::parse_litellm(text);
            case '2':
                return store::parse_models_dev(text);
            default:
                return store::parse_catalogue(text);
        }
    }();
    if (!parsed) return std::unexpected(parsed.error());
    return std::move(parsed->rows);
}

void check_rows(const std::vector<core::PriceRow>& rows) {
    for (const core::PriceRow& row : rows) {
        WEIR_CHECK(!row.model.empty() && !row.tiers.empty());
        WEIR_CHECK(row.context_window >= 0 && row.max_output >= 0);
        for (const core::PriceTier& tier : row.tiers) {
            WEIR_CHECK(!tier.bands.empty() && tier.bands.front().above_input_tokens == 0);
            for (const core::PriceBand& band : tier.bands) {
                for (const auto& rate : band.prices.token) WEIR_CHECK(!rate || rate->femto() >= 0);
                for (const auto& rate : band.prices.unit) WEIR_CHECK(!rate || rate->femto() >= 0);
            }
        }
    }
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir;
    if (size == 0) return 0;
    auto rows = fuzz::parse(data[0], fuzz::text_of(data + 1, size - 1));
    if (!rows) {
        WEIR_CHECK(rows.error().code() == ErrorCode::config_invalid);
        return 0;
    }
    fuzz::check_rows(*rows);
    WEIR_CHECK(store::diff_prices(*rows, *rows).empty());
    auto book = core::PriceBook::build(*rows);
    WEIR_CHECK(book || book.error().code() == ErrorCode::config_invalid);
    return 0;
}
