// The bound of one attempt (ledger.md §1.2, wire.md §5.5). Every figure errs upwards.
#include <algorithm>
#include <limits>
#include <span>

#include "core/price.h"
#include "core/price_resolve.h"

namespace weir::core {
namespace {

// Beyond these a figure is a mistake or an attack; within them nothing below can overflow 128 bits.
constexpr std::int64_t kTokensMax = 1'000'000'000'000;
constexpr std::int64_t kChoicesMax = 10'000;
constexpr std::int64_t kToolUsesMax = 10'000;
constexpr std::int64_t kImagesMax = 100'000;

constexpr std::array kInputClasses{TokenClass::input,
                                   TokenClass::cache_read,
                                   TokenClass::cache_write_short,
                                   TokenClass::cache_write_long,
                                   TokenClass::input_audio,
                                   TokenClass::input_image,
                                   TokenClass::cache_read_audio};
constexpr std::array kOutputClasses{TokenClass::output, TokenClass::output_audio,
                                    TokenClass::output_image};

// The tools that bear a fee for each use.
constexpr std::array kToolUnits{UnitKind::web_search, UnitKind::web_fetch, UnitKind::file_search,
                                UnitKind::grounding_query, UnitKind::maps_query};

std::unexpected<Error> unsupported(const PriceRow& row, std::string_view what,
                                   std::string_view what_to_do) {
    std::string message = "this call cannot be bounded: ";
    message.append(what).append(" (model ").append(row.model).append("); ").append(what_to_do);
    return fail(ErrorCode::unsupported_parameter, std::move(message));
}

// What the body's bytes do not show.
bool reaches_beyond_body(const BoundInput& in) {
    const CallShape& shape = *in.shape;
    if (shape.has(Unbounded::server_tool)) return true;
    return !in.counted && (shape.has(Unbounded::reference) || shape.has(Unbounded::remote_media) ||
                           shape.has(Unbounded::document));
}

Result<> check_shape(const PriceRow& row, const BoundInput& in) {
    const CallShape& shape = *in.shape;
    if (shape.has(Unbounded::background)) {
        return unsupported(row, "a background answer runs on after this call",
                           "leave `background` out");
    }
    if (shape.has(Unbounded::compaction)) {
        return unsupported(row, "context management may bill a further model call",
                           "leave it out and compact on the client's side");
    }
    if (shape.has(Unbounded::unknown_tool)) {
        return unsupported(row, "a tool of an unknown type may run at the provider",
                           "leave the tool out, or run it on the client's side");
    }
    if (shape.has(Unbounded::other_model)) {
        return unsupported(row, "the provider may serve or add another model",
                           "leave fallbacks, `models` and advisors out");
    }
    if (shape.has(Unbounded::prediction)) {
        return unsupported(row, "rejected predicted output is billed on top",
                           "leave `prediction` out");
    }
    if (shape.has(Unbounded::server_tool) &&
        (shape.server_tool_uses <= 0 || shape.server_tools_undeclared)) {
        return unsupported(row, "a tool that the provider runs has no limit",
                           "declare `max_uses` for each such tool (`max_tool_calls` on Responses), "
                           "or leave it out");
    }
    if (reaches_beyond_body(in) && row.context_window <= 0) {
        return unsupported(row,
                           "its input is not all in the body and the catalogue knows no context "
                           "window",
                           "send the input inline, or give the model a context_window in the price "
                           "overlay");
    }
    return {};
}

Result<> check_numbers(const BoundInput& in) {
    const CallShape& shape = *in.shape;
    auto between = [](std::int64_t value, std::int64_t low, std::int64_t high) {
        return value >= low && value <= high;
    };
    if (!between(shape.choices, 1, kChoicesMax)) {
        return fail(ErrorCode::invalid_parameter, "n or best_of must be between 1 and 10,000");
    }
    if (shape.max_output && *shape.max_output < 0) {
        return fail(ErrorCode::invalid_parameter, "the maximum output must not be negative");
    }
    if (!between(shape.server_tool_uses, 0, kToolUsesMax)) {
        return fail(ErrorCode::invalid_parameter, "tool uses must be between 0 and 10,000");
    }
    if (!between(in.images, 0, kImagesMax) || !between(in.input_tokens_bound, 0, kTokensMax) ||
        !between(in.overhead_tokens, 0, kTokensMax)) {
        return fail(ErrorCode::invalid_parameter, "the input is larger than any model's");
    }
    return {};
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// The most tokens that one image can become (wire.md §5.4), where its size is not known: high-res
// Claude; gpt-4o-mini's tiles; twice what was measured of Gemini; the largest seen of all others.
std::int64_t image_tokens_max(const PriceRow& row) {
    if (contains(row.model, "claude")) return 4'784;
    if (contains(row.model, "4o-mini")) return 2'833 + 8 * 5'667;
    if (contains(row.model, "gemini")) return 2'240;
    return 16'384;
}

// One pass of the model sees at most this; a pass for each use of a server tool, and a last one.
std::int64_t input_of_one_pass(const PriceRow& row, const BoundInput& in) {
    std::int64_t tokens =
        in.input_tokens_bound + in.overhead_tokens + in.images * image_tokens_max(row);
    return reaches_beyond_body(in) ? std::max(tokens, row.context_window) : tokens;
}

bool has_output(Endpoint endpoint) {
    return endpoint != Endpoint::embeddings && endpoint != Endpoint::count_tokens &&
           endpoint != Endpoint::responses_input_tokens && endpoint != Endpoint::models;
}

// Tokens a choice. A call that names no limit gets the model's, or the default: the road sends it.
Result<std::int64_t> output_of_one_choice(const PriceRow& row, const BoundInput& in) {
    const CallShape& shape = *in.shape;
    if (!has_output(shape.endpoint)) return 0;
    std::int64_t most = row.max_output > 0 ? row.max_output : row.context_window;
    std::int64_t wanted = 0;
    if (shape.endpoint == Endpoint::responses_compact) {
        wanted = most;  // takes no limit that could be sent
    } else if (shape.max_output) {
        wanted = *shape.max_output;
        if (most == 0 && wanted > kTokensMax) {
            return fail(ErrorCode::invalid_parameter,
                        "the maximum output is larger than any model's");
        }
        return most > 0 ? std::min(wanted, most) : wanted;
    } else {
        wanted = row.max_output > 0 ? row.max_output : in.default_max_output;
        if (most > 0 && wanted > 0) wanted = std::min(wanted, most);
        if (wanted <= 0) wanted = most;
    }
    if (wanted <= 0) {
        return unsupported(row, "its output has no limit", "name a maximum output in the call");
    }
    return wanted;
}

bool reaches(const CallShape& shape, TokenClass c) {
    bool asks_for_writes = shape.endpoint != Endpoint::messages || shape.wants_cache;
    switch (c) {
        case TokenClass::cache_write_short:
            return asks_for_writes;
        case TokenClass::cache_write_long:
            return shape.wants_long_cache;
        case TokenClass::input_image:
            return shape.images > 0 || shape.unbounded != 0;
        case TokenClass::input:
        case TokenClass::cache_read:
        case TokenClass::input_audio:
        case TokenClass::cache_read_audio:
        case TokenClass::output:
        case TokenClass::output_audio:
        case TokenClass::output_image:
            return true;
    }
    return true;
}

bool is_tier_or_part(std::string_view tier, std::string_view name) {
    return tier == name || (tier.starts_with(name) && tier.substr(name.size()).starts_with('+'));
}

bool has_part(std::string_view tier, std::string_view name) {
    for (std::size_t at = 0; at <= tier.size();) {
        const std::size_t plus = std::min(tier.find('+', at), tier.size());
        if (tier.substr(at, plus - at) == name) return true;
        at = plus + 1;
    }
    return false;
}

// Tiers that the answer may be served at (ledger.md B4). Cheaper ones are never taken, as the
// provider may fall back to the standard one; a geography is no choice of the request.
Result<std::vector<const PriceTier*>> reachable_tiers(const PriceRow& row, const CallShape& shape) {
    std::string asked = canonical_tier(shape.service_tier);
    bool may_be_priority = shape.service_tier.empty() || shape.service_tier == "auto" ||
                           asked == "fast";  // which OpenAI serves, and names, as priority
    bool is_standard = asked == kStandardTier || asked == "flex" || asked == "batch";
    bool priced = is_standard;
    std::string speed = canonical_tier(shape.speed);
    bool speed_priced = speed == kStandardTier;
    std::vector<const PriceTier*> tiers{&standard_tier(row)};
    for (const PriceTier& tier : row.tiers) {
        bool geography = tier.name == "us" || tier.name == "eu";
        bool as_asked = (!is_standard && is_tier_or_part(tier.name, asked)) ||
                        (may_be_priority && is_tier_or_part(tier.name, "priority"));
        bool at_speed = speed != kStandardTier && has_part(tier.name, speed);
        if (geography || as_asked || at_speed) tiers.push_back(&tier);
        priced = priced || as_asked;
        speed_priced = speed_priced || at_speed;
    }
    if (!priced) {
        return unsupported(
            row, "service tier \"" + shape.service_tier + "\" has no price",
            "leave service_tier out, or give the tier a price (weir prices import, or "
            "the price overlay)");
    }
    if (!speed_priced) {
        return unsupported(row, "speed \"" + shape.speed + "\" has no price",
                           "leave speed out, or give it a tier of that name (weir prices import, "
                           "or the price overlay)");
    }
    return tiers;
}

struct Dearest {
    Rate input;
    Rate output;
    std::array<std::optional<Rate>, kUnitKinds> unit;
    // Charges that may be rounded upwards: classes whose price is no whole number of pico-USD.
    std::int64_t rounded = 0;
    bool input_priced = false;
};

// Takes one band's prices after the other.
class DearestSoFar {
 public:
    explicit DearestSoFar(const CallShape& shape) : shape_(shape) {}

    void take(const PriceList& prices) {
        for (TokenClass c : kInputClasses) {
            most_.input_priced = take_class(prices, c, most_.input) || most_.input_priced;
        }
        for (TokenClass c : kOutputClasses) take_class(prices, c, most_.output);
        for (std::size_t i = 0; i < kUnitKinds; ++i) {
            const auto& fee = prices.unit[i];
            if (!fee) continue;
            fee_rounded_ = fee_rounded_ || fee->femto() % 1000 != 0;
            most_.unit[i] = std::max(most_.unit[i].value_or(Rate{}), *fee);
        }
    }
    Dearest result() {
        most_.rounded =
            std::ranges::count(rounded_, true) + (fee_rounded_ ? std::int64_t{kUnitKinds} : 0);
        return most_;
    }

 private:
    bool take_class(const PriceList& prices, TokenClass c, Rate& into) {
        if (!reaches(shape_, c)) return false;
        auto price = class_price(prices, c);
        if (!price) return false;
        into = std::max(into, price->rate);
        if (price->rate.femto() % 1000 != 0) rounded_[static_cast<std::size_t>(c)] = true;
        return true;
    }

    const CallShape& shape_;
    Dearest most_;
    std::array<bool, kTokenClasses> rounded_{};
    bool fee_rounded_ = false;
};

Dearest dearest_of_tiers(std::span<const PriceTier* const> tiers, const CallShape& shape,
                         std::int64_t input_total) {
    DearestSoFar most(shape);
    for (const PriceTier* tier : tiers) {
        for (const PriceBand& band : tier->bands) {
            bool reached = band.above_input_tokens == 0 || input_total > band.above_input_tokens;
            if (reached) most.take(band.prices);
        }
    }
    return most.result();
}

// Σ fees in femto-USD: the dearest tool for each declared use, and the fee for the call itself.
Result<Int128> fees(const PriceRow& row, const CallShape& shape, const Dearest& most) {
    Int128 sum = 0;
    if (auto fee = most.unit[static_cast<std::size_t>(UnitKind::request)]) sum += fee->femto();
    if (!shape.has(Unbounded::server_tool)) return sum;
    std::optional<Rate> tool;
    for (UnitKind kind : kToolUnits) {
        auto fee = most.unit[static_cast<std::size_t>(kind)];
        if (fee && (!tool || *fee > *tool)) tool = fee;
    }
    if (!tool && !is_free(row)) {
        return unsupported(row, "a tool that the provider runs has no known price",
                           "leave the tool out, or give its unit a price in the price overlay");
    }
    return sum + (tool ? femto_cost(shape.server_tool_uses, *tool) : 0);
}

}  // namespace

void Quote::lower_output(std::int64_t tokens) {
    token_bound -= (max_output - tokens) * answers;
    max_output = tokens;
    bound = fixed + round_up(femto_cost(tokens, output_rate));
}

Result<Quote> quote(const PriceRow& row, const BoundInput& in) {
    const CallShape& shape = *in.shape;
    if (auto checked = check_numbers(in); !checked) return std::unexpected(checked.error());
    if (auto checked = check_shape(row, in); !checked) return std::unexpected(checked.error());
    auto tiers = reachable_tiers(row, shape);
    if (!tiers) return std::unexpected(tiers.error());
    auto max_output = output_of_one_choice(row, in);
    if (!max_output) return std::unexpected(max_output.error());

    std::int64_t passes = shape.has(Unbounded::server_tool) ? shape.server_tool_uses + 1 : 1;
    std::int64_t answers = shape.choices * passes;
    std::int64_t input = 0;
    std::int64_t output = 0;
    std::int64_t tokens = 0;
    if (__builtin_mul_overflow(input_of_one_pass(row, in), passes, &input) ||
        __builtin_mul_overflow(*max_output, answers, &output) ||
        __builtin_add_overflow(input, output, &tokens)) {
        return fail(ErrorCode::invalid_parameter,
                    "the call asks for more tokens than can be counted");
    }

    Dearest most = dearest_of_tiers(*tiers, shape, input);
    if (!most.input_priced) {
        return unsupported(row, "the model's input has no price",
                           "give it one in the price overlay");
    }
    auto fee = fees(row, shape, most);
    if (!fee) return std::unexpected(fee.error());
    std::int64_t output_femto = 0;
    if (__builtin_mul_overflow(most.output.femto(), answers, &output_femto)) {
        return fail(ErrorCode::invalid_parameter,
                    "the call asks for more choices than can be priced");
    }

    Quote out;
    out.input_bound = input;
    out.max_output = *max_output;
    out.answers = answers;
    out.token_bound = tokens;
    out.output_rate = Rate::from_femto(output_femto);
    out.price_id = row.id;
    out.fixed = round_up(femto_cost(input, most.input) + *fee) +
                Money::from_pico(Int128{most.rounded} * passes);
    out.bound = out.fixed + round_up(femto_cost(*max_output, out.output_rate));
    if (out.bound.is_zero() && !is_free(row)) {
        out.fixed = out.bound = Money::from_pico(1);
    }
    return out;
}

}  // namespace weir::core
