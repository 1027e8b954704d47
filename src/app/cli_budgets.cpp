#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/cli_budget_terms.h"
#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

// A line for each raise that is not over: "    +$5 until 2026-12-04 00:00:00, by ops: incident"
std::string raise_lines(const Json& budget) {
    const std::string unit = text_of(budget, "unit");
    const std::string now = to_rfc3339(present());
    std::string out;
    for (const Json& raise : budget["raises"]) {
        if (text_of(raise, "until") <= now) continue;
        const std::string instance = text_of(raise, "instance");
        out += printable(fmt::format(
                   "    +{}{} until {}, by {}: {}", amount_text(raise, "amount", unit),
                   instance.empty() ? "" : " for " + instance, time_text(text_of(raise, "until")),
                   text_of(raise, "actor"), text_of(raise, "reason"))) +
               "\n";
    }
    return out;
}

// "$12.50", "–" where the books cannot tell.
std::string burn_text(const Json& figures, const std::string& unit) {
    return text_of(figures, "burn_per_day").empty() ? "–"
                                                    : amount_text(figures, "burn_per_day", unit);
}

// "3.25"; "not at this rate" where the window ends first; "–" where nothing is being spent.
std::string days_left_text(const Json& figures) {
    const std::string days = text_of(figures, "days_left");
    if (!days.empty()) return days;
    const std::string burn = text_of(figures, "burn_per_day");
    return burn.find_first_of("123456789") == std::string::npos ? "–" : "not at this rate";
}

std::string figures_table(const Json& budget) {
    using enum Table::Align;
    const std::string unit = text_of(budget, "unit");
    Table table({{"    INSTANCE"},
                 {"USED", right},
                 {"HELD", right},
                 {"REMAINING", right},
                 {"OVERRUN", right},
                 {"BURN A DAY", right},
                 {"DAYS LEFT", right},
                 {"RESETS (UTC)"}});
    for (const Json& f : budget["instances"]) {
        const std::string instance = text_of(f, "instance");
        table.add(
            {"    " + (instance.empty() ? "(all)" : instance), amount_text(f, "used", unit),
             amount_text(f, "held", unit), amount_text(f, "remaining", unit),
             amount_text(f, "overrun", unit), burn_text(f, unit), days_left_text(f),
             f["window"]["end"].is_string() ? time_text(text_of(f["window"], "end")) : "never"});
    }
    if (table.empty()) return "    nothing spent in the present window\n";
    std::string out = table.text();
    const std::int64_t more = number_of(budget, "instances_total") -
                              static_cast<std::int64_t>(budget["instances"].size());
    if (more > 0) out += fmt::format("    ({} more, less tight: --limit)\n", more);
    return out;
}

void print_budget(std::ostream& out, const Json& budget) {
    out << printable(terms_line(budget)) << "\n" << raise_lines(budget) << figures_table(budget);
}

void add_budget_set(CLI::App& budgets, CliContext& context) {
    auto o = std::make_shared<BudgetTerms>();
    CLI::App* set = budgets.add_subcommand("set", "Make a budget, or give it these terms");
    set->add_option("name", o->name, "Its name")->required()->type_name("NAME");
    add_terms(*set, *o, true);
    set->footer(
        "It counts from the start of its window, from the ledger, and a change resets nothing. "
        "Budgets\nof weir.yaml are changed there.\n\nExamples:\n  weir budgets set sandbox --where "
        "environment=sandbox --by user --usd 20 --window week\n  weir budgets set tickets --by "
        "trajectory --calls 60 --window total");
    asks(*set, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> body = terms_body(*o);
        if (!body) return std::unexpected(std::move(body).error());
        Result<Json> kept = client.put("/budgets/" + segment(o->name), *body);
        if (!kept) return std::unexpected(std::move(kept).error());
        context.json ? print_json(context.out, *kept)
                     : void(context.out << printable(terms_line(*kept)) << "\n");
        return kExitDone;
    });
}

void add_budget_remove(CLI::App& budgets, CliContext& context) {
    auto name = std::make_shared<std::string>();
    CLI::App* remove = budgets.add_subcommand("remove", "Remove a budget that `set` made");
    remove->add_option("name", *name, "Its name")->required()->type_name("NAME");
    remove->footer("Made again in its window it finds what was spent.");
    asks(*remove, context, [&context, name](AdminClient& client) -> Result<int> {
        Result<Json> gone = client.remove("/budgets/" + segment(*name));
        if (!gone) return std::unexpected(std::move(gone).error());
        context.json ? print_json(context.out, *gone)
                     : void(context.out << "removed " << printable(*name) << "\n");
        return kExitDone;
    });
}

void add_budget_raise(CLI::App& budgets, CliContext& context) {
    struct Options {
        std::string name;
        std::string amount;
        std::string until;
        std::string instance;
        std::string reason;
        bool end = false;
    };
    auto o = std::make_shared<Options>();
    CLI::App* raise = budgets.add_subcommand("raise", "Give more of a budget for a while");
    raise->add_option("name", o->name, "Its name")->required()->type_name("NAME");
    auto* amount =
        raise->add_option("amount", o->amount, "How much more, in its unit: +5")->type_name("+N");
    raise
        ->add_option("--until", o->until,
                     "A date, a time, the end of a day (friday), or from now: 2h")
        ->type_name("WHEN");
    raise->add_option("--reason", o->reason, "Why; goes to the audit log")->type_name("TEXT");
    raise->add_option("--instance", o->instance, "For this value of its `by` only")
        ->type_name("VALUE");
    raise->add_flag("--end", o->end, "End all its raises now")->excludes(amount);
    raise->footer(
        "It ends by itself. Who waits in line is let in at once.\n\nExamples:\n  weir budgets "
        "raise "
        "ticket +5 --until friday --reason \"incident 4711\"\n  weir budgets raise staging +200 "
        "--instance research --until 2h --reason \"load test\"\n  weir budgets raise ticket --end");
    asks(*raise, context, [&context, o](AdminClient& client) -> Result<int> {
        const std::string path = "/budgets/" + segment(o->name) + "/raises";
        Result<Json> budget = Json{};
        if (o->end) {
            budget = client.remove(path);
        } else {
            if (o->amount.empty() || o->until.empty() || o->reason.empty()) {
                return fail(ErrorCode::invalid_parameter,
                            "A raise has an amount (+5), --until and --reason.");
            }
            const Result<UnixTime> until = parse_future(o->until, present());
            if (!until) return std::unexpected(until.error());
            Json body{{"amount", o->amount.substr(o->amount.starts_with('+') ? 1 : 0)},
                      {"until", to_rfc3339(*until)},
                      {"reason", o->reason}};
            if (!o->instance.empty()) body["instance"] = o->instance;
            budget = client.post(path, body);
        }
        if (!budget) return std::unexpected(std::move(budget).error());
        if (context.json) {
            print_json(context.out, *budget);
        } else {
            context.out << printable(terms_line(*budget)) << "\n" << raise_lines(*budget);
        }
        return kExitDone;
    });
}

struct ShowOptions {
    std::string name;
    std::string instance;
    std::int64_t limit = 20;
};

constexpr const char* kRates =
    "BURN A DAY is what was spent over the last 24 hours (since the window began, where that is "
    "shorter),\nper day; DAYS LEFT is how long the rest lasts at that rate, within the window. "
    "Tightest first.\n\n";

void add_limit(CLI::App& app, std::int64_t& limit) {
    app.add_option("-n,--limit", limit, "Instances of each budget, the tightest first")
        ->type_name("N")
        ->capture_default_str();
}

Result<int> list_budgets(CliContext& context, const ShowOptions& o, AdminClient& client) {
    Result<Json> answer = client.get("/budgets" + query_of({{"limit", std::to_string(o.limit)}}));
    if (!answer) return std::unexpected(std::move(answer).error());
    if (context.json) {
        print_json(context.out, *answer);
        return kExitDone;
    }
    for (const Json& budget : (*answer)["budgets"]) print_budget(context.out, budget);
    if ((*answer)["budgets"].empty()) {
        context.out << "no budgets: nothing is held back; see `weir budgets set --help`\n";
    }
    return kExitDone;
}

void add_budget_show(CLI::App& budgets, CliContext& context) {
    auto o = std::make_shared<ShowOptions>();
    CLI::App* show = budgets.add_subcommand("show", "Show one budget, or one instance of it");
    show->add_option("name", o->name, "Its name")->required()->type_name("NAME");
    show->add_option("instance", o->instance, "A value of its `by`; trajectories are TEAM/ID")
        ->type_name("INSTANCE");
    add_limit(*show, o->limit);
    show->footer(std::string{kRates} +
                 "Examples:\n  weir budgets show ticket --limit 100\n  weir budgets show ticket "
                 "support/ticket-4711");
    asks(*show, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> answer =
            client.get("/budgets/" + segment(o->name) +
                       query_of({{"instance", o->instance}, {"limit", std::to_string(o->limit)}}));
        if (!answer) return std::unexpected(std::move(answer).error());
        context.json ? print_json(context.out, *answer) : print_budget(context.out, *answer);
        return kExitDone;
    });
}

}  // namespace

void add_budgets_commands(CLI::App& app, CliContext& context) {
    auto o = std::make_shared<ShowOptions>();
    const auto list = [&context, o](AdminClient& client) {
        return list_budgets(context, *o, client);
    };
    CLI::App* budgets = app.add_subcommand(
        "budgets", "List budgets and what is left of them; show, set, raise and remove them");
    budgets->require_subcommand(0, 1);
    add_limit(*budgets, o->limit);
    asks(*budgets, context, list);
    budgets->footer(
        "Budgets are set in weir.yaml, or by `weir budgets set`; `weir check` says what those of "
        "the\nfile do.\n\nExamples:\n  weir budgets\n  weir budgets show ticket "
        "support/ticket-4711");
    CLI::App* listing =
        budgets->add_subcommand("list", "List budgets: used, held, left, and how fast it goes");
    add_limit(*listing, o->limit);
    asks(*listing, context, list);
    listing->footer(std::string{kRates} + "Example:\n  weir budgets list --limit 5");
    add_budget_show(*budgets, context);
    add_budget_set(*budgets, context);
    add_budget_remove(*budgets, context);
    add_budget_raise(*budgets, context);
    add_budget_simulate(*budgets, context);
}

}  // namespace weir::app
