#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <memory>
#include <ostream>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "app/commands.h"
#include "app/service.h"
#include "runtime/signals.h"

namespace weir::app {
namespace {

struct ServeOptions {
    std::string config_file;
    std::string log_level = "info";
};

std::string provider_names(const Config& config) {
    std::string names;
    for (const auto& provider : config.providers) {
        names += (names.empty() ? "" : ", ") + provider.name;
    }
    return names;
}

void tell_first_keys(std::ostream& out, const Service& service, const FirstKeys& keys) {
    fmt::print(out,
               "\n  first start: these keys are shown once, now\n"
               "    admin key  {}\n"
               "    team key   {}   team default, development\n\n"
               "  try it\n"
               "    curl {}/weir/me -H 'authorization: Bearer {}'\n",
               keys.admin.reveal(), keys.team.reveal(), service.gateway_url(), keys.team.reveal());
}

void tell_started(std::ostream& out, Service& service) {
    const Config& config = service.config();
    fmt::print(out,
               "weir {}\n"
               "  gateway    {}\n"
               "  admin      {}\n"
               "  providers  {}\n"
               "  budgets    {}{}\n"
               "  data       {} (start {})\n",
               WEIR_VERSION, service.gateway_url(), service.admin_url(), provider_names(config),
               config.budgets.size(),
               config.budgets.empty() ? ": nothing is held back yet, see `weir check`" : "",
               config.data_dir, service.epoch());
    auto [orphaned, released] = service.recovered();
    if (orphaned + released > 0) {
        fmt::print(out,
                   "  recovered  {} calls of an earlier start ended at their bounds (weir ledger "
                   "orphans), {} released\n",
                   orphaned, released);
    }
    if (auto keys = service.take_first_keys()) tell_first_keys(out, service, *keys);
    out.flush();
}

int serve(CliContext& context, const ServeOptions& options) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "weir", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    spdlog::set_level(spdlog::level::from_str(options.log_level));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    runtime::block_signals({SIGTERM, SIGINT, SIGHUP});
    auto config = find_config(context, options.config_file);
    if (!config) {
        fmt::print(context.err, "weir: {}\n", config.error().message());
        return kExitFailed;
    }
    auto service = Service::start(std::move(*config));
    if (!service) {
        const Error& error = service.error();
        fmt::print(context.err, "weir: {}{}{}\n", error.message(),
                   error.detail().empty() ? "" : ": ", error.detail());
        return kExitFailed;
    }
    tell_started(context.out, **service);
    (*service)->run();
    return kExitDone;
}

}  // namespace

Result<Config> find_config(const CliContext& context, const std::string& config_file) {
    constexpr const char* kUsual = "weir.yaml";
    bool usual = config_file.empty() && std::filesystem::exists(kUsual);
    auto config = config_file.empty() && !usual
                      ? zero_config(context.environment)
                      : read_config(usual ? kUsual : config_file, context.environment);
    bool named = !context.data_dir.empty() && context.data_dir != kDefaultDataDir;
    if (config && named) config->data_dir = context.data_dir;
    return config;
}

void add_serve_command(CLI::App& app, CliContext& context) {
    auto options = std::make_shared<ServeOptions>();
    CLI::App* serve_app = app.add_subcommand("serve", "Run the gateway");
    serve_app->add_option(
        "-c,--config", options->config_file,
        "Configuration file (weir.yaml where there is one, else the environment)");
    serve_app->add_option("--log-level", options->log_level, "trace, debug, info, warn, error, off")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
    serve_app->footer(
        "Without a file, the providers whose key is in the environment are served:\n"
        "  OPENAI_API_KEY=… ANTHROPIC_API_KEY=… weir serve\n"
        "The first start prints an admin key and a team key. SIGTERM drains, SIGHUP reads the\n"
        "configuration again.");
    serve_app->callback([&context, options] {
        context.run = [&context, options] {
            return serve(context, *options);
        };
    });
}

}  // namespace weir::app
