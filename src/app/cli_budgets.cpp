#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

std::string amount_text(const Json& object, const char* name, const std::string& unit) {
    const std::string text = text_of(object, name);
    return unit == "usd" ? money_text(text) : text;
}

std::string kind_of(const Json& budget) {
    if (text_of(budget, "mode") == "observe") return "observed only";
    const std::string block = text_of(budget, "block_at");
    if (block == "never") return "alert only";
    const std::string by = text_of(budget, "by");
    return block == "100" || by == "trajectory" || by == "goal" ? "hard"
                                                                : "hard outside production";
}

// "environment=staging", "team=a|b"
std::string where_text(const Json& budget) {
    std::string out;
    for (const auto& [name, values] : budget["where"].items()) {
        out += (out.empty() ? "" : " ") + name + "=";
        for (std::size_t i = 0; i < values.size(); ++i) {
            out += (i == 0 ? "" : "|") + values[i].get<std::string>();
        }
    }
    return out.empty() ? "all calls" : out;
}

// "", or " (research $20000)"
std::string except_text(const Json& budget, const std::string& unit) {
    std::string out;
    for (const auto& [instance, amount] : budget["except"].items()) {
        out += fmt::format("{}{} {}", out.empty() ? " (" : ", ", instance,
                           amount_text(budget["except"], instance.c_str(), unit));
    }
    return out.empty() ? out : out + ")";
}

std::string terms_line(const Json& budget) {
    const std::string unit = text_of(budget, "unit");
    const std::string by = text_of(budget, "by");
    return fmt::format("{}: {}{} a {}{}{}, of {}; {}", text_of(budget, "name"),
                       amount_text(budget, "amount", unit), unit == "usd" ? "" : " " + unit,
                       text_of(budget, "window"), by.empty() ? "" : " for each " + by,
                       except_text(budget, unit), where_text(budget), kind_of(budget));
}

std::string figures_table(const Json& budget) {
    using enum Table::Align;
    const std::string unit = text_of(budget, "unit");
    Table table({{"    INSTANCE"},
                 {"USED", right},
                 {"HELD", right},
                 {"REMAINING", right},
                 {"OVERRUN", right},
                 {"RESETS (UTC)"}});
    for (const Json& f : budget["instances"]) {
        const std::string instance = text_of(f, "instance");
        table.add(
            {"    " + (instance.empty() ? "(all)" : instance), amount_text(f, "used", unit),
             amount_text(f, "held", unit), amount_text(f, "remaining", unit),
             amount_text(f, "overrun", unit),
             f["window"]["end"].is_string() ? time_text(text_of(f["window"], "end")) : "never"});
    }
    if (table.empty()) return "    nothing spent in the present window\n";
    std::string out = table.text();
    const std::int64_t more = number_of(budget, "instances_total") -
                              static_cast<std::int64_t>(budget["instances"].size());
    if (more > 0) out += fmt::format("    ({} more: --limit)\n", more);
    return out;
}

void print_budget(std::ostream& out, const Json& budget) {
    out << printable(terms_line(budget)) << "\n" << figures_table(budget);
}

}  // namespace

void add_budgets_commands(CLI::App& app, CliContext& context) {
    struct Options {
        std::string name;
        std::string instance;
        std::int64_t limit = 20;
    };
    auto o = std::make_shared<Options>();
    CLI::App* budgets =
        app.add_subcommand("budgets", "Show budgets: what is used, held and left of each, now");
    budgets->add_option("name", o->name, "This budget only")->type_name("NAME");
    budgets->add_option("--instance", o->instance, "This value of its `by` only")
        ->type_name("VALUE");
    budgets->add_option("-n,--limit", o->limit, "Instances of each budget, the fullest first")
        ->type_name("N")
        ->capture_default_str();
    budgets->footer(
        "Budgets are set in weir.yaml; `weir check` says what each of them does.\n\n"
        "Examples:\n  weir budgets\n  weir budgets ticket --limit 100");
    asks(*budgets, context, [&context, o](AdminClient& client) -> Result<int> {
        const std::string query =
            query_of({{"instance", o->instance}, {"limit", std::to_string(o->limit)}});
        const bool one = !o->name.empty();
        Result<Json> answer =
            client.get((one ? "/budgets/" + segment(o->name) : std::string{"/budgets"}) + query);
        if (!answer) return std::unexpected(std::move(answer).error());
        if (context.json) {
            print_json(context.out, *answer);
        } else if (one) {
            print_budget(context.out, *answer);
        } else {
            for (const Json& budget : (*answer)["budgets"]) print_budget(context.out, budget);
            if ((*answer)["budgets"].empty()) {
                context.out << "no budgets: nothing is held back; set some in weir.yaml\n";
            }
        }
        return kExitDone;
    });
}

}  // namespace weir::app
