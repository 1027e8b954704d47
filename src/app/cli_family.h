// What the command families share: how a leaf command is made, how it fails, and what it prints.
// One file a family: cli_keys.cpp, cli_teams.cpp, …
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "app/admin_client.h"
#include "app/cli.h"
#include "base/time.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace weir::app {

void add_keys_commands(CLI::App& app, CliContext& context);
void add_teams_commands(CLI::App& app, CliContext& context);
void add_calls_commands(CLI::App& app, CliContext& context);
void add_why_command(CLI::App& app, CliContext& context);
void add_prices_commands(CLI::App& app, CliContext& context);
void add_ledger_commands(CLI::App& app, CliContext& context);
void add_budgets_commands(CLI::App& app, CliContext& context);
void add_providers_command(CLI::App& app, CliContext& context);
void add_stop_commands(CLI::App& app, CliContext& context);
void add_enforcement_commands(CLI::App& app, CliContext& context);
void add_events_commands(CLI::App& app, CliContext& context);
void add_audit_command(CLI::App& app, CliContext& context);
void add_apply_command(CLI::App& app, CliContext& context);

// What a command does: 0 or an error, which is told and becomes exit code 1.
using Command = std::function<Result<int>()>;
using ClientCommand = std::function<Result<int>(AdminClient&)>;

enum class Reach : std::uint8_t { api, directory };  // asks a running Weir; reads a data directory

// --json, --admin and --data, so that each command's help shows them.
void add_shared_options(CLI::App& leaf, CliContext& context, Reach reach);
// Makes `leaf` run `command` when it is the one that was named.
void runs(CLI::App& leaf, CliContext& context, Command command);
void asks(CLI::App& leaf, CliContext& context, ClientCommand command);
// A family's app: it needs one of its subcommands.
CLI::App* add_family(CLI::App& app, const std::string& name, const std::string& description);

void print_json(std::ostream& out, const Json& value);
// Text of a member, or "" for null and absent.
std::string text_of(const Json& object, const char* name);
std::int64_t number_of(const Json& object, const char* name);
// Of an object of lists: "team=support|sales" each, with `between` them.
std::string where_text(const Json& where, std::string_view between);

UnixTime present();

}  // namespace weir::app
