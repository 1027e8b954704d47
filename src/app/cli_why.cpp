#include <CLI/CLI.hpp>
#include <memory>

#include "app/cli_explain.h"
#include "app/cli_family.h"

namespace weir::app {

void add_why_command(CLI::App& app, CliContext& context) {
    auto id = std::make_shared<std::string>();
    CLI::App* why =
        app.add_subcommand("why", "Tell in sentences what happened to one call, and why");
    why->add_option("call", *id, "As in x-weir-call-id")->required()->type_name("ID");
    why->footer(
        "Tells how the caller was known, where each dimension came from, each budget's figures at\n"
        "that instant, what was changed on the way, how usage is known and which price it has.\n\n"
        "Example:\n  weir why call_00000000000000000001");
    asks(*why, context, [&context, id](AdminClient& client) -> Result<int> {
        Result<Json> call = client.get("/calls/" + segment(*id));
        if (!call) return std::unexpected(std::move(call).error());
        context.json ? print_json(context.out, *call) : void(context.out << explain_call(*call));
        return kExitDone;
    });
}

}  // namespace weir::app
