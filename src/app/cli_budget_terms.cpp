#include "app/cli_budget_terms.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

// "", or " (research $20000)"
std::string except_text(const Json& budget, const std::string& unit) {
    std::string out;
    for (const auto& [instance, amount] : budget["except"].items()) {
        out += fmt::format("{}{} {}", out.empty() ? " (" : ", ", instance,
                           amount_text(budget["except"], instance.c_str(), unit));
    }
    return out.empty() ? out : out + ")";
}

// "environment=staging" of each: name and value.
Result<std::pair<std::string, std::string>> pair_of(const std::string& text, const char* form) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
        return fail(ErrorCode::invalid_parameter, fmt::format("'{}' is not {}.", text, form));
    }
    return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

std::string amount_text(const Json& object, const char* name, const std::string& unit) {
    const std::string text = text_of(object, name);
    return unit == "usd" ? money_text(text) : text;
}

std::string terms_line(const Json& budget) {
    const std::string unit = text_of(budget, "unit");
    const std::string by = text_of(budget, "by");
    const std::string where = where_text(budget["where"], " ");
    return fmt::format("{}: {}{} a {}{}{}, of {}; {}", text_of(budget, "name"),
                       amount_text(budget, "amount", unit), unit == "usd" ? "" : " " + unit,
                       text_of(budget, "window"), by.empty() ? "" : " for each " + by,
                       except_text(budget, unit), where.empty() ? "all calls" : where,
                       text_of(budget, "kind"));
}

Result<Json> terms_body(const BudgetTerms& terms) {
    Json body = Json::object();
    for (const std::string& text : terms.where) {
        const auto pair = pair_of(text, "DIMENSION=VALUE, such as environment=staging");
        if (!pair) return std::unexpected(pair.error());
        body["where"][pair->first].push_back(pair->second);
    }
    for (const std::string& text : terms.except) {
        const auto pair = pair_of(text, "VALUE=AMOUNT, such as research=20000");
        if (!pair) return std::unexpected(pair.error());
        body["except"][pair->first] = pair->second;
    }
    const auto text = [&body](const char* name, const std::string& value) {
        if (!value.empty()) body[name] = value;
    };
    text("by", terms.by);
    text("usd", terms.usd);
    text("window", terms.window);
    text("block_at", terms.block_at);
    text("clamp", terms.clamp);
    if (terms.tokens) body["tokens"] = *terms.tokens;
    if (terms.calls) body["calls"] = *terms.calls;
    if (terms.repeats) body["repeats"] = *terms.repeats;
    if (terms.attempts) body["attempts"] = *terms.attempts;
    if (terms.alert_at) body["alert_at"] = *terms.alert_at;
    if (terms.observe) body["mode"] = "observe";
    return body;
}

bool has_amount(const BudgetTerms& terms) {
    return !terms.usd.empty() || terms.tokens || terms.calls || terms.repeats || terms.attempts;
}

void add_terms(CLI::App& leaf, BudgetTerms& terms, bool needs_amount) {
    leaf.add_option("--where", terms.where, "What it counts; one dimension again: either value")
        ->type_name("DIMENSION=VALUE")
        ->allow_extra_args(false);
    leaf.add_option("--by", terms.by, "One instance for each value")->type_name("DIMENSION");
    auto* amount = leaf.add_option_group("amount", "How much: one of these");
    amount->add_option("--usd", terms.usd, "Dollars, exact: 0.05 or 50000")->type_name("AMOUNT");
    amount->add_option("--tokens", terms.tokens, "Tokens")->type_name("N");
    amount->add_option("--calls", terms.calls, "Client calls")->type_name("N");
    amount->add_option("--repeats", terms.repeats, "Client calls that were made before")
        ->type_name("N");
    amount->add_option("--attempts", terms.attempts, "Tries at a provider")->type_name("N");
    amount->require_option(needs_amount ? 1 : 0, 1);
    leaf.add_option("--except", terms.except, "A value of --by with an amount of its own")
        ->type_name("VALUE=AMOUNT")
        ->allow_extra_args(false);
    leaf.add_option("--window", terms.window, "hour, day, week, month (usual), quarter or total")
        ->type_name("WINDOW");
    leaf.add_option("--alert-at", terms.alert_at, "Percent at which it alerts: 80")->type_name("N");
    leaf.add_option("--block-at", terms.block_at,
                    "100: in every environment; never; by_environment")
        ->type_name("WHEN");
    leaf.add_option("--clamp", terms.clamp, "off, rare, tail (usual) or always")->type_name("HOW");
    leaf.add_flag("--observe", terms.observe, "Decided and recorded, not applied");
}

}  // namespace weir::app
