#include "app/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <ostream>
#include <span>

#include "app/cli_family.h"
#include "base/nearest.h"
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

std::string where_text(const Json& where, std::string_view between) {
    std::string out;
    for (const auto& [name, values] : where.items()) {
        if (!out.empty()) out += between;
        out += name + "=";
        for (std::size_t i = 0; i < values.size(); ++i) {
            out += (i == 0 ? "" : "|") + values[i].get<std::string>();
        }
    }
    return out;
}

UnixTime present() { return runtime::SystemClock{}.unix_now(); }

namespace {

std::string quoted_path(const CLI::App& app) {
    std::string path = app.get_name();
    for (const CLI::App* up = app.get_parent(); up != nullptr; up = up->get_parent()) {
        path = up->get_name() + " " + path;
    }
    return path;
}

// Says what is wrong, and where to read on: the help of the command that was reached.
void tell_misuse(CLI::App& app, std::ostream& err, const CLI::ParseError& wrong,
                 std::span<const char* const> words) {
    const CLI::App* reached = &app;
    std::string what = wrong.what();
    for (const std::string_view word : words) {
        const auto commands = reached->get_subcommands([](const CLI::App*) { return true; });
        if (word.starts_with('-') || commands.empty()) break;
        const auto named =
            std::ranges::find(commands, word, [](const CLI::App* c) { return c->get_name(); });
        if (named != commands.end()) {
            reached = *named;
            continue;
        }
        std::vector<std::string> names;
        for (const CLI::App* command : commands) names.push_back(command->get_name());
        const std::vector<std::string_view> views(names.begin(), names.end());
        what = fmt::format("there is no command '{} {}'{}", quoted_path(*reached), word,
                           did_you_mean(word, views));
        break;
    }
    fmt::print(err, "weir: {}\n`{} --help` says more.\n", what, quoted_path(*reached));
}

}  // namespace

void add_client_commands(CLI::App& app, CliContext& context) {
    add_keys_commands(app, context);
    add_teams_commands(app, context);
    add_calls_commands(app, context);
    add_why_command(app, context);
    add_budgets_commands(app, context);
    add_prices_commands(app, context);
    add_ledger_commands(app, context);
    add_providers_command(app, context);
    add_stop_commands(app, context);
    add_enforcement_commands(app, context);
    add_events_commands(app, context);
    add_audit_command(app, context);
    add_apply_command(app, context);
}

int run_command_line(CLI::App& app, CliContext& context, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // help, version
        app.exit(asked, context.out, context.err);
        return kExitDone;
    } catch (const CLI::ParseError& wrong) {
        const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
        tell_misuse(app, context.err, wrong, words.subspan(words.empty() ? 0 : 1));
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
