#include "gateway/bound.h"

#include <algorithm>

namespace weir::gateway {
namespace {

using core::BudgetUnit;

// What the model sees and no body shows, generously (wire.md §5.3): the system prompt that comes
// with tools or a schema; the chat template of a server of which nobody knows; priming. A message's
// own overhead, four tokens, is less than what its JSON takes in bytes.
constexpr std::int64_t kToolsOverhead = 1024;
constexpr std::int64_t kTemplateOverhead = 256;
constexpr std::int64_t kPrimingOverhead = 8;
// Less than this OpenAI's Responses do not take (ledger.md B8).
constexpr std::int64_t kLeastOfResponses = 16;
// Where a model thinks first, what is left for the answer.
constexpr std::int64_t kLeastBesideThinking = 256;

bool is_free(const PreparedCall& call) { return call.endpoint.fate == provider::Fate::free; }

// Tokens can be bounded where no price is known, too.
const core::PriceRow& row_without_prices() {
    static const core::PriceRow kRow = [] {
        core::PriceRow r;
        core::PriceBand band;
        band.prices.token[static_cast<std::size_t>(core::TokenClass::input)] = Rate{};
        r.tiers = {{.name = "standard", .bands = {band}}};
        return r;
    }();
    return kRow;
}

// A provisional row lends its prices to a model of whose limits nobody knows.
const core::PriceRow& row_for(const core::Target& target, core::PriceRow& storage) {
    if (target.price == nullptr) return row_without_prices();
    if (!target.provisional) return *target.price;
    storage = *target.price;
    storage.context_window = storage.max_output = 0;
    return storage;
}

// Anthropic's 0 warms a cache; elsewhere servers differ on whether it means nothing or anything.
bool names_no_maximum(const core::CallShape& shape) {
    return !shape.max_output ||
           (*shape.max_output == 0 && shape.endpoint != core::Endpoint::messages &&
            shape.endpoint != core::Endpoint::embeddings);
}

// The call's shape as this target takes it; a copy only where that differs.
const core::CallShape& shape_at(const PreparedCall& call, const core::Target& target,
                                core::CallShape& storage) {
    bool unlimited = call.shape.max_output && names_no_maximum(call.shape);
    bool searches = target.model_changed && provider::searches_by_itself(target.model) &&
                    call.shape.endpoint == core::Endpoint::chat_completions;
    if (!unlimited && !searches) return call.shape;
    storage = call.shape;
    if (unlimited) storage.max_output.reset();
    if (searches) storage.mark_undeclared_tool();
    return storage;
}

std::int64_t overhead_tokens(const core::CallShape& shape, const core::Target& target) {
    if (shape.tools || shape.structured_output || shape.unbounded != 0) return kToolsOverhead;
    bool known = target.provider->vendor != core::Vendor::openai_compatible;
    return known ? kPrimingOverhead : kTemplateOverhead;
}

// How a call is bounded at one target: what it asks for there, and what is known of its input.
struct Basis {
    const PreparedCall& call;
    const core::Target& target;
    const core::PriceRow& row;
    const core::KnownInput* known;
};

Result<core::Quote> quote_shape(const Basis& basis, const core::CallShape& shape) {
    const auto& [call, target, row, known] = basis;
    core::BoundInput in;
    in.shape = &shape;
    if (known != nullptr) {
        in.input_tokens_bound = known->tokens_at_most();
        in.images = known->rest_images;
        in.counted = known->whole;
    } else {
        // Tokens of a byte-level vocabulary never outnumber the bytes (wire.md §5.2).
        in.input_tokens_bound = static_cast<std::int64_t>(call.body.size()) - shape.no_text_bytes;
        in.images = shape.images;
    }
    in.default_max_output = call.policy->limits.default_max_output;
    in.overhead_tokens = overhead_tokens(shape, target);
    return core::quote(row, in);
}

// What the body shows, as if nothing else could be added to it.
core::Quote estimate(const Basis& basis, core::CallShape shape) {
    shape.unbounded = 0;
    shape.service_tier.clear();
    shape.server_tool_uses = 0;
    return quote_shape(basis, shape).value_or(core::Quote{});
}

Error no_price(const core::Target& target) {
    return Error{ErrorCode::unpriced_model,
                 "The model '" + target.model +
                     "' has no price, so a blocking budget cannot admit it: add one with `weir "
                     "prices import`, or declare it free."};
}

Error no_limiter(const core::Target& target) {
    return Error{ErrorCode::unsupported_parameter,
                 "The provider '" + target.provider->name +
                     "' does not keep to a maximum output, so a blocking budget cannot admit its "
                     "calls."};
}

bool needs_usage_chunk(const PreparedCall& call, const core::Quirks& quirks) {
    bool has_chunk = call.shape.endpoint == core::Endpoint::chat_completions ||
                     call.shape.endpoint == core::Endpoint::completions;
    return has_chunk && call.shape.stream && !call.shape.include_usage && quirks.stream_options &&
           !quirks.usage_on_finish_chunk;
}

bool takes_a_maximum(core::Endpoint endpoint) {
    return endpoint == core::Endpoint::chat_completions ||
           endpoint == core::Endpoint::completions || endpoint == core::Endpoint::responses ||
           endpoint == core::Endpoint::messages;
}

bool counts(const core::HoldPart& part, BudgetUnit unit) {
    return part.blocks && part.unit == unit;
}

}  // namespace

Result<Bound> bound_attempt(const PreparedCall& call, const core::Target& target,
                            const core::KnownInput* known) {
    Bound out;
    out.own_credential = call.arrival.own_credential && core::bills_the_caller(*target.provider);
    if (is_free(call)) return out;
    out.outside_usd = out.own_credential || target.provider->free;
    core::PriceRow provisional;
    if (known != nullptr) {
        out.input_basis = known->whole           ? InputBasis::count
                          : known->by_vocabulary ? InputBasis::vocabulary
                                                 : InputBasis::earlier_call;
    }
    const Basis basis{call, target, row_for(target, provisional), known};
    core::CallShape storage;
    const core::CallShape& shape = shape_at(call, target, storage);
    auto quoted = quote_shape(basis, shape);
    if (quoted) {
        out.quote = std::move(*quoted);
    } else if (quoted.error().code() == ErrorCode::unsupported_parameter) {
        out.no_usd = out.no_tokens = quoted.error();
        out.quote = estimate(basis, shape);
    } else {
        return std::unexpected(quoted.error());
    }
    if (!target.provider->quirks.honours_max_output && takes_a_maximum(shape.endpoint)) {
        out.no_usd = out.no_tokens = no_limiter(target);
    }
    if (target.price == nullptr) out.no_usd = no_price(target);
    if (out.outside_usd) {
        out.no_usd.reset();
        out.quote.bound = out.quote.fixed = {};
        out.quote.output_rate = {};
    }
    return out;
}

std::optional<core::OutputRoom> output_room(const PreparedCall& call, const core::Target& target,
                                            const Bound& bound) {
    const core::CallShape& shape = call.shape;
    bool heeded = takes_a_maximum(shape.endpoint) && target.provider->quirks.honours_max_output;
    if (!heeded || shape.structured_output || shape.forced_tool) return std::nullopt;
    std::int64_t least = call.policy->limits.min_output;
    if (shape.endpoint == core::Endpoint::responses) least = std::max(least, kLeastOfResponses);
    if (shape.thinking_budget > 0) {
        least = std::max(least, shape.thinking_budget + kLeastBesideThinking);
    }
    if (least >= bound.quote.max_output) return std::nullopt;
    return core::OutputRoom{.asked = bound.quote.max_output,
                            .least = least,
                            .answers = bound.quote.answers,
                            .usd_rate = bound.quote.output_rate,
                            .usd_fixed = bound.quote.fixed};
}

bool is_held_by_cost(const std::vector<core::HoldPart>& parts, const Bound& bound) {
    return std::ranges::any_of(parts, [&bound](const core::HoldPart& part) {
        return counts(part, BudgetUnit::tokens) ||
               (counts(part, BudgetUnit::usd) && !bound.outside_usd);
    });
}

const Error* unbounded_under(const std::vector<core::HoldPart>& parts, const Bound& bound) {
    for (const core::HoldPart& part : parts) {
        if (counts(part, BudgetUnit::usd) && bound.no_usd) return &*bound.no_usd;
        if (counts(part, BudgetUnit::tokens) && bound.no_tokens) return &*bound.no_tokens;
    }
    return nullptr;
}

OutgoingBody::OutgoingBody(const PreparedCall& call, const core::Target& target, const Bound& bound,
                           bool held_by_cost)
    : original_(call.body) {
    const core::Quirks& quirks = target.provider->quirks;
    const core::CallShape& shape = call.shape;
    provider::Rewrite change;
    if (target.model_changed) change.model = target.model;
    change.strip_weir_metadata = !shape.weir_metadata.empty();
    injected_usage_ = change.inject_include_usage = needs_usage_chunk(call, quirks);
    if (held_by_cost && takes_a_maximum(shape.endpoint)) {
        std::int64_t most = bound.quote.max_output;
        // Of two names, a server that knows only one may have been given the emptier of them.
        bool one_of_two = !quirks.max_completion_tokens && shape.max_output_sites.size() > 1;
        if (names_no_maximum(shape)) {
            told_maximum_ = {.tokens = most, .lowered = bound.clamped};
        } else if (*shape.max_output > most) {
            told_maximum_ = {.tokens = most, .lowered = true};
        } else if (one_of_two) {
            change.max_output = *shape.max_output;
        }
        if (told_maximum_) change.max_output = told_maximum_->tokens;
    }
    bool renames = !quirks.max_completion_tokens && !shape.max_output_sites.empty();
    bool changes = change.model || change.strip_weir_metadata || injected_usage_ ||
                   change.max_output || renames;
    if (changes) copy_ = provider::rewrite(call.body, shape, quirks, change);
}

}  // namespace weir::gateway
