#include <algorithm>

#include "core/price.h"
#include "core/price_resolve.h"

namespace weir::core {
namespace {

struct FoundRow {
    const PriceRow* row = nullptr;
    bool of_asked_model = false;  // the line's own name is unknown to the book
    bool provisional = false;
};

// Roles whose tokens the asked model itself spent, under whatever name the answer gives it.
bool is_asked_models_own(LineRole role) {
    return role == LineRole::main || role == LineRole::compaction;
}

struct Rater {
    const PriceBook& book;
    std::string_view provider;
    std::string_view asked_model;
    UnixTime at;
    Bill bill;
    FoundRow main_row;  // of the first main line, which also bears the fees

    FoundRow find_row(std::string_view model, LineRole role) const {
        if (const PriceRow* row = book.find(provider, model.empty() ? asked_model : model, at)) {
            return {row, false, row->origin == PriceOrigin::provisional};
        }
        if (is_asked_models_own(role) && model != asked_model) {
            if (const PriceRow* row = book.find(provider, asked_model, at)) {
                return {row, true, row->origin == PriceOrigin::provisional};
            }
        }
        return {book.dearest_of(provider, at), false, true};
    }

    void add(Charge charge) {
        charge.cost = round_half_even(femto_cost(charge.quantity, charge.rate));
        bill.total += charge.cost;
        bill.charges.push_back(std::move(charge));
    }

    void rate_line(const UsageLine& line) {
        std::string_view model = line.model.empty() ? asked_model : std::string_view{line.model};
        FoundRow found = find_row(model, line.role);
        if (line.role == LineRole::main && main_row.row == nullptr) main_row = found;
        if (found.row == nullptr) return add_unpriced(line, model);
        bill.provisional = bill.provisional || found.provisional;
        std::string served = served_tier(line);
        ChosenTier tier = choose_tier(*found.row, served);
        const PriceList& prices = band_for(*tier.tier, line.input_total()).prices;
        for (std::size_t i = 0; i < kTokenClasses; ++i) {
            if (line.tokens[i] <= 0) continue;
            auto price = class_price(prices, static_cast<TokenClass>(i));
            if (!price) bill.unpriced = true;
            add({.model = std::string(model),
                 .tier = served,
                 .role = line.role,
                 .is_unit = false,
                 .kind = static_cast<std::uint8_t>(i),
                 .quantity = line.tokens[i],
                 .rate = price ? price->rate : Rate{},
                 .cost = {},
                 .price_id = price ? found.row->id : std::string{},
                 .price_fallback =
                     found.of_asked_model || tier.fallback || (price && price->fallback)});
        }
    }

    void add_unpriced(const UsageLine& line, std::string_view model) {
        for (std::size_t i = 0; i < kTokenClasses; ++i) {
            if (line.tokens[i] <= 0) continue;
            bill.unpriced = true;
            Charge charge;
            charge.model = model;
            charge.tier = served_tier(line);
            charge.role = line.role;
            charge.kind = static_cast<std::uint8_t>(i);
            charge.quantity = line.tokens[i];
            add(std::move(charge));
        }
    }

    // Fees are the asked model's, at the tier its own line was served at.
    void rate_units(const Usage& usage) {
        auto main = std::ranges::find(usage.lines, LineRole::main, &UsageLine::role);
        UsageLine none;
        const UsageLine& line = main != usage.lines.end() ? *main : none;
        std::string_view model = line.model.empty() ? asked_model : std::string_view{line.model};
        FoundRow found = main_row.row != nullptr ? main_row : find_row(model, LineRole::main);
        std::string served = served_tier(line);
        bool answered = main != usage.lines.end() && usage.completeness != Completeness::none;
        for (std::size_t i = 0; i < kUnitKinds; ++i) {
            auto kind = static_cast<UnitKind>(i);
            std::int64_t quantity = kind == UnitKind::request ? answered : usage.unit(kind);
            if (quantity <= 0) continue;
            auto price = unit_price(found, served, line.input_total(), kind);
            if (!price && free_unless_listed(kind)) continue;
            if (!price) bill.unpriced = true;
            add({.model = std::string(model),
                 .tier = served,
                 .role = LineRole::main,
                 .is_unit = true,
                 .kind = static_cast<std::uint8_t>(i),
                 .quantity = quantity,
                 .rate = price ? price->rate : Rate{},
                 .cost = {},
                 .price_id = price ? found.row->id : std::string{},
                 .price_fallback = found.of_asked_model || (price && price->fallback)});
        }
    }

    // A tier that does not list fees of its own has the standard ones.
    static std::optional<ClassPrice> unit_price(const FoundRow& found, std::string_view served,
                                                std::int64_t input_total, UnitKind kind) {
        if (found.row == nullptr) return std::nullopt;
        auto at = static_cast<std::size_t>(kind);
        const PriceTier* tier = choose_tier(*found.row, served).tier;
        if (auto rate = band_for(*tier, input_total).prices.unit[at]) {
            return ClassPrice{*rate, false};
        }
        if (auto rate = band_for(standard_tier(*found.row), input_total).prices.unit[at]) {
            return ClassPrice{*rate, false};
        }
        return std::nullopt;
    }
};

}  // namespace

Bill rate(const PriceBook& book, std::string_view provider, std::string_view asked_model,
          const Usage& usage, UnixTime at) {
    Rater rater{.book = book,
                .provider = provider,
                .asked_model = asked_model,
                .at = at,
                .bill = {},
                .main_row = {}};
    rater.bill.charges.reserve(4);
    for (const UsageLine& line : usage.lines) rater.rate_line(line);
    rater.rate_units(usage);
    return std::move(rater.bill);
}

}  // namespace weir::core
