// The subcommands that are this process itself: serve, check and demo.
#pragma once

#include "app/cli.h"

namespace weir::app {

void add_serve_command(CLI::App& app, CliContext& context);
void add_check_command(CLI::App& app, CliContext& context);
void add_demo_command(CLI::App& app, CliContext& context);

// --config, else weir.yaml where there is one, else the environment. Errors: config_invalid.
Result<Config> find_config(const CliContext& context, const std::string& config_file);

// The fate of every endpoint, as docs/endpoints.md prints it.
std::string endpoint_reference();

}  // namespace weir::app
