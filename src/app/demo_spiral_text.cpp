#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/demo_spiral.h"

namespace weir::app {
namespace {

std::string over_text(Money spent, Money amount) {
    if (spent <= amount) return "none";
    Money over = spent - amount;
    auto percent = static_cast<std::int64_t>(over.pico() * 1000 / amount.pico());
    return fmt::format("${} ({}.{} %)", over.to_usd(4), percent / 10, percent % 10);
}

std::string indented(const std::string& json) {
    auto value = nlohmann::ordered_json::parse(json, nullptr, false);
    std::string text = value.is_discarded() ? json : value.dump(2);
    std::string out = "    ";
    for (char c : text) {
        out += c;
        if (c == '\n') out += "    ";
    }
    return out + "\n";
}

std::string agents_text(int agents) {
    return agents == 1 ? std::string{"an agent"} : fmt::format("{} agents", agents);
}

std::string row(std::string_view name, const SpiralFigures& f, Money amount) {
    return fmt::format("  {:<22}{:>9}{:>9}   {:<10}   {}\n", name, f.answered, f.refused,
                       "$" + f.spent.to_usd(4), over_text(f.spent, amount));
}

}  // namespace

std::string spiral_text(const SpiralOptions& options, const SpiralOutcome& outcome) {
    const SpiralFigures& weir = outcome.weir;
    std::string out = fmt::format(
        "weir demo spiral — a tool that always fails, {} that never give{} up, ${} for the "
        "ticket\n\n",
        agents_text(options.agents), options.agents == 1 ? "s" : "", outcome.amount.to_usd());
    out += fmt::format(
        "  {} calls answered, the first for ${}, the last for ${}; then the budget held.\n"
        "  What the agent was told: HTTP {}\n",
        weir.answered, weir.first_cost.to_usd(4), weir.last_cost.to_usd(4), weir.refusal.status);
    out += indented(weir.refusal.body);
    out += fmt::format(
        "\n  The ledger, to the pico-dollar\n"
        "    budget     ${}\n"
        "    settled    ${}\n"
        "    held       ${}\n"
        "    left       ${}: less than the most that a further call could cost\n"
        "    overshoot  {}\n",
        outcome.amount.to_usd(), weir.spent.to_usd(), weir.held.to_usd(),
        (outcome.amount - weir.spent).to_usd(), over_text(weir.spent, outcome.amount));
    if (options.with_twin) {
        out += fmt::format("\n  {:<22}{:>9}{:>9}   {:<10}   {}\n", "", "answered", "refused",
                           "spent", "overshoot");
        out += row("weir", weir, outcome.amount);
        out += row("counted afterwards", outcome.twin, outcome.amount);
        if (weir.waited > 0) {
            out +=
                fmt::format("  (weir told {} calls to wait, while calls in flight held the rest)\n",
                            weir.waited);
        }
    }
    out +=
        "\n  To let it go on, whoever owns the budget gives it more for a while:\n"
        "    weir budgets raise ticket +5 --until friday --reason 'ticket 4711'\n";
    return out;
}

}  // namespace weir::app
