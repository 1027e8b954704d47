#include <CLI/CLI.hpp>
#include <csignal>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <memory>
#include <ostream>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "app/books.h"
#include "app/commands.h"
#include "app/demo_ground.h"
#include "app/demo_spiral.h"
#include "app/demo_world.h"
#include "app/service.h"
#include "runtime/listener.h"
#include "runtime/signals.h"
#include "store/queries.h"

namespace weir::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kSpeed = 60;  // a simulated minute a second

struct DemoOptions {
    DemoPlan plan;
    bool quiet = false;
    double for_seconds = 0;  // 0: until Ctrl-C
    SpiralOptions spiral;
};

int told(CliContext& context, const Error& error) {
    fmt::print(context.err, "weir: {}{}{}\n", error.message(), error.detail().empty() ? "" : ": ",
               error.detail());
    return kExitFailed;
}

sim::Settings provider_settings(std::uint64_t seed) {
    sim::Settings settings;
    settings.seed = seed;
    settings.speed = kSpeed;
    settings.first_byte = milliseconds{600};
    settings.chunk_delay = milliseconds{45};
    settings.attempts_kept = 1'000;
    for (const char* rate : {"http=429:0.004", "reset_mid=3:0.001"}) {
        if (auto parsed = sim::parse_fault_rate(rate)) settings.faults.push_back(*parsed);
    }
    return settings;
}

// The usual ports where they are free, else any.
void choose_ports(Config& config) {
    for (ListenAddress* address : {&config.listen, &config.admin}) {
        if (!runtime::check_port_is_free(address->host, address->port)) address->port = 0;
    }
}

std::string curl_line(const Service& service, const DemoGround& ground) {
    return fmt::format(
        "curl -i {}/v1/chat/completions -H 'authorization: Bearer {}' "
        "-H 'content-type: application/json' -d '{}'",
        service.gateway_url(), ground.visitor_key.reveal(),
        R"({"model":"gpt-6-sol","max_completion_tokens":200,)"
        R"("messages":[{"role":"user","content":"What is a weir?"}]})");
}

void tell_past(std::ostream& out, const agents::HistoryCounts& past, int days, Duration took) {
    fmt::print(out, "{} days of past: {} calls, ${}, {} refused; written in {:.1f} s\n\n", days,
               past.calls, past.cost.to_usd(2), past.refusals,
               static_cast<double>(took.count()) / 1e9);
}

void tell_started(std::ostream& out, const Service& service, const DemoGround& ground) {
    const std::string& data = ground.config.data_dir;
    fmt::print(out, "weir demo — simulated providers, nothing leaves this machine\n");
    fmt::print(out, "  gateway    {:<29}admin      {}\n", service.gateway_url(),
               service.admin_url());
    fmt::print(out, "  your key   {}   development · $0.05 a day\n", ground.visitor_key.reveal());
    fmt::print(out, "  1  talk to it       {}\n", curl_line(service, ground));
    fmt::print(out, "     and say for what  -H 'x-weir-task-type: chat'\n");
    fmt::print(out, "  2  see a cap hold   weir demo spiral\n");
    fmt::print(out, "  3  use your own     OPENAI_API_KEY=… ANTHROPIC_API_KEY=… weir serve\n");
    fmt::print(out, "  watch the agents    weir calls --follow --data {}\n", data);
    fmt::print(out, "  ask why             weir why <call> --data {}\n", data);
    out.flush();
}

// What the agents have come to since the start: from the ledger, and from what they were told.
class Reporter {
 public:
    Reporter(std::ostream& out, std::string database, const runtime::Clock& clock)
        : out_(out), database_(std::move(database)), clock_(clock), begun_(clock.unix_now()) {}

    // Thread: the clients', where it stays.
    runtime::Task<void> report(agents::LiveWire& wire) {
        auto queries = store::Queries::open(database_);
        if (!queries) co_return;
        Money before = sum(**queries);
        for (;;) {
            co_await wire.pause(seconds{300});  // of theirs
            Money spent = sum(**queries) - before;
            auto counts = wire.counts();
            fmt::print(out_,
                       "  {:>4} s   {} calls   ${}   {} refused   {} failed and tried again\n",
                       (clock_.unix_now() - begun_) / seconds{1}, counts.calls, spent.to_usd(4),
                       counts.refused, counts.failed);
            out_.flush();
        }
    }

 private:
    Money sum(store::Queries& queries) const {
        store::SpendQuery query;
        query.from = begun_;
        query.until = clock_.unix_now() + seconds{1};
        auto rows = queries.spend(query);
        Money total;
        if (rows) {
            for (const store::SpendRow& row : *rows) total += row.sums.cost;
        }
        return total;
    }

    std::ostream& out_;
    std::string database_;
    const runtime::Clock& clock_;
    UnixTime begun_;
};

runtime::Task<void> shut_down_after(agents::LiveWire& wire, Duration d, Service& service) {
    co_await wire.pause(d * static_cast<std::int64_t>(kSpeed));
    service.shut_down();
}

void put_to_work(const DemoOptions& options, Service& service, Reporter& reporter,
                 ClientThread& clients) {
    clients.open_office({.seed = options.plan.seed + service.epoch(),
                         .first_number = service.epoch() * 10'000U,
                         .always_open = true});
    if (!options.quiet) {
        clients.run([&reporter](agents::LiveWire& wire) { return reporter.report(wire); });
    }
    if (options.for_seconds <= 0) return;
    auto d = milliseconds{static_cast<std::int64_t>(options.for_seconds * 1'000)};
    clients.run(
        [d, &service](agents::LiveWire& wire) { return shut_down_after(wire, d, service); });
}

int demo(CliContext& context, DemoOptions& options) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "weir", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    spdlog::set_level(spdlog::level::err);
    runtime::block_signals({SIGTERM, SIGINT, SIGHUP});
    runtime::SystemClock clock;
    runtime::SystemRng rng;

    auto provider = SimulatedProvider::open(provider_settings(options.plan.seed), clock);
    if (!provider) return told(context, provider.error());
    options.plan.provider_url = (*provider)->url();
    MonoTime begun = clock.mono_now();
    auto ground = prepare_demo(options.plan, clock, rng);
    if (!ground) return told(context, ground.error());
    if (ground->has_new_past) {
        tell_past(context.out, ground->past, options.plan.days, clock.mono_now() - begun);
    }
    choose_ports(ground->config);
    ground->config.drain_seconds = 5;
    auto service = Service::start(ground->config);
    if (!service) return told(context, service.error());
    tell_started(context.out, **service, *ground);

    const ListenAddress& listen = (*service)->config().listen;
    Reporter reporter{context.out, database_path(options.plan.data_dir), clock};
    ClientThread clients{{.gateway = {.host = listen.host, .port = listen.port},
                          .keys = ground->keys,
                          .speed = kSpeed,
                          .start = clock.unix_now()}};
    put_to_work(options, **service, reporter, clients);
    (*service)->run();
    clients.stop();
    return kExitDone;
}

int spiral(CliContext& context, DemoOptions& options) {
    spdlog::set_level(spdlog::level::err);
    options.spiral.seed = options.plan.seed;
    auto outcome = run_spiral(options.spiral);
    if (!outcome) return told(context, outcome.error());
    fmt::print(context.out, "{}", spiral_text(options.spiral, *outcome));
    return kExitDone;
}

}  // namespace

void add_demo_command(CLI::App& app, CliContext& context) {
    auto options = std::make_shared<DemoOptions>();
    CLI::App* demo_app =
        app.add_subcommand("demo", "Run the gateway with simulated providers and agents at work");
    demo_app->add_option("--data", options->plan.data_dir, "Data directory of the demo")
        ->capture_default_str();
    demo_app->add_flag("--fresh", options->plan.fresh, "Begin anew: another past, other keys");
    demo_app->add_flag("-q,--quiet", options->quiet, "Do not tell what the agents come to");
    demo_app->add_option("--for", options->for_seconds, "End by itself after so many seconds")
        ->type_name("SECONDS")
        ->check(CLI::PositiveNumber);
    demo_app->add_option("--seed", options->plan.seed, "Of all that is left to chance")
        ->capture_default_str();
    demo_app->footer(
        "It writes 30 days of past in seconds, then agents of several teams go on at 60 × speed.\n"
        "Nothing leaves this machine. Ctrl-C ends it; started again, it goes on.");
    demo_app->callback([&context, options, demo_app] {
        if (!demo_app->get_subcommands().empty()) return;
        context.run = [&context, options] {
            return demo(context, *options);
        };
    });

    CLI::App* spiral_app =
        demo_app->add_subcommand("spiral", "See a budget hold an agent that never gives up");
    CLI::Option* agents =
        spiral_app
            ->add_option("--agents", options->spiral.agents,
                         "So many at once, and beside them a gateway that counts afterwards")
            ->check(CLI::Range(1, 512))
            ->capture_default_str();
    spiral_app->footer(
        "One agent runs into its ticket's two dollars and is told so. With --agents, as many "
        "share\n"
        "one ticket; the same agents then go past a counter that learns of costs when answers "
        "come.");
    spiral_app->callback([&context, options, agents] {
        options->spiral.with_twin = agents->count() > 0;
        context.run = [&context, options] {
            return spiral(context, *options);
        };
    });
}

}  // namespace weir::app
