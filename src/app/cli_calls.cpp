#include <CLI/CLI.hpp>
#include <array>
#include <fmt/format.h>
#include <map>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

constexpr std::array<const char*, 13> kDimensions = {
    "team", "application", "environment", "task_type", "agent",    "user", "customer",
    "goal", "trajectory",  "version",     "key",       "provider", "model"};

struct ListOptions {
    std::map<std::string, std::string> where;
    std::string asked_model;
    std::string state;
    std::string since;
    std::string until;
    bool errors = false;
    bool unproven = false;
    std::int64_t limit = 20;
    std::string after;
    bool follow = false;
    std::int64_t count = 0;
};

void add_list_options(CLI::App& app, const std::shared_ptr<ListOptions>& o) {
    app.add_flag("-f,--follow", o->follow, "Go on and print calls as they end");
    app.add_option("--count", o->count, "With --follow: stop after so many")->type_name("N");
    app.add_option("-n,--limit", o->limit, "At most so many")
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--after", o->after, "Go on where an earlier page ended")->type_name("PLACE");
    app.add_option("--since", o->since, "A date, a time, or ago: 30m, 2h, 7d")->type_name("WHEN");
    app.add_option("--until", o->until, "The same, exclusive")->type_name("WHEN");
    app.add_flag("--errors", o->errors, "Failed and refused ones only");
    app.add_flag("--unproven", o->unproven, "Those charged at their bound, until proof");
    app.add_option("--state", o->state, "open, settled, released, unknown, orphaned or refused");
    for (const char* name : kDimensions) {
        std::string option = name;
        std::ranges::replace(option, '_', '-');
        app.add_option("--" + option, o->where[name])->group("Only calls of");
    }
    app.add_option("--asked-model", o->asked_model, "Model that the caller named")
        ->group("Only calls of");
}

Result<QueryPairs> pairs_of(const ListOptions& o) {
    QueryPairs pairs(o.where.begin(), o.where.end());
    pairs.emplace_back("asked_model", o.asked_model);
    pairs.emplace_back("state", o.state);
    if (o.errors) pairs.emplace_back("errors", "true");
    if (o.unproven) pairs.emplace_back("unproven", "true");
    const UnixTime now = present();
    for (const auto& [name, text] : {std::pair{"from", o.since}, std::pair{"until", o.until}}) {
        if (text.empty()) continue;
        const Result<UnixTime> at = parse_past(text, now);
        if (!at) return std::unexpected(at.error());
        pairs.emplace_back(name, to_rfc3339(*at));
    }
    return pairs;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

// What a person wants to see first: did it work, and what did it cost.
std::vector<std::string> cells_of(const Json& call) {
    const std::string state = text_of(call, "state");
    const bool over = state != "open" && state != "refused";
    std::string cost = over ? money_text(text_of(call, "cost_usd")) : "-";
    if (state == "unknown" || state == "orphaned") {
        cost = "≤ " + money_text(text_of(call, "charge_usd"));
    }
    if (call.value("unpriced", false)) cost += " unpriced";
    const std::int64_t status = number_of(call, "http_status");
    const std::string error = text_of(call, "error");
    std::string result = error.empty() ? state : error;
    if (status != 0) result = fmt::format("{} {}", status, result);
    std::string id = text_of(call, "call");
    if (number_of(call, "attempt") > 1) id += fmt::format(".{}", number_of(call, "attempt"));
    return {time_text(text_of(call, "at")),
            id,
            or_dash(text_of(call, "team")),
            or_dash(text_of(call, "application")),
            or_dash(text_of(call, "model").empty() ? text_of(call, "asked_model")
                                                   : text_of(call, "model")),
            count_text(number_of(call, "input_tokens")),
            count_text(number_of(call, "output_tokens")),
            cost,
            over ? micros_text(number_of(call, "total_us")) : "-",
            result};
}

Table call_table() {
    using enum Table::Align;
    return Table({{"TIME (UTC)"},
                  {"CALL"},
                  {"TEAM"},
                  {"APPLICATION"},
                  {"MODEL"},
                  {"IN", right},
                  {"OUT", right},
                  {"COST", right},
                  {"TOOK", right},
                  {"RESULT"}});
}

Result<int> list(CliContext& context, const ListOptions& o, AdminClient& client) {
    Result<QueryPairs> pairs = pairs_of(o);
    if (!pairs) return std::unexpected(std::move(pairs).error());
    pairs->emplace_back("limit", std::to_string(o.limit));
    pairs->emplace_back("after", o.after);
    Result<Json> page = client.get("/calls" + query_of(*pairs));
    if (!page) return std::unexpected(std::move(page).error());
    if (context.json) {
        print_json(context.out, *page);
        return kExitDone;
    }
    if (!page->value("complete", true)) {
        context.err << "weir: the bookkeeper is behind, so the latest calls may be missing; "
                       "Weir's log says why\n";
    }
    Table table = call_table();
    for (const Json& call : (*page)["calls"]) table.add(cells_of(call));
    context.out << (table.empty() ? "no calls\n" : table.text());
    if ((*page)["next"].is_string()) {
        context.out << fmt::format("(more: --after {})\n", text_of(*page, "next"));
    }
    return kExitDone;
}

// One line a call: a table whose widths are guessed once, since rows come one by one.
void print_followed(CliContext& context, const Json& call) {
    if (context.json) {
        context.out << call.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
        return;
    }
    const std::vector<std::string> c = cells_of(call);
    context.out << fmt::format(
                       "{}  {}  {:<12}  {:<12}  {:<24}  {:>7} in {:>6} out  {:>11}  {:>8}  {}",
                       c[0], c[1], printable(c[2]), printable(c[3]), printable(c[4]), c[5], c[6],
                       c[7], c[8], printable(c[9]))
                << std::endl;
}

Result<int> follow(CliContext& context, const ListOptions& o, AdminClient& client) {
    constexpr Duration kPause = std::chrono::milliseconds{300};
    Result<QueryPairs> pairs = pairs_of(o);
    if (!pairs) return std::unexpected(std::move(pairs).error());
    QueryPairs ask = *pairs;
    std::int64_t seen = 0;
    for (;;) {
        Result<Json> news = client.get("/calls/follow" + query_of(ask));
        if (!news) return std::unexpected(std::move(news).error());
        for (const Json& call : (*news)["calls"]) {
            print_followed(context, call);
            if (o.count > 0 && ++seen >= o.count) return kExitDone;
        }
        if (!context.out.good()) return kExitDone;  // nobody reads any more
        ask = *pairs;
        ask.emplace_back("place", text_of(*news, "place"));
        if ((*news)["calls"].empty()) client.wait(kPause);
    }
}

void add_call_show(CLI::App& calls, CliContext& context) {
    auto id = std::make_shared<std::string>();
    CLI::App* app = calls.add_subcommand("show", "Show all that is known of one call");
    app->add_option("call", *id, "As in x-weir-call-id")->required()->type_name("ID");
    app->footer(
        "Prints the JSON of the ledger's entry. `weir why` tells the same in sentences.\n\n"
        "Example:\n  weir calls show call_00000000000000000001");
    asks(*app, context, [&context, id](AdminClient& client) -> Result<int> {
        Result<Json> call = client.get("/calls/" + segment(*id));
        if (!call) return std::unexpected(std::move(call).error());
        print_json(context.out, *call);
        return kExitDone;
    });
}

}  // namespace

void add_calls_commands(CLI::App& app, CliContext& context) {
    auto o = std::make_shared<ListOptions>();
    const auto run = [&context, o](AdminClient& client) {
        return o->follow ? follow(context, *o, client) : list(context, *o, client);
    };
    CLI::App* calls = app.add_subcommand("calls", "List calls, follow them live, show one");
    calls->require_subcommand(0, 1);
    add_list_options(*calls, o);
    asks(*calls, context, run);
    calls->footer(
        "Examples:\n"
        "  weir calls --follow\n"
        "  weir calls list --team support --since 2h --errors\n"
        "  weir calls list --trajectory ticket-4711 --json");
    CLI::App* listing = calls->add_subcommand("list", "List calls, latest first");
    add_list_options(*listing, o);
    asks(*listing, context, run);
    listing->footer(
        "Examples:\n"
        "  weir calls list --since 2026-11-24 --model gpt-6-luna\n"
        "  weir calls list --unproven");
    add_call_show(*calls, context);
}

}  // namespace weir::app
