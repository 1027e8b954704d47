#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

std::string enforcement_text(const Json& enforcement) {
    if (text_of(enforcement, "mode") != "observe") {
        return "enforced: budgets, rate limits and access rules hold calls back\n";
    }
    return printable(fmt::format("observed until {}, by {}: {}",
                                 time_text(text_of(enforcement, "until")),
                                 text_of(enforcement, "actor"), text_of(enforcement, "reason"))) +
           "\n    nothing is held back; go on with: weir enforcement enforce\n";
}

Result<int> show(CliContext& context, const Result<Json>& enforcement) {
    if (!enforcement) return std::unexpected(enforcement.error());
    context.json ? print_json(context.out, *enforcement)
                 : void(context.out << enforcement_text(*enforcement));
    return kExitDone;
}

}  // namespace

void add_enforcement_commands(CLI::App& app, CliContext& context) {
    CLI::App* family = app.add_subcommand(
        "enforcement", "Whether rules hold calls back; let them only watch for a while");
    family->footer("Example:\n  weir enforcement");
    asks(*family, context,
         [&context](AdminClient& client) { return show(context, client.get("/enforcement")); });

    struct Options {
        std::string until;
        std::string reason;
    };
    auto o = std::make_shared<Options>();
    CLI::App* observe = family->add_subcommand(
        "observe",
        "Budgets, rate limits and access rules decide and record, and hold nothing back");
    observe->add_option("--for", o->until, "How long, or until when: 2h, friday")
        ->required()
        ->type_name("WHEN");
    observe->add_option("--reason", o->reason, "Why; goes to the audit log")
        ->required()
        ->type_name("TEXT");
    observe->footer(
        "It ends by itself. Stops and the models that keys are bound to stay in force. Answers "
        "name "
        "what\nwould have refused them (x-weir-observed).\n\nExample:\n  weir enforcement observe "
        "--for 2h --reason \"incident 4711\"");
    asks(*observe, context, [&context, o](AdminClient& client) -> Result<int> {
        const Result<UnixTime> until = parse_future(o->until, present());
        if (!until) return std::unexpected(until.error());
        return show(context, client.put("/enforcement",
                                        {{"until", to_rfc3339(*until)}, {"reason", o->reason}}));
    });

    CLI::App* enforce = family->add_subcommand("enforce", "Hold back again, from now on");
    enforce->footer("Example:\n  weir enforcement enforce");
    asks(*enforce, context,
         [&context](AdminClient& client) { return show(context, client.remove("/enforcement")); });
}

}  // namespace weir::app
