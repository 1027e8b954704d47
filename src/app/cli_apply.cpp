#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/apply_plan.h"
#include "app/cli_family.h"
#include "app/cli_text.h"
#include "app/small_file.h"

namespace weir::app {
namespace {

struct ApplyOptions {
    std::string file;
    bool dry_run = false;
    bool prune = false;
};

Result<ApplyPresent> read_present(AdminClient& client) {
    ApplyPresent present;
    const std::tuple<const char*, const char*, Json*> lists[] = {
        {"/teams", "teams", &present.teams},
        {"/keys?role=data&state=active", "keys", &present.keys},
        {"/budgets?limit=0", "budgets", &present.budgets},
        {"/stops", "stops", &present.stops},
    };
    for (const auto& [path, name, list] : lists) {
        Result<Json> answer = client.get(path);
        if (!answer) return std::unexpected(std::move(answer).error());
        *list = std::move((*answer)[name]);
    }
    return present;
}

Result<Json> make_change(AdminClient& client, const ApplyChange& change) {
    switch (change.verb) {
        case ApplyChange::Verb::post:
            return client.post(change.path, change.body);
        case ApplyChange::Verb::put:
            return client.put(change.path, change.body);
        case ApplyChange::Verb::patch:
            return client.patch(change.path, change.body);
        case ApplyChange::Verb::remove:
            break;
    }
    return client.remove(change.path);
}

Json plan_json(const ApplyPlan& plan, bool made) {
    Json changes = Json::array();
    for (const ApplyChange& change : plan.changes) {
        changes.push_back(
            {{"subject", change.subject}, {"before", change.before}, {"after", change.after}});
    }
    return {{"made", made}, {"changes", std::move(changes)}, {"missing_keys", plan.missing_keys}};
}

// What is done already stays, and is said; a second run goes on from there.
Result<> make_changes(CliContext& context, AdminClient& client, const ApplyPlan& plan,
                      const ApplyOptions& o) {
    std::size_t made = 0;
    for (const ApplyChange& change : plan.changes) {
        Result<Json> done = o.dry_run ? Result<Json>{Json{}} : make_change(client, change);
        if (!done) {
            return fail(done.error().code(),
                        fmt::format("{}: {} ({} of {} changes were made)", change.subject,
                                    done.error().message(), made, plan.changes.size()),
                        std::string{done.error().detail()});
        }
        ++made;
        if (!context.json) context.out << printable(change_text(change)) << "\n";
    }
    return {};
}

void print_summary(CliContext& context, const ApplyPlan& plan, const ApplyOptions& o) {
    if (context.json) return print_json(context.out, plan_json(plan, !o.dry_run));
    const std::size_t count = plan.changes.size();
    if (count == 0) {
        context.out << "nothing to change\n";
    } else {
        context.out << fmt::format("{} {}{}\n", count, count == 1 ? "change" : "changes",
                                   o.dry_run ? ", none of them made" : "");
    }
}

Result<int> apply(CliContext& context, AdminClient& client, const ApplyOptions& o) {
    Result<std::string> text = read_file(o.file);
    if (!text) return std::unexpected(std::move(text).error());
    Result<ApplyFile> file = parse_apply_file(*text, o.file);
    if (!file) return std::unexpected(std::move(file).error());
    Result<ApplyPresent> present = read_present(client);
    if (!present) return std::unexpected(std::move(present).error());
    Result<ApplyPlan> plan = plan_apply(*file, *present, o.prune);
    if (!plan) return std::unexpected(std::move(plan).error());
    if (Result<> made = make_changes(context, client, *plan, o); !made) {
        return std::unexpected(std::move(made).error());
    }
    print_summary(context, *plan, o);
    if (plan->missing_keys.empty()) return kExitDone;
    context.err << "weir: keys of the file that are not there; mint them:\n";
    for (const std::string& command : plan->missing_keys) {
        context.err << "  " << printable(command) << "\n";
    }
    return kExitFailed;
}

}  // namespace

void add_apply_command(CLI::App& app, CliContext& context) {
    auto o = std::make_shared<ApplyOptions>();
    CLI::App* command =
        app.add_subcommand("apply", "Make teams, keys' bindings, budgets and stops as a file says");
    command->add_option("-f,--file", o->file, "YAML; `weir check --reference` lists its keys")
        ->required()
        ->type_name("FILE");
    command->add_flag("--dry-run", o->dry_run, "Say what would change, change nothing");
    command->add_flag("--prune", o->prune,
                      "Remove budgets, and resume stops, that their section leaves out");
    command->footer(
        "A second run has nothing to change. What the file does not name is left alone; teams and "
        "keys are\nnever removed, and keys are minted by `weir keys create`, since a secret is no "
        "file's.\n\nExample of a file:\n"
        "  teams:\n    support: { department: service, cost_center: 4711 }\n"
        "  keys:\n    triage-bot: { team: support, application: support, environment: production "
        "}\n"
        "  budgets:\n    ticket: { where: { application: support }, by: trajectory, usd: 2, calls: "
        "60 }\n"
        "  stops:\n    - { where: { agent: crawler }, reason: it loops }\n\n"
        "Examples:\n  weir apply -f weir-state.yaml --dry-run\n  weir apply -f weir-state.yaml "
        "--prune");
    asks(*command, context,
         [&context, o](AdminClient& client) { return apply(context, client, *o); });
}

}  // namespace weir::app
