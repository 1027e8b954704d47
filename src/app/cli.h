// The subcommands that ask a running Weir over its admin API, or read a data directory beside it:
// keys, teams, calls, why, prices, ledger, budgets, stop, audit, apply. main.cpp adds `serve`,
// `check` and `demo` to the same CLI::App and hands it to run_command_line.
//
// Exit codes: 0 done, 1 it did not work (what to do is said on `err`), 2 wrong usage.
// Thread: main. Errors do not leave this file but as exit codes.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "app/config.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace weir::app {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// What all subcommands share. Outlives the CLI::App's parse and run.
struct CliContext {
    std::ostream& out;
    std::ostream& err;
    Environment environment = process_environment;
    bool json = false;           // --json: one JSON document, or one a line where rows stream
    std::string admin_url{};     // --admin, WEIR_ADMIN_URL
    std::string data_dir{};      // --data, WEIR_DATA
    std::function<int()> run{};  // set by the chosen subcommand's callback; its exit code
};

inline constexpr const char* kDefaultAdminUrl = "http://127.0.0.1:4001";
inline constexpr const char* kDefaultDataDir = "weir-data";
// In the data directory, mode 0600: `serve` writes Services::operator_key there at each start.
inline constexpr const char* kOperatorKeyFile = "operator.key";
// Beside it: the admin listener's URL, asked where neither --admin nor WEIR_ADMIN_URL names one.
inline constexpr const char* kAdminUrlFile = "admin.url";

// Adds the subcommands. Each callback only sets `context.run`.
void add_client_commands(CLI::App& app, CliContext& context);

// Parses, then runs what `context.run` became. Help and version go to `out`, usage errors to `err`.
int run_command_line(CLI::App& app, CliContext& context, int argc, const char* const* argv);

}  // namespace weir::app
