#include <CLI/CLI.hpp>
#include <iostream>

#include "app/cli.h"
#include "app/commands.h"

int main(int argc, char** argv) {
    using namespace weir::app;
    CLI::App app{
        "Weir: a gateway that meters every model call exactly and holds it to its budgets.",
        "weir"};
    app.set_version_flag("--version", std::string("weir ") + WEIR_VERSION);
    app.require_subcommand(1);
    CliContext context{
        .out = std::cout, .err = std::cerr, .admin_url = {}, .data_dir = {}, .run = {}};
    add_serve_command(app, context);
    add_check_command(app, context);
    add_demo_command(app, context);
    add_client_commands(app, context);
    return run_command_line(app, context, argc, argv);
}
