// weir-sim: the simulated provider as a program.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sim/provider/simulator.h"

namespace weir::sim {
namespace {

struct Options {
    Simulator::Options simulator{.port = 4010};
    std::string port_file;
    std::string on_cut = "bill-on";
    std::string json = "python";
    bool keyless = false;
    bool no_cache = false;
    bool unanswered_free = false;
    double first_byte_ms = 0;
    double chunk_delay_ms = 0;
    std::vector<std::string> faults;
};

std::string footer() {
    std::string out =
        "\nFaults, by request header `x-sim-fault: reset_mid=3; comments`, behind the model's "
        "name\n"
        "(`gpt-5-mini@fault=reset_mid=3`), or at a rate (`--fault reset_mid=3:0.05`). With "
        "`,times=1`\n"
        "only the first attempts of one tag, or of one body, have it.\n";
    for (const FaultInfo& info : fault_table()) {
        std::string name = "  " + std::string{info.name};
        if (!info.argument.empty()) {
            name.append("=<").append(info.argument).append(", else ");
            name.append(std::to_string(info.otherwise)).append(">");
        }
        name.resize(std::max<std::size_t>(name.size() + 2, 40), ' ');
        out.append(name).append(info.help).append("\n");
    }
    out +=
        "\nWishes, by header `x-sim-output: 200` or behind the model's name "
        "(`gpt-5-mini@output=200`):\n";
    for (const WishInfo& wish : wish_table()) {
        std::string name = "  " + std::string{wish.name};
        name.resize(std::max<std::size_t>(name.size() + 2, 40), ' ');
        out.append(name).append(wish.help).append("\n");
    }
    out +=
        "\nThe tag that the bill shows is the body's metadata.sim_tag, else the header x-sim-tag, "
        "else\n"
        "`user`, `safety_identifier` or metadata.user_id.\n"
        "GET /sim/bill[?tag=…&since=N] is the bill, /sim/totals its sums, /sim/requests[?tag=…] "
        "the last\n"
        "requests as they came; POST /sim/reset forgets it all.\n";
    return out;
}

void add_options(CLI::App& app, Options& options) {
    Settings& settings = options.simulator.settings;
    app.add_option("--host", options.simulator.host, "address to listen on")->capture_default_str();
    app.add_option("--port", options.simulator.port, "0: any free one")->capture_default_str();
    app.add_option("--port-file", options.port_file, "written when it listens, with the port");
    app.add_option("--bill", options.simulator.bill_file,
                   "append the bill to this file, a JSON object a line");
    app.add_option("--seed", settings.seed, "of all that is left to chance")->capture_default_str();
    app.add_option("--on-cut", options.on_cut, "when a client goes: bill-on, or stop")
        ->check(CLI::IsMember({"bill-on", "stop"}))
        ->capture_default_str();
    app.add_flag("--unanswered-free", options.unanswered_free,
                 "attempts that were cut or timed out before the first byte cost nothing");
    app.add_option("--first-byte-ms", options.first_byte_ms, "time to the first byte")
        ->capture_default_str();
    app.add_option("--chunk-delay-ms", options.chunk_delay_ms, "time between chunks")
        ->capture_default_str();
    app.add_option("--speed", settings.speed, "divides all times")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--output-mean", settings.output_mean, "tokens of an answer's text")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--output-most", settings.output_most, "tokens of an answer, at most")
        ->check(CLI::Range(1, 10'000'000))
        ->capture_default_str();
    app.add_option("--tokens-per-chunk", settings.tokens_per_chunk, "of a stream")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--tool-chance", settings.tool_chance, "that a tool is called where one may be")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    app.add_option("--tool-rounds", settings.tool_rounds_most, "after which a loop of tools ends")
        ->capture_default_str();
    app.add_option("--refusal-chance", settings.refusal_chance, "that the model declines")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    app.add_flag("--greedy", settings.greedy, "answers are as long as they may be");
    app.add_option(
           "--json", options.json,
           "how bodies are read: python (last key wins), or go (also of keys that differ in "
           "case only; answers are then as long as they may be)")
        ->check(CLI::IsMember({"python", "go"}))
        ->capture_default_str();
    app.add_flag("--no-cache", options.no_cache, "no prompt caching");
    app.add_flag("--keyless", options.keyless, "requests need no key");
    app.add_option("--fault", options.faults, "name[=argument]:probability; can be repeated");
}

Result<> finish_settings(Options& options) {
    Settings& settings = options.simulator.settings;
    auto ms = [](double value) {
        return Duration{static_cast<std::int64_t>(value * 1e6)};
    };
    settings.first_byte = ms(options.first_byte_ms);
    settings.chunk_delay = ms(options.chunk_delay_ms);
    settings.on_cut = options.on_cut == "stop" ? OnCut::stop : OnCut::bill_on;
    settings.reading = options.json == "go" ? Reading::go : Reading::python;
    settings.bill_unanswered = !options.unanswered_free;
    settings.caching = !options.no_cache;
    settings.require_key = !options.keyless;
    for (const std::string& text : options.faults) {
        auto rate = parse_fault_rate(text);
        if (!rate) return std::unexpected(rate.error());
        settings.faults.push_back(*rate);
    }
    return {};
}

// Ends the loop at SIGTERM or SIGINT: no more connections, a moment for those at work.
class Signals final : private runtime::EventSource {
 public:
    Signals(runtime::Loop& loop, Simulator& simulator) : loop_(loop), simulator_(simulator) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, nullptr);
        fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        loop_.add(fd_, *this, EPOLLIN);
    }
    Signals(const Signals&) = delete;
    ~Signals() { ::close(fd_); }

 private:
    void on_event(std::uint32_t) override {
        signalfd_siginfo info{};
        if (::read(fd_, &info, sizeof info) <= 0) return;
        simulator_.drain();
        tasks_.spawn(stop_when_drained(loop_, simulator_));
        tasks_.spawn(stop_after(loop_, std::chrono::seconds{1}));
    }
    static runtime::Task<void> stop_when_drained(runtime::Loop& loop, Simulator& simulator) {
        co_await simulator.drained();
        loop.stop();
    }
    static runtime::Task<void> stop_after(runtime::Loop& loop, Duration time) {
        co_await loop.sleep(time);
        loop.stop();
    }

    runtime::Loop& loop_;
    Simulator& simulator_;
    int fd_ = -1;
    runtime::TaskGroup tasks_;
};

int complain(const Error& error) {
    std::cerr << "weir-sim: " << error.message();
    if (!error.detail().empty()) std::cerr << " (" << error.detail() << ")";
    std::cerr << "\n";
    return 1;
}

// Written whole or not at all, since somebody waits for it.
bool write_port(const std::string& path, std::uint16_t port) {
    std::string draft = path + ".new";
    {
        std::ofstream file{draft};
        file << port << "\n";
        if (!file.flush()) return false;
    }
    return std::rename(draft.c_str(), path.c_str()) == 0;
}

int run(Options options) {
    if (auto finished = finish_settings(options); !finished) return complain(finished.error());
    runtime::Loop loop;
    runtime::SystemClock clock;
    auto simulator = Simulator::open(loop, clock, std::move(options.simulator));
    if (!simulator) return complain(simulator.error());
    Signals signals{loop, **simulator};
    std::uint16_t port = (*simulator)->port();
    if (!options.port_file.empty() && !write_port(options.port_file, port)) {
        return complain(Error{ErrorCode::io, "Cannot write " + options.port_file + "."});
    }
    std::cout << "weir-sim listens on " << (*simulator)->url() << std::endl;
    loop.run();
    return 0;
}

}  // namespace
}  // namespace weir::sim

int main(int argc, char** argv) {
    CLI::App app{
        "A simulated provider: OpenAI and Anthropic in one, seeded, faulty on demand, with "
        "a bill of its own.",
        "weir-sim"};
    weir::sim::Options options;
    weir::sim::add_options(app, options);
    app.footer(weir::sim::footer());
    CLI11_PARSE(app, argc, argv);
    return weir::sim::run(std::move(options));
}
