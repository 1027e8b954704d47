#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "admin/budget_fields.h"
#include "app/apply_file.h"
#include "app/cli_budget_terms.h"
#include "app/cli_family.h"
#include "app/cli_text.h"
#include "app/small_file.h"

namespace weir::app {
namespace {

// Longer than the API takes for it at most.
constexpr Duration kPatience = std::chrono::seconds{150};

struct SimulateOptions {
    BudgetTerms terms;
    std::string from = "30d";
    std::string until;
    std::string file;
    std::string prices;
    bool only = false;
    std::int64_t limit = 10;
};

Result<Json> given_budgets(const SimulateOptions& o) {
    Json budgets = Json::object();
    if (!o.file.empty()) {
        Result<std::string> text = read_file(o.file);
        if (!text) return std::unexpected(std::move(text).error());
        auto specs = parse_budgets(*text, o.file);
        if (!specs) return std::unexpected(std::move(specs).error());
        for (const core::BudgetSpec& spec : *specs) {
            budgets[spec.name] = admin::budget_terms_body(spec);
        }
    }
    Result<Json> body = terms_body(o.terms);
    if (!body) return std::unexpected(std::move(body).error());
    const bool named = !o.terms.name.empty();
    if (named ? !has_amount(o.terms) : !body->empty()) {
        return fail(ErrorCode::invalid_parameter,
                    "A budget is typed as NAME with an amount: tickets --by trajectory --usd 2.");
    }
    if (named) budgets[o.terms.name] = std::move(*body);
    return budgets;
}

Result<Json> question_of(const SimulateOptions& o) {
    const Result<UnixTime> from = parse_past(o.from, present());
    if (!from) return std::unexpected(from.error());
    Json body = {{"from", to_rfc3339(*from)}, {"limit", o.limit}};
    if (!o.until.empty()) {
        const Result<UnixTime> until = parse_past(o.until, present());
        if (!until) return std::unexpected(until.error());
        body["until"] = to_rfc3339(*until);
    }
    Result<Json> budgets = given_budgets(o);
    if (!budgets) return std::unexpected(std::move(budgets).error());
    body["budgets"] = std::move(*budgets);
    if (o.only) body["only"] = true;
    if (!o.prices.empty()) {
        Result<std::string> text = read_file(o.prices);
        if (!text) return std::unexpected(std::move(text).error());
        body["prices"] = std::move(*text);
    }
    return body;
}

std::string calls_text(const Json& count) { return count_text(number_of(count, "calls")); }
std::string cost_text(const Json& count) { return money_text(text_of(count, "cost_usd")); }

std::string instances_table(const Json& budget) {
    using enum Table::Align;
    Table table({{"    INSTANCE"},
                 {"ALERTED (UTC)"},
                 {"REACHED (UTC)"},
                 {"REFUSED FROM (UTC)"},
                 {"CALLS", right},
                 {"USD", right},
                 {"AFTER", right},
                 {"USD", right}});
    for (const Json& i : budget["instances"]) {
        const std::string instance = text_of(i, "instance");
        table.add({"    " + (instance.empty() ? "(all)" : instance),
                   time_text(text_of(i, "alerted_at")), time_text(text_of(i, "reached_at")),
                   time_text(text_of(i, "refused_at")), calls_text(i["refused"]),
                   cost_text(i["refused"]), calls_text(i["after"]), cost_text(i["after"])});
    }
    if (table.empty()) return "    nothing would have come of it\n";
    std::string out = table.text();
    const std::int64_t more = number_of(budget, "instances_total") -
                              static_cast<std::int64_t>(budget["instances"].size());
    if (more > 0) out += fmt::format("    ({} more: --limit)\n", more);
    return out;
}

// "    refused by team: research 40 calls, $12.00; support 2 calls, $0.50"
std::string teams_line(const Json& budget) {
    std::string out;
    for (const Json& team : budget["by_team"]) {
        const std::string name = text_of(team, "team");
        out += fmt::format("{}{} {} calls, {}", out.empty() ? "    refused by team: " : "; ",
                           name.empty() ? "(none)" : name, calls_text(team), cost_text(team));
    }
    return out;
}

void print_report(std::ostream& out, const Json& report) {
    out << fmt::format(
        "{} to {} UTC: {} calls, {}\n  refused     {} calls, {} not spent\n  after       {} calls, "
        "{}: later in trajectories that were refused a call\n  waited      {} calls\n",
        time_text(text_of(report, "from")), time_text(text_of(report, "until")),
        calls_text(report["seen"]), cost_text(report["seen"]), calls_text(report["refused"]),
        cost_text(report["refused"]), calls_text(report["after"]), cost_text(report["after"]),
        count_text(number_of(report, "waited")));
    if (number_of(report["passing"], "calls") > 0) {
        out << fmt::format("  passing     {} calls that were refused then, {} at most\n",
                           calls_text(report["passing"]),
                           money_text(text_of(report["passing"], "bound_usd")));
    }
    if (number_of(report, "unpriced_attempts") > 0) {
        out << fmt::format("  unpriced    {} attempts that these prices do not know\n",
                           count_text(number_of(report, "unpriced_attempts")));
    }
    for (const Json& budget : report["budgets"]) {
        out << "\n" << printable(terms_line(budget)) << "\n";
        if (!budget["by_team"].empty()) out << printable(teams_line(budget)) << "\n";
        out << instances_table(budget);
    }
    out << "\n";
    for (const Json& note : report["notes"]) out << "! " << note.get<std::string>() << "\n";
}

}  // namespace

void add_budget_simulate(CLI::App& budgets, CliContext& context) {
    auto o = std::make_shared<SimulateOptions>();
    CLI::App* app = budgets.add_subcommand(
        "simulate", "Replay the ledger under other budgets or prices: what would have happened");
    app->add_option("name", o->terms.name, "A budget to try, with the options of `set`")
        ->type_name("NAME");
    add_terms(*app, o->terms, false);
    app->add_option("-f,--file", o->file, "Budgets to try: of a weir.yaml, or for `weir apply`")
        ->type_name("FILE");
    app->add_flag("--only", o->only, "Try these alone, without the others in force");
    app->add_option("--prices", o->prices, "A catalogue, or negotiated rates, to try")
        ->type_name("FILE");
    app->add_option("--from", o->from, "A date, a time, or ago: 7d; inclusive")
        ->type_name("WHEN")
        ->capture_default_str();
    app->add_option("--until", o->until, "The same, exclusive; default: now")->type_name("WHEN");
    app->add_option("-n,--limit", o->limit, "Instances of each budget")
        ->type_name("N")
        ->capture_default_str();
    app->footer(
        "The gateway's own decisions are taken again, in the order of then, and nothing is "
        "changed. Given\nbudgets stand in the place of those in force of the same name.\n\n"
        "Examples:\n  weir budgets simulate --from 2026-11-01 --until 2026-11-27 -f weir.yaml\n"
        "  weir budgets simulate tickets --by trajectory --usd 2 --window total\n"
        "  weir budgets simulate --prices rates.yaml");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> question = question_of(*o);
        if (!question) return std::unexpected(std::move(question).error());
        Result<Json> report = client.post("/budgets/simulate", *question, kPatience);
        if (!report) return std::unexpected(std::move(report).error());
        context.json ? print_json(context.out, *report) : print_report(context.out, *report);
        return kExitDone;
    });
}

}  // namespace weir::app
