// Events in words: short enough for a phone, with the figures and the next step.
#include <fmt/core.h>

#include "telemetry/webhook.h"

namespace weir::telemetry {
namespace {

// Cents, or what is below a dollar to the millionth; the event itself has the pico-dollars.
std::string dollars(Int128 pico) {
    constexpr Int128 kCent = 10'000'000'000;
    constexpr Int128 kMillionth = 1'000'000;
    if (pico < 100 * kCent) {
        return "$" + Money::from_pico(pico / kMillionth * kMillionth).to_usd();
    }
    const Int128 cents = (pico + kCent / 2) / kCent;
    return fmt::format("${}.{:02}", to_string(cents / 100), static_cast<int>(cents % 100));
}

std::string quantity(core::BudgetUnit unit, Int128 value) {
    if (unit == core::BudgetUnit::usd) return dollars(value);
    return fmt::format("{} {}", to_string(value), core::budget_unit_name(unit));
}

// "budget ticket of support/t-4711"
std::string subject(const store::Event& event) {
    std::string out = "budget " + event.budget;
    return event.instance.empty() ? out : out + " of " + event.instance;
}

std::string until_reset(const store::Event& event) {
    if (!event.has_end()) return "";
    return fmt::format(", until {}", to_rfc3339(UnixTime::from_seconds(event.window.end)));
}

std::string raise_advice(const store::Event& event) {
    return fmt::format(
        "More for a while: weir budgets raise {} +AMOUNT{} --until DATE --reason TEXT",
        event.budget, event.instance.empty() ? "" : " --instance " + event.instance);
}

std::string used(const store::Event& event) {
    return fmt::format("{} of {}", quantity(event.unit, event.settled),
                       quantity(event.unit, event.amount));
}

std::string why(const store::Event& event) {
    return event.call ? fmt::format("The call: weir why {}", event.call->text()) : "";
}

}  // namespace

EventText event_text(const store::Event& event) {
    using enum store::EventKind;
    switch (event.kind) {
        case alert:
            return {fmt::format("{} % of {} are used: {}{}", event.percent, subject(event),
                                used(event), until_reset(event)),
                    raise_advice(event)};
        case exhausted: {
            const std::string held =
                event.held > 0 ? fmt::format(", {} held", quantity(event.unit, event.held)) : "";
            return {fmt::format("{} is exhausted: {} used{}{}", subject(event), used(event), held,
                                until_reset(event)),
                    raise_advice(event)};
        }
        case reset:
            return {fmt::format("{} has begun a new {}: {} to use", subject(event),
                                core::window_name(event.window_kind),
                                quantity(event.unit, event.amount)),
                    ""};
        case overrun:
            return {fmt::format("A provider billed more than could be bounded: {} above the hold "
                                "of a call in {}",
                                quantity(event.unit, event.overrun), subject(event)),
                    why(event)};
        case orphan:
            return {fmt::format("{} {} of a start that died {} charged at {} until there is proof: "
                                "{}{}",
                                event.calls, event.calls == 1 ? "call" : "calls",
                                event.calls == 1 ? "is" : "are",
                                event.calls == 1 ? "its bound" : "their bounds",
                                quantity(core::BudgetUnit::usd, event.settled),
                                event.team.empty() ? "" : " of " + event.team),
                    "They are listed by: weir ledger orphans"};
        case test:
            return {"A test: this webhook is reached", ""};
    }
    return {};
}

}  // namespace weir::telemetry
