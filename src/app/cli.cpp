#include "app/cli.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <ostream>

#include "app/cli_family.h"
#include "runtime/clock.h"

namespace weir::app {

void add_shared_options(CLI::App& leaf, CliContext& context, Reach reach) {
    const std::string group = "Options of every command";
    leaf.add_flag("--json", context.json, "Print JSON, for programs")->group(group);
    if (reach == Reach::api) {
        leaf.add_option("--admin", context.admin_url,
                        "URL of Weir's admin listener (WEIR_ADMIN_URL)")
            ->type_name("URL")
            ->group(group);
    }
    leaf.add_option("--data", context.data_dir,
                    fmt::format("Weir's data directory (WEIR_DATA, else {})", kDefaultDataDir))
        ->type_name("DIR")
        ->group(group);
}

void runs(CLI::App& leaf, CliContext& context, Command command) {
    leaf.callback([&leaf, &context, command = std::move(command)] {
        // Of a command that also has subcommands, the one that was named has spoken already.
        if (!leaf.get_subcommands().empty()) return;
        context.run = [&context, command] {
            const Result<int> done = command();
            if (done) return *done;
            context.err << "weir: " << done.error().message() << "\n";
            if (!done.error().detail().empty()) {
                context.err << "      (" << done.error().detail() << ")\n";
            }
            return kExitFailed;
        };
    });
}

void asks(CLI::App& leaf, CliContext& context, ClientCommand command) {
    add_shared_options(leaf, context, Reach::api);
    runs(leaf, context, [&context, command = std::move(command)]() -> Result<int> {
        Result<AdminClient> client = AdminClient::open(context);
        if (!client) return std::unexpected(std::move(client).error());
        return command(*client);
    });
}

CLI::App* add_family(CLI::App& app, const std::string& name, const std::string& description) {
    CLI::App* family = app.add_subcommand(name, description);
    family->require_subcommand(1);
    return family;
}

void print_json(std::ostream& out, const Json& value) {
    out << value.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

std::string text_of(const Json& object, const char* name) {
    if (!object.is_object()) return {};
    const auto at = object.find(name);
    return at == object.end() || !at->is_string() ? std::string{} : at->get<std::string>();
}

std::int64_t number_of(const Json& object, const char* name) {
    if (!object.is_object()) return 0;
    const auto at = object.find(name);
    return at == object.end() || !at->is_number_integer() ? 0 : at->get<std::int64_t>();
}

UnixTime present() { return runtime::SystemClock{}.unix_now(); }

void add_client_commands(CLI::App& app, CliContext& context) {
    add_keys_commands(app, context);
    add_teams_commands(app, context);
    add_calls_commands(app, context);
    add_why_command(app, context);
    add_budgets_commands(app, context);
    add_prices_commands(app, context);
    add_ledger_commands(app, context);
    add_audit_command(app, context);
}

int run_command_line(CLI::App& app, CliContext& context, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // help, version
        app.exit(asked, context.out, context.err);
        return kExitDone;
    } catch (const CLI::ParseError& wrong) {
        app.exit(wrong, context.out, context.err);
        return kExitUsage;
    }
    if (!context.run) return kExitUsage;
    const int code = context.run();
    context.out.flush();
    if (code == kExitDone && !context.out.good()) {
        context.err << "weir: the output could not be written\n";
        return kExitFailed;
    }
    return code;
}

}  // namespace weir::app
