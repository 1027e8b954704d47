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

std::string terms_line(const Json& budget) {
    const std::string unit = text_of(budget, "unit");
    const std::string by = text_of(budget, "by");
    return fmt::format("{}: {}{} a {}{}{}, of {}; {}", text_of(budget, "name"),
                       amount_text(budget, "amount", unit), unit == "usd" ? "" : " " + unit,
                       text_of(budget, "window"), by.empty() ? "" : " for each " + by,
                       except_text(budget, unit), where_text(budget), text_of(budget, "kind"));
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

struct Terms {
    std::string name;
    std::vector<std::string> where;
    std::string by;
    std::string usd;
    std::optional<std::int64_t> tokens;
    std::optional<std::int64_t> calls;
    std::optional<std::int64_t> repeats;
    std::optional<std::int64_t> attempts;
    std::vector<std::string> except;
    std::string window;
    std::optional<std::int64_t> alert_at;
    std::string block_at;
    std::string clamp;
    bool observe = false;
};

// "environment=staging" of each: name and value.
Result<std::pair<std::string, std::string>> pair_of(const std::string& text, const char* form) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
        return fail(ErrorCode::invalid_parameter, fmt::format("'{}' is not {}.", text, form));
    }
    return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

Result<Json> terms_body(const Terms& terms) {
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

void add_budget_set(CLI::App& budgets, CliContext& context) {
    auto o = std::make_shared<Terms>();
    CLI::App* set = budgets.add_subcommand("set", "Make a budget, or give it these terms");
    set->add_option("name", o->name, "Its name")->required()->type_name("NAME");
    set->add_option("--where", o->where, "What it counts; one dimension again: either value")
        ->type_name("DIMENSION=VALUE")
        ->allow_extra_args(false);
    set->add_option("--by", o->by, "One instance for each value")->type_name("DIMENSION");
    auto* amount = set->add_option_group("amount", "How much: one of these");
    amount->add_option("--usd", o->usd, "Dollars, exact: 0.05 or 50000")->type_name("AMOUNT");
    amount->add_option("--tokens", o->tokens, "Tokens")->type_name("N");
    amount->add_option("--calls", o->calls, "Client calls")->type_name("N");
    amount->add_option("--repeats", o->repeats, "Client calls that were made before")
        ->type_name("N");
    amount->add_option("--attempts", o->attempts, "Tries at a provider")->type_name("N");
    amount->require_option(1);
    set->add_option("--except", o->except, "A value of --by with an amount of its own")
        ->type_name("VALUE=AMOUNT")
        ->allow_extra_args(false);
    set->add_option("--window", o->window, "hour, day, week, month (usual), quarter or total")
        ->type_name("WINDOW");
    set->add_option("--alert-at", o->alert_at, "Percent at which it alerts: 80")->type_name("N");
    set->add_option("--block-at", o->block_at, "100: in every environment; never; by_environment")
        ->type_name("WHEN");
    set->add_option("--clamp", o->clamp, "off, rare, tail (usual) or always")->type_name("HOW");
    set->add_flag("--observe", o->observe, "Decided and recorded, not applied");
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
}

}  // namespace weir::app
