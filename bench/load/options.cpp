#include "load/options.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fmt/core.h>
#include <map>
#include <string_view>

namespace weir::bench {
namespace {

constexpr std::string_view kUsage =
    "weir_load saturate|paced|streams|idle|held|start --upstream PORT [--target PORT] [--key KEY]\n"
    "  [--connections N] [--rate N] [--body small|agent] [--warm S] [--seconds S] [--watch PID]\n"
    "  [--cpu N] [--realtime] [-- COMMAND...]\n";

const std::map<std::string_view, Mode> kModes{
    {"saturate", Mode::saturate}, {"paced", Mode::paced}, {"streams", Mode::streams},
    {"idle", Mode::idle},         {"held", Mode::held},   {"start", Mode::start},
};

template <class T>
bool take_number(std::string_view text, T& out) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

bool take(std::string_view name, std::string_view value, Options& o) {
    if (name == "--upstream") return take_number(value, o.upstream_port);
    if (name == "--target") return take_number(value, o.target_port);
    if (name == "--connections") return take_number(value, o.connections) && o.connections > 0;
    if (name == "--rate") return take_number(value, o.rate) && o.rate > 0;
    if (name == "--warm") return take_number(value, o.warm_seconds);
    if (name == "--seconds") return take_number(value, o.seconds);
    if (name == "--watch") return take_number(value, o.watch);
    if (name == "--cpu") return take_number(value, o.cpu);
    if (name == "--key") {
        o.key = value;
        return true;
    }
    if (name == "--body") {
        o.body = value;
        return value == "small" || value == "agent";
    }
    return false;
}

}  // namespace

std::optional<Options> read_options(int argc, char** argv) {
    Options o;
    auto mode = argc > 1 ? kModes.find(argv[1]) : kModes.end();
    bool good = mode != kModes.end();
    if (good) o.mode = mode->second;
    for (int i = 2; good && i < argc; ++i) {
        std::string_view name = argv[i];
        if (name == "--") {
            o.command.assign(argv + i + 1, argv + argc);
            break;
        }
        if (name == "--realtime") {
            o.realtime = true;
            continue;
        }
        good = i + 1 < argc && take(name, argv[i + 1], o);
        if (!good) fmt::print(stderr, "weir_load: {} is not understood\n", name);
        ++i;
    }
    if (good && o.mode == Mode::start) good = !o.command.empty();
    if (good && o.upstream_port != 0) return o;
    fmt::print(stderr, "{}", kUsage);
    return std::nullopt;
}

}  // namespace weir::bench
