#include "gateway/answer.h"

#include <algorithm>
#include <limits>

#include "gateway/arrival.h"

namespace weir::gateway {
namespace {

constexpr Duration kSecond = std::chrono::seconds{1};

std::string quantity_text(core::BudgetUnit unit, Int128 quantity) {
    return unit == core::BudgetUnit::usd ? Money::from_pico(quantity).to_usd()
                                         : to_string(quantity);
}

std::string resets_text(core::WindowSpan window) {
    if (window.end == std::numeric_limits<std::int64_t>::max()) return {};
    return to_rfc3339(UnixTime::from_seconds(window.end));
}

// To the whole second, rounded up.
std::string instant_text(UnixTime t) {
    return to_rfc3339(UnixTime::from_seconds((t + (kSecond - Duration{1})).seconds()));
}

// "120ms", "1s", "6m0s", rounded up.
std::string duration_text(Duration d) {
    const auto whole = [&d](Duration unit) {
        return (d + unit - Duration{1}) / unit;
    };
    if (d < kSecond) return std::to_string(whole(std::chrono::milliseconds{1})) + "ms";
    const std::int64_t seconds = whole(kSecond);
    std::string out;
    if (seconds >= 3600) out += std::to_string(seconds / 3600) + "h";
    if (seconds >= 60) out += std::to_string(seconds / 60 % 60) + "m";
    return out + std::to_string(seconds % 60) + "s";
}

std::optional<provider::RateFigures> rate_figures(const core::RateVerdict& rates) {
    if (!rates.refused) return std::nullopt;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
        rates.retry_after > Duration{} ? rates.retry_after : Duration{kSecond});
    return provider::RateFigures{.limit = rates.refused->limit,
                                 .scope = rates.refused->instance,
                                 .unit = rates.refused->unit,
                                 .amount = rates.refused->amount,
                                 .retry_after_ms = wait.count()};
}

bool is_shown(const CallNotes& notes, const core::HoldPart& part) {
    if (part.refused) return true;
    const auto& budgets = notes.policy->budgets;
    auto spec = std::ranges::find(budgets, part.budget_id, &core::BudgetSpec::id);
    return spec != budgets.end() && notes.attribution != nullptr &&
           core::budget_is_shown_to(*notes.attribution, *spec, part.instance);
}

// The tightest that the key may see, or the one that refused; nullptr: there is none.
const core::HoldPart* part_to_tell(const CallNotes& notes) {
    const core::Verdict& decision = notes.decision;
    if (!decision.telling || *decision.telling >= decision.parts.size()) return nullptr;
    auto at = decision.telling;
    if (!is_shown(notes, decision.parts[*at])) {
        at = core::telling_part(
            decision, [&notes](const core::HoldPart& part) { return is_shown(notes, part); });
    }
    return at ? &decision.parts[*at] : nullptr;
}

// Rules that are watched, not applied, and would have refused the call: "ticket, interns".
void append_observed_field(std::string& out, const CallNotes& notes) {
    bool any = false;
    auto append = [&](std::string_view name) {
        out.append(any ? ", " : "x-weir-observed: ").append(name);
        any = true;
    };
    for (const core::HoldPart& part : notes.decision.parts) {
        const Int128 free = part.amount - part.settled - part.others_held;
        const bool refuses = part.live.observed && part.held > 0 && part.held > free;
        if (refuses && is_shown(notes, part)) append(budget_name(*notes.policy, part.budget_id));
    }
    if (!notes.rates.observed.empty()) append(notes.rates.observed);
    for (const std::string& rule : notes.observed) append(rule);
    if (any) out.append("\r\n");
}

// "ticket; remaining=0.41; resets=2026-12-01T00:00:00Z"
void append_budget_field(std::string& out, const CallNotes& notes) {
    const core::HoldPart* told = part_to_tell(notes);
    if (told == nullptr) return;
    const core::HoldPart& part = *told;
    Int128 own = part.held;
    if (notes.settlement && part.unit == core::BudgetUnit::usd)
        own = notes.settlement->charge.pico();
    Int128 remaining = part.amount - part.settled - part.others_held - own;
    out.append("x-weir-budget: ").append(budget_name(*notes.policy, part.budget_id));
    out.append("; remaining=").append(quantity_text(part.unit, std::max<Int128>(remaining, 0)));
    if (auto resets = resets_text(part.window); !resets.empty())
        out.append("; resets=").append(resets);
    out.append("\r\n");
}

void append_dimensions(std::string& out, std::string_view name,
                       const std::vector<core::Dimension>& dimensions) {
    if (dimensions.empty()) return;
    out.append(name).append(": ");
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
        if (i > 0) out.append(", ");
        out.append(core::dimension_name(dimensions[i]));
    }
    out.append("\r\n");
}

void append_attribution_fields(std::string& out, const CallNotes& notes) {
    if (notes.attribution == nullptr || notes.policy == nullptr) return;
    bool any = false;
    for (core::Dimension d : notes.policy->expected) {
        if (!notes.attribution->of(d).empty()) continue;
        out.append(any ? ", " : "x-weir-missing: ").append(core::dimension_name(d));
        any = true;
    }
    if (any) out.append("\r\n");
    append_dimensions(out, "x-weir-ignored", notes.attribution->ignored);
    if (const auto& t = notes.attribution->of(core::Dimension::trajectory); !t.empty()) {
        codec::append_field(out, "x-weir-trajectory", t);
    }
}

}  // namespace

void append_rate_fields(std::string& out, core::Dialect dialect, const core::RateVerdict& rates) {
    const bool anthropic = dialect == core::Dialect::anthropic;
    for (const core::RateStanding& standing : rates.standings) {
        if (standing.unit == core::RateUnit::parallel) continue;  // no SDK has a name for it
        const auto append = [&](std::string_view what, std::string_view value) {
            const std::string_view unit = core::rate_unit_name(standing.unit);
            if (anthropic) {
                out.append("anthropic-ratelimit-").append(unit).append("-").append(what);
            } else {
                out.append("x-ratelimit-").append(what).append("-").append(unit);
            }
            out.append(": ").append(value).append("\r\n");
        };
        append("limit", std::to_string(standing.amount));
        append("remaining", std::to_string(standing.remaining));
        append("reset", anthropic ? instant_text(rates.at + standing.full_in)
                                  : duration_text(standing.full_in));
    }
}

std::string_view budget_name(const core::Policy& policy, std::uint64_t id) {
    auto at = std::ranges::find(policy.budgets, id, &core::BudgetSpec::id);
    return at == policy.budgets.end() ? std::string_view{"(removed)"} : std::string_view{at->name};
}

void append_weir_fields(std::string& out, const CallNotes& notes) {
    if (!notes.id.is_null()) out.append("x-weir-call-id: ").append(notes.id.text()).append("\r\n");
    if (notes.target != nullptr) {
        const core::Target& target = *notes.target;
        if (!target.model.empty()) codec::append_field(out, "x-weir-model", target.model);
        codec::append_field(out, "x-weir-provider", target.provider->name);
    }
    if (notes.attempts > 0) {
        codec::append_field(out, "x-weir-attempts", static_cast<std::uint64_t>(notes.attempts));
    }
    if (notes.settlement) {
        out.append("x-weir-cost-usd: ").append(notes.settlement->cost.to_usd());
        if (notes.settlement->unpriced) out.append("; unpriced");
        out.append("\r\n");
    }
    if (!notes.max_output.empty()) {
        out.append("x-weir-max-output: ").append(notes.max_output).append("\r\n");
    }
    append_budget_field(out, notes);
    append_observed_field(out, notes);
    append_rate_fields(out, notes.dialect, notes.rates);
    append_attribution_fields(out, notes);
}

void append_provider_fields(std::string& out, const codec::ResponseHead& provider,
                            const CallNotes& notes) {
    codec::append_status_line(out, provider.status);
    bool named = connection_names_fields(provider.fields);
    for (const auto& field : provider.fields) {
        if (!answers_through(field.name)) continue;
        if (!notes.rates.standings.empty() && tells_a_rate(field.name)) continue;
        if (named && codec::connection_names(provider.fields, field.name)) continue;
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    }
}

Refusal refusal(const Error& error, const CallNotes& notes, bool close, bool head_only) {
    std::string id = notes.id.is_null() ? std::string{} : notes.id.text();
    std::optional<provider::RefusalFigures> figures;
    if (notes.policy != nullptr) figures = refusal_figures(notes.decision, *notes.policy);
    std::optional<provider::RateFigures> rate;
    if (error.code() == ErrorCode::rate_limited) rate = rate_figures(notes.rates);
    provider::ErrorAnswer answer =
        provider::error_answer(notes.dialect, error, id, figures ? &*figures : nullptr,
                               rate ? &*rate : nullptr, notes.client);
    Refusal out;
    out.status = answer.status;
    codec::append_status_line(out.head, answer.status);
    codec::append_field(out.head, "content-type", "application/json");
    for (const auto& [name, value] : answer.headers) codec::append_field(out.head, name, value);
    if (error.code() == ErrorCode::upgrade_required) out.head.append("upgrade: HTTP/1.1\r\n");
    append_weir_fields(out.head, notes);
    codec::append_field(out.head, "content-length", std::uint64_t{answer.body.size()});
    if (close) out.head.append("connection: close\r\n");
    out.head.append("\r\n");
    if (!head_only) out.body = std::move(answer.body);
    return out;
}

std::optional<provider::RefusalFigures> refusal_figures(const core::Verdict& verdict,
                                                        const core::Policy& policy) {
    if (!verdict.telling || *verdict.telling >= verdict.parts.size()) return std::nullopt;
    const core::HoldPart& part = verdict.parts[*verdict.telling];
    if (!part.refused) return std::nullopt;
    provider::RefusalFigures figures;
    figures.budget = budget_name(policy, part.budget_id);
    figures.scope = part.instance;
    figures.unit = part.unit;
    figures.used = quantity_text(part.unit, part.settled);
    figures.held = quantity_text(part.unit, part.others_held);
    figures.amount = quantity_text(part.unit, part.amount);
    figures.resets_at = resets_text(part.window);
    figures.what_to_do = part.unit == core::BudgetUnit::repeats
                             ? "This very call was made before: ask something else, or stop."
                         : figures.resets_at.empty()
                             ? "Ask the budget's owner to raise it."
                             : "Wait until it resets, or ask the budget's owner to raise it.";
    return figures;
}

}  // namespace weir::gateway
