// `weir events` and `weir webhooks`.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

// Long enough for a receiver that answers slowly (telemetry/webhook_sender.cpp: 10 s).
constexpr int kTestWaitSeconds = 12;

std::string joined_names(const Json& names) {
    std::string out;
    for (const Json& name : names) {
        out += fmt::format("{}{}", out.empty() ? "" : ", ", name.get<std::string>());
    }
    return out;
}

void add_events(CLI::App& app, CliContext& context) {
    struct Options {
        std::string kind;
        std::string team;
        std::string budget;
        std::int64_t limit = 30;
        std::int64_t before = 0;
    };
    auto o = std::make_shared<Options>();
    CLI::App* events =
        app.add_subcommand("events", "Show what budgets had to be told of, latest first");
    events->add_option("--kind", o->kind, "alert, exhausted, reset, overrun, orphan or test");
    events->add_option("--team", o->team, "Of this team alone");
    events->add_option("--budget", o->budget, "Of this budget alone")->type_name("NAME");
    events->add_option("-n,--limit", o->limit, "At most so many")->capture_default_str();
    events->add_option("--before", o->before, "Go on where an earlier page ended")
        ->type_name("ROW");
    events->footer(
        "An alert is told when `alert_at` of a budget is used, an exhaustion at the first final "
        "refusal,\nan overrun when a provider billed more than could be bounded, an orphan when "
        "calls of a start\nthat died were ended at their bounds. Each is told once.\n\nExample:\n"
        "  weir events --kind exhausted --team support");
    asks(*events, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> page = client.get(
            "/events" + query_of({{"kind", o->kind},
                                  {"team", o->team},
                                  {"budget", o->budget},
                                  {"limit", std::to_string(o->limit)},
                                  {"before", o->before == 0 ? "" : std::to_string(o->before)}}));
        if (!page) return std::unexpected(std::move(page).error());
        if (context.json) {
            print_json(context.out, *page);
            return kExitDone;
        }
        Table table({{"TIME (UTC)"}, {"EVENT"}, {"TEAM"}, {"WHAT"}});
        for (const Json& event : (*page)["events"]) {
            table.add({time_text(text_of(event, "at")), text_of(event, "kind"),
                       text_of(event, "team"), text_of(event, "text")});
        }
        context.out << (table.empty() ? "nothing had to be told of\n" : table.text());
        if ((*page)["next"].is_number()) {
            context.out << fmt::format("(more: --before {})\n", number_of(*page, "next"));
        }
        return kExitDone;
    });
}

Result<int> show_webhooks(CliContext& context, AdminClient& client) {
    Result<Json> all = client.get("/webhooks");
    if (!all) return std::unexpected(std::move(all).error());
    if (context.json) {
        print_json(context.out, *all);
        return kExitDone;
    }
    Table table({{"WEBHOOK"},
                 {"RECEIVER"},
                 {"FORMAT"},
                 {"EVENTS"},
                 {"WHERE"},
                 {"WAITING"},
                 {"DELIVERED"},
                 {"GIVEN UP"},
                 {"LAST TRY (UTC)"},
                 {"WENT"}});
    for (const Json& w : (*all)["webhooks"]) {
        const std::string tried = text_of(w, "tried_at");
        const std::string error = text_of(w, "error");
        const std::string kinds = joined_names(w["events"]);
        table.add({text_of(w, "name"), text_of(w, "receiver"), text_of(w, "format"),
                   kinds.empty() ? "all" : kinds, where_text(w["where"], ", "),
                   std::to_string(number_of(w, "waiting")),
                   std::to_string(number_of(w, "delivered")),
                   std::to_string(number_of(w, "given_up")), time_text(tried),
                   error.empty() && !tried.empty() ? "well" : error});
    }
    context.out << (table.empty() ? "no webhooks: the configuration's `webhooks:` names them\n"
                                  : table.text());
    return kExitDone;
}

// How the webhook stands, or null.
Result<Json> webhook_named(AdminClient& client, const std::string& name) {
    Result<Json> all = client.get("/webhooks");
    if (!all) return all;
    for (const Json& w : (*all)["webhooks"]) {
        if (text_of(w, "name") == name) return w;
    }
    return Json(nullptr);
}

void add_test_command(CLI::App& family, CliContext& context) {
    auto name = std::make_shared<std::string>();
    CLI::App* test = family.add_subcommand("test", "Send a test event, and say how it went");
    test->add_option("webhook", *name, "Its name")->required();
    asks(*test, context, [&context, name](AdminClient& client) -> Result<int> {
        Result<Json> before = webhook_named(client, *name);
        if (!before) return std::unexpected(std::move(before).error());
        Result<Json> sent = client.post("/webhooks/" + segment(*name) + "/test", Json::object());
        if (!sent) return std::unexpected(std::move(sent).error());
        for (int i = 0; i < kTestWaitSeconds * 4; ++i) {
            client.wait(std::chrono::milliseconds{250});
            Result<Json> now = webhook_named(client, *name);
            if (!now) return std::unexpected(std::move(now).error());
            if (number_of(*now, "delivered") > number_of(*before, "delivered")) {
                if (context.json) print_json(context.out, *now);
                if (!context.json) context.out << *name << " was told\n";
                return kExitDone;
            }
            const bool tried = text_of(*now, "tried_at") != text_of(*before, "tried_at");
            if (!tried || text_of(*now, "error").empty()) continue;
            return fail(ErrorCode::provider_unreachable,
                        fmt::format("{} could not be told: {}. It is tried again by itself.", *name,
                                    text_of(*now, "error")));
        }
        return fail(
            ErrorCode::provider_timeout,
            fmt::format("{} has not been told yet; `weir webhooks` shows how it goes.", *name));
    });
}

void add_retry_command(CLI::App& family, CliContext& context) {
    auto name = std::make_shared<std::string>();
    CLI::App* retry = family.add_subcommand("retry", "Send again what was given up");
    retry->add_option("webhook", *name, "Its name")->required();
    asks(*retry, context, [&context, name](AdminClient& client) -> Result<int> {
        Result<Json> done = client.post("/webhooks/" + segment(*name) + "/retry", Json::object());
        if (!done) return std::unexpected(std::move(done).error());
        if (context.json) {
            print_json(context.out, *done);
        } else {
            const std::int64_t count = number_of(*done, "waiting_again");
            context.out << fmt::format("{} {} in line again\n", count,
                                       count == 1 ? "event is" : "events are");
        }
        return kExitDone;
    });
}

}  // namespace

void add_events_commands(CLI::App& app, CliContext& context) {
    add_events(app, context);
    CLI::App* webhooks =
        app.add_subcommand("webhooks", "Show who is told of events, and how that goes");
    webhooks->footer(
        "They are set in the configuration (`webhooks:`). What a receiver does not take is tried "
        "again\nfor about three days, and then given up.\n\nExamples:\n  weir webhooks\n  weir "
        "webhooks test slack");
    asks(*webhooks, context,
         [&context](AdminClient& client) { return show_webhooks(context, client); });
    add_test_command(*webhooks, context);
    add_retry_command(*webhooks, context);
}

}  // namespace weir::app
